"""What the blocks of a group follow from, and what groups have in common that differ only in their decisions' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from tsdsl.network.reading import Reading
from tsdsl.operators.layers import Block, Segment, Width
from tsdsl.operators.registry import BLOCKS
from tsdsl.operators.schema import BlockLayers, BlockPlace, Setting, Settings
from tsdsl.operators.varying import Axis, Count, TableTooLarge, Varying, rounded
from tsdsl.space.parts import DecisionRef, Group, Value

Plain: TypeAlias = int | float | str
MOST_REMEMBERED = 16384


class GroupPlace(NamedTuple):
    """Where a group stands: it sees `sizes_in` frames, rows and columns, after so many blocks of its stage."""

    width_in: Width
    sizes_in: tuple[int, int, int]
    repeat: int
    blocks_before: int


@dataclass(frozen=True, eq=False)
class GroupLayout:
    """A group's settings and place, and what follows from them."""

    layers: BlockLayers
    settings: Settings
    place: GroupPlace

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, one after the other."""
        width = self.place.width_in
        found = []
        for index in range(self.place.repeat):
            block = self.layers(self.settings, width, BlockPlace(index, self.place.blocks_before + index))
            found.append(replace(block, name=f"block{index}"))
            width = block.width
        return tuple(found)

    @cached_property
    def width_out(self) -> Width:
        """The width after the last block; where it is the same after other groups too, it is the same object."""
        if not self.axes:
            return self.blocks[-1].width
        try:
            width = _width_out(self.alike)
        except TableTooLarge as error:
            raise self.named(error) from None
        return named_width(width, self.axes)

    def named(self, error: TableTooLarge) -> TableTooLarge:
        """What went wrong with groups that are laid out alike, with the names of this group's decisions."""
        return TableTooLarge([self.axes[axis.rank] for axis in error.axes])

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the decisions that the group depends on, in the space's order."""
        found: set[Axis] = set()
        for setting in self.settings.values.values():
            for value in setting if isinstance(setting, tuple) else (setting,):
                if isinstance(value, Varying):
                    found.update(value.scope)
        for segment in self.place.width_in.segments:
            if isinstance(segment.length, Varying):
                found.update(segment.length.scope)
        return tuple(sorted(found))

    @cached_property
    def alike(self) -> Alike:
        """The group with its axes called by their numbers among themselves."""
        numbers = {axis: number for number, axis in enumerate(self.axes)}
        return Alike(
            self.layers,
            tuple([(name, _key(setting, numbers)) for name, setting in self.settings.values.items()]),
            tuple([(_single_key(segment.length, numbers), segment.offset) for segment in self.place.width_in.segments]),
            *self.place[1:],
        )


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
    """What groups have in common that are laid out alike."""

    layers: BlockLayers
    settings: tuple[tuple[str, Key], ...]
    width_in: tuple[tuple[Key, int], ...]
    sizes_in: tuple[int, int, int]
    repeat: int
    blocks_before: int

    def layout(self) -> GroupLayout:
        """Such a group, its axes named by their numbers."""
        settings = Settings({name: _setting(key) for name, key in self.settings})
        width_in = Width(tuple(Segment(_count(key), offset) for key, offset in self.width_in))
        return GroupLayout(self.layers, settings, GroupPlace(width_in, self.sizes_in, self.repeat, self.blocks_before))


@lru_cache(maxsize=MOST_REMEMBERED)
def _width_out(alike: Alike) -> Width:
    return alike.layout().blocks[-1].width


def lay_out(group: Group, reading: Reading, width_factor: float, place: GroupPlace) -> GroupLayout:
    """What the blocks of a group follow from; the same object where a group that is the same stands in the same place.

    Its channels are multiplied by `width_factor`.
    """
    if not reading.axes:
        return _laid_out(group, reading, width_factor, place)
    named = [value.decision for value in group.attributes.values() if isinstance(value, DecisionRef)]
    return _remembered_layout(group, tuple([reading.axes[path] for path in named]), width_factor, place)


@lru_cache(maxsize=MOST_REMEMBERED)
def _remembered_layout(
    group: Group, choices: tuple[tuple[Axis, tuple[Value, ...]], ...], width_factor: float, place: GroupPlace
) -> GroupLayout:
    reading = Reading(axes={axis.path: (axis, values) for axis, values in choices})
    return _laid_out(group, reading, width_factor, place)


def _laid_out(group: Group, reading: Reading, width_factor: float, place: GroupPlace) -> GroupLayout:
    operator = BLOCKS[group.operator]
    settings = reading.settings(operator.attributes, group.attributes)
    if width_factor != 1.0 and settings.given("channels"):
        channels = rounded(settings.count("channels"), width_factor, 8)
        settings = Settings({**settings.values, "channels": channels})
    return GroupLayout(operator.layers, settings, place)


def named_width(width: Width, axes: Sequence[Axis]) -> Width:
    """A width over axes called by their numbers, with their names; the same object where all is the same."""
    lengths = [segment.length for segment in width.segments]
    used = sorted({axis.rank for length in lengths if isinstance(length, Varying) for axis in length.scope})
    numbers = {Axis(number, f"#{number}", axes[number].size): position for position, number in enumerate(used)}
    keys = tuple([(_single_key(segment.length, numbers), segment.offset) for segment in width.segments])
    return _named_width(keys, tuple([axes[number] for number in used]))


@lru_cache(maxsize=MOST_REMEMBERED)
def _named_width(segments: tuple[tuple[Plain | Table, int], ...], axes: tuple[Axis, ...]) -> Width:
    found = []
    for key, offset in segments:
        length = _count(key)
        if isinstance(length, Varying):
            length = Varying(tuple([axes[axis.rank] for axis in length.scope]), length.table)
        found.append(Segment(length, offset))
    return Width(tuple(found))


def _key(setting: Setting, numbers: Mapping[Axis, int]) -> Key:
    if isinstance(setting, tuple):
        return tuple([_single_key(value, numbers) for value in setting])
    return _single_key(setting, numbers)


def _single_key(value: Count | float | str, numbers: Mapping[Axis, int]) -> Plain | Table:
    if not isinstance(value, Varying):
        return value
    return as_key(value, numbers)


def as_key(table: Varying, numbers: Mapping[Axis, int]) -> Table:
    """A table as a key, its axes called by these numbers."""
    axes = tuple([numbers[axis] for axis in table.scope])
    return Table(axes, table.table.shape, table.table.dtype.str, table.table.tobytes())


def _setting(key: Key) -> Setting:
    if isinstance(key, tuple):
        t, h, w = (_count(part) for part in key)
        return t, h, w
    return varying(key) if isinstance(key, Table) else key


def _count(key: Key) -> Count:
    if isinstance(key, Table):
        return varying(key)
    assert isinstance(key, int)
    return key


def varying(key: Table) -> Varying:
    """The table that `as_key` made a key of, its axes named by their numbers."""
    scope = tuple(Axis(number, f"#{number}", size) for number, size in zip(key.axes, key.sizes, strict=True))
    return Varying(scope, np.frombuffer(key.numbers, dtype=key.kind).reshape(key.sizes))
