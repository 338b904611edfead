"""What the blocks of a group follow from, and what groups have in common that differ only in their decisions' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from tsdsl.operators.layers import Block, Segment, Width
from tsdsl.operators.schema import BlockLayers, BlockPlace, Setting, Settings
from tsdsl.operators.varying import Axis, Count, Varying

Plain: TypeAlias = int | float | str


@dataclass(frozen=True)
class GroupLayout:
    """A group that sees `sizes_in` frames, rows and columns, and stands after so many blocks of its stage."""

    layers: BlockLayers
    settings: Settings
    width_in: Width
    sizes_in: tuple[int, int, int]
    repeat: int
    blocks_before: int

    def blocks(self) -> tuple[Block, ...]:
        """The blocks, one after the other."""
        width = self.width_in
        found = []
        for index in range(self.repeat):
            block = self.layers(self.settings, width, BlockPlace(index, self.blocks_before + index))
            found.append(replace(block, name=f"block{index}"))
            width = block.width
        return tuple(found)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the decisions that the group depends on, in the space's order."""
        found: set[Axis] = set()
        for setting in self.settings.values.values():
            for value in setting if isinstance(setting, tuple) else (setting,):
                if isinstance(value, Varying):
                    found.update(value.scope)
        for segment in self.width_in.segments:
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
            tuple([(_single_key(segment.length, numbers), segment.offset) for segment in self.width_in.segments]),
            self.sizes_in,
            self.repeat,
            self.blocks_before,
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
        return GroupLayout(self.layers, settings, width_in, self.sizes_in, self.repeat, self.blocks_before)


def _key(setting: Setting, numbers: Mapping[Axis, int]) -> Key:
    if isinstance(setting, tuple):
        return tuple([_single_key(value, numbers) for value in setting])
    return _single_key(setting, numbers)


def _single_key(value: Count | float | str, numbers: Mapping[Axis, int]) -> Plain | Table:
    if not isinstance(value, Varying):
        return value
    axes = tuple([numbers[axis] for axis in value.scope])
    return Table(axes, value.table.shape, value.table.dtype.str, value.table.tobytes())


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
