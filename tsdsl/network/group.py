"""Lays out groups of blocks; groups that differ only in the names of their decisions are laid out once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

from tsdsl.network.reading import Reading
from tsdsl.operators.layers import Block, ChannelSegment, Width, block_widths
from tsdsl.operators.registry import BLOCKS
from tsdsl.operators.schema import BlockLayers, BlockPlace, Settings
from tsdsl.operators.varying import Axis, Count, TableTooLarge, Varying, minimum, rounded
from tsdsl.records import dataclass
from tsdsl.space.parts import Group

MAX_LAYOUTS_KEPT = 4096


class GroupPlace(NamedTuple):
    """The place of a group: its input of `sizes_in` frames, rows and columns, and the blocks before it in its stage."""

    width_in: Width
    sizes_in: tuple[int, int, int]
    repeat: int
    blocks_before: int


@dataclass(frozen=True, eq=False)
class GroupLayout:
    """A group's settings and place, and the blocks and widths that follow."""

    layers: BlockLayers
    settings: Settings
    place: GroupPlace

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order."""
        width = self.place.width_in
        found = []
        for index in range(self.place.repeat):
            block = self.layers(self.settings, width, BlockPlace(index, self.place.blocks_before + index))
            found.append(replace(block, name=f"block{index}"))
            width = block.width
        return tuple(found)

    @cached_property
    def width_out(self) -> Width:
        """The width after the last block."""
        try:
            width = self.first_alike.blocks[-1].width
        except TableTooLarge as error:
            raise self.renamed_error(error) from None
        return Width(tuple([ChannelSegment(self.renamed(s.length), s.offset) for s in width.segments]))

    @cached_property
    def least_width(self) -> int:
        """The smallest number of channels of any layer over all choices."""
        return min((minimum(width) for block in self.blocks for width in block_widths(block)), default=1)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the decisions that the group depends on, in the space's order."""
        found: set[Axis] = set()
        for setting in self.settings.values.values():
            found.update(_axes(setting))
        for segment in self.place.width_in.segments:
            if isinstance(segment.length, Varying):
                found.update(segment.length.scope)
        return tuple(sorted(found))

    @cached_property
    def first_alike(self) -> GroupLayout:
        """The first layout that differs only in the names of its decisions; this one where it has no decisions."""
        if not self.axes:
            return self
        settings = tuple([(name, self._key(setting)) for name, setting in self.settings.values.items()])
        width_in = tuple([(self._key(segment.length), segment.offset) for segment in self.place.width_in.segments])
        return _first(GroupKey(self.layers, settings, width_in, self.place[1:], self))

    def renamed(self, count: Count) -> Count:
        """What follows from `first_alike`, over this group's decisions."""
        if not isinstance(count, Varying) or self.first_alike is self:
            return count
        return Varying(tuple([self._axis_of[axis] for axis in count.scope]), count.table)

    def renamed_error(self, error: TableTooLarge) -> TableTooLarge:
        """What went wrong with `first_alike`, with the names of this group's decisions."""
        return TableTooLarge([self._axis_of[axis] for axis in error.axes])

    @cached_property
    def _axis_of(self) -> dict[Axis, Axis]:
        return dict(zip(self.first_alike.axes, self.axes, strict=True))

    def _key(self, setting: Any) -> Key:
        if isinstance(setting, tuple):
            return tuple([self._key(value) for value in setting])
        if not isinstance(setting, Varying):
            return cast("Key", setting)
        axes = tuple([self.axes.index(axis) for axis in setting.scope])
        return axes, setting.table.shape, setting.table.dtype.str, setting.table.tobytes()


def _axes(setting: Any) -> Iterator[Axis]:
    """The axes of a setting, also of the conditions and sizes in it."""
    if isinstance(setting, Varying):
        yield from setting.scope
    elif isinstance(setting, tuple):
        for part in setting:
            yield from _axes(part)


Key: TypeAlias = "int | float | str | tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class GroupKey:
    """All that the layout of a group follows from but for the names of its decisions."""

    layers: BlockLayers
    settings: tuple[tuple[str, Key], ...]
    width_in: tuple[tuple[Key, int], ...]
    place: tuple[Any, ...]
    layout: GroupLayout = field(compare=False)


@lru_cache(maxsize=MAX_LAYOUTS_KEPT)
def _first(key: GroupKey) -> GroupLayout:
    """The layout that this key was first asked for with: an edit changes few groups, and the others stay laid out."""
    return key.layout


def lay_out(group: Group, reading: Reading, width_factor: float, place: GroupPlace) -> GroupLayout:
    """What the blocks of a group follow from, its channels multiplied by `width_factor`."""
    operator = BLOCKS[group.operator]
    settings = reading.settings(operator.attributes, group.attributes)
    if width_factor != 1.0 and settings.given("channels"):
        channels = rounded(settings.count("channels"), width_factor, 8)
        settings = Settings({**settings.values, "channels": channels})
    return GroupLayout(operator.layers, settings, place)
