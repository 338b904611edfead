"""The costs of a group as small tables, worked out once for all groups that are alike but for their decisions' names.

Own design. A large space is made of few kinds of groups, and an edit changes few of them. So the axes of a group's
decisions are renamed to their order among themselves; what is left is a plain key, whose tables are remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from tsdsl.analysis.cost import node_macs, node_params
from tsdsl.analysis.merging import merged, without_idle_axes
from tsdsl.analysis.network import GroupLayout, Node, Shape
from tsdsl.operators.layers import Segment, Width, block_widths
from tsdsl.operators.schema import Setting, Settings
from tsdsl.operators.varying import Axis, Count, Varying, minimum

MOST_REMEMBERED = 8192

Plain: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Table:
    """A `Varying` as a key: which of the group's axes, how long they are, and the numbers."""

    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    kind: str
    numbers: bytes


Key: TypeAlias = Plain | Table | tuple[Plain | Table, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """What groups have in common whose costs are the same tables."""

    operator: str
    settings: tuple[tuple[str, Key], ...]
    width_in: tuple[tuple[Key, int], ...]
    sizes_in: tuple[int, int, int]
    repeat: int
    blocks_before: int


@dataclass(frozen=True, slots=True)
class GroupTables:
    """Tables over a group's axes whose sums are multiply-adds and parameters, and the least width of its layers."""

    macs: tuple[Varying, ...]
    params: tuple[Varying, ...]
    least_width: int


def group_tables(node: Node, layout: GroupLayout) -> GroupTables:
    """The tables of a group's node over its own axes."""
    values = [value for setting in layout.settings.values.values() for value in _parts(setting)]
    values += [segment.length for segment in layout.width_in.segments]
    axes = sorted({axis for value in values if isinstance(value, Varying) for axis in value.scope})
    numbers = {axis: number for number, axis in enumerate(axes)}
    shape = node.shape_in
    alike = Alike(
        layout.operator,
        tuple((name, _key(setting, numbers)) for name, setting in layout.settings.values.items()),
        tuple((_key(segment.length, numbers), segment.offset) for segment in layout.width_in.segments),
        (shape.frames, shape.height, shape.width),
        layout.repeat,
        layout.blocks_before,
    )
    found = _tables(alike)
    return GroupTables(_over(found.macs, axes), _over(found.params, axes), found.least_width)


def _parts(setting: Setting) -> tuple[Count | float | str, ...]:
    return setting if isinstance(setting, tuple) else (setting,)


def _key(setting: Setting, numbers: Mapping[Axis, int]) -> Key:
    if isinstance(setting, tuple):
        return tuple(_single_key(value, numbers) for value in setting)
    return _single_key(setting, numbers)


def _single_key(value: Count | float | str, numbers: Mapping[Axis, int]) -> Plain | Table:
    if not isinstance(value, Varying):
        return value
    axes = tuple([numbers[axis] for axis in value.scope])
    return Table(axes, value.table.shape, value.table.dtype.str, value.table.tobytes())


def _over(tables: Sequence[Varying], axes: Sequence[Axis]) -> tuple[Varying, ...]:
    return tuple(Varying(tuple([axes[axis.rank] for axis in table.scope]), table.table) for table in tables)


@lru_cache(maxsize=MOST_REMEMBERED)
def _tables(alike: Alike) -> GroupTables:
    settings = Settings({name: _setting(key) for name, key in alike.settings})
    width_in = Width(tuple(Segment(_count(key), offset) for key, offset in alike.width_in))
    layout = GroupLayout(alike.operator, settings, width_in, alike.repeat, alike.blocks_before)
    shape = Shape(width_in.channels, *alike.sizes_in)
    node = Node("", "group", "", (), shape, shape, blocks=layout.blocks())
    macs, params = (tuple(merged(without_idle_axes(counts))) for counts in (node_macs(node), node_params(node)))
    return GroupTables(
        macs, params, min((minimum(width) for block in node.blocks for width in block_widths(block)), default=1)
    )


def _setting(key: Key) -> Setting:
    if isinstance(key, tuple):
        t, h, w = (_count(part) for part in key)
        return t, h, w
    return _varying(key) if isinstance(key, Table) else key


def _count(key: Key) -> Count:
    if isinstance(key, Table):
        return _varying(key)
    assert isinstance(key, int)
    return key


def _varying(key: Table) -> Varying:
    scope = tuple(Axis(number, f"#{number}", size) for number, size in zip(key.axes, key.sizes, strict=True))
    return Varying(scope, np.frombuffer(key.numbers, dtype=key.kind).reshape(key.sizes))
