"""Lays out groups of blocks; groups that differ only in the names of their decisions are laid out once.

Alternatives of a block are blocks with the same index. Each has the condition under which it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

from tsdsl.operators.layers import Block, ChannelSegment, Sizes, Width, block_widths
from tsdsl.operators.registry import BLOCKS, NONE
from tsdsl.operators.schema import BlockLayers, BlockPlace, Settings
from tsdsl.operators.strides import sizes_after_any, strides_at
from tsdsl.operators.varying import (
    Axis,
    Count,
    TableTooLarge,
    Varying,
    exceeds,
    is_never,
    is_same,
    maximum,
    minimum,
    negated,
    rounded,
)
from tsdsl.records import dataclass
from tsdsl.space.parts import BlockAlternative, Group
from tsdsl.space.reading import Reading

MAX_LAYOUTS_KEPT = 4096


class GroupPlace(NamedTuple):
    """The place of a group: its input of `sizes_in` frames, rows and columns, and the blocks before it in its stage."""

    width_in: Width
    sizes_in: Sizes
    repeat: Count
    blocks_before: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that a block may be: its name if it has one, its operator's layers, settings, and when it is there."""

    name: str
    layers: BlockLayers
    settings: Settings
    condition: Count


@dataclass(frozen=True, eq=False)
class GroupLayout:
    """What the blocks of a group may be, its place, and the blocks and widths that follow.

    `variants` are those of all blocks, or with several entries those of each. Where none of them is there, what
    the block reads is passed on.
    """

    variants: tuple[tuple[Variant, ...], ...]
    place: GroupPlace

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order; those with the same index exclude each other."""
        return tuple(block for blocks in self._by_index for block in blocks)

    @cached_property
    def _by_index(self) -> tuple[tuple[Block, ...], ...]:
        found: list[tuple[Block, ...]] = []
        entering = self.place.width_in
        for index, variants in enumerate(self._there):
            of_all = len(self.variants) == 1
            own = {block.variant: block.width for block in found[-1]} if found and of_all else {}
            blocks = []
            for variant, condition in variants:
                width_in = own.get(variant.name, entering)
                place = BlockPlace(index, self.place.blocks_before)
                block = variant.layers(variant.settings, width_in, place)
                name = f"{variant.name}_block{index}" if variant.name else f"block{index}"
                blocks.append(
                    replace(block, name=name, variant=variant.name, index=index, condition=condition, width_in=width_in)
                )
            found.append(tuple(blocks))
            entering = merged_width(entering, blocks)
        return tuple(found)

    @cached_property
    def _there(self) -> tuple[tuple[tuple[Variant, Count], ...], ...]:
        """For each index the variants that may be there, and when."""
        found = []
        for index in range(maximum(self.place.repeat)):
            variants = self.variants[0 if len(self.variants) == 1 else index]
            conditions = [(variant, variant.condition * exceeds(self.place.repeat, index)) for variant in variants]
            found.append(tuple(pair for pair in conditions if not is_never(pair[1])))
        return tuple(found)

    @cached_property
    def is_there(self) -> Count:
        """1 where the group has a block, 0 where it passes on what it reads."""
        there: Count = 0
        for variants in self._there:
            there = there + _sum(variants) * negated(there)
            if minimum(there) == 1:
                return 1
        return there

    @cached_property
    def present(self) -> tuple[Count, ...]:
        """For each index 1 where there is a block; the number of those that are always there is one of the counts."""
        there = [_sum(variants) for variants in self._there]
        always = sum(minimum(count) == 1 for count in there)
        return (always, *(count for count in there if minimum(count) != 1))

    @cached_property
    def width_out(self) -> Width:
        """The width after the last block."""
        try:
            width = self.first_alike._width_out
        except TableTooLarge as error:
            raise self.renamed_error(error) from None
        return Width(tuple([ChannelSegment(self.renamed(s.length), s.offset) for s in width.segments]))

    @cached_property
    def _width_out(self) -> Width:
        width = self.place.width_in
        for blocks in self._by_index:
            width = merged_width(width, blocks)
        return width

    @cached_property
    def sizes_out(self) -> Sizes:
        """Frames, rows and columns after the first block, the only one that strides; where it is absent, those before.

        They are over this group's decisions.
        """
        there = exceeds(self.place.repeat, 0)
        first = self.variants[0] if self.variants else ()
        options = [(one.condition * there, strides_at(one.settings, BlockPlace(0))) for one in first]
        return sizes_after_any(self.place.sizes_in, options)

    @cached_property
    def least_width(self) -> int:
        """The smallest number of channels of any layer over all choices."""
        return min((minimum(width) for block in self.blocks for width in block_widths(block)), default=1)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the decisions that the group depends on, in the space's order."""
        return tuple(sorted({axis for count in self._counts for axis in getattr(count, "scope", ())}))

    @property
    def _counts(self) -> Iterator[object]:
        yield from (self.place.repeat, *self.place.blocks_before, *self.place.sizes_in)
        yield from (segment.length for segment in self.place.width_in.segments)
        for variant in (variant for variants in self.variants for variant in variants):
            yield variant.condition
            for setting in variant.settings.values.values():
                yield from _parts(setting)

    @cached_property
    def first_alike(self) -> GroupLayout:
        """The first layout that differs only in the names of its decisions; this one where it has no decisions."""
        if not self.axes:
            return self
        variants = tuple(
            tuple(
                (one.name, one.layers, self._key(one.condition), self._settings_key(one.settings)) for one in variants
            )
            for variants in self.variants
        )
        width_in = tuple([(self._key(segment.length), segment.offset) for segment in self.place.width_in.segments])
        counts = self._key(self.place.repeat), *(self._key(count) for count in self.place.blocks_before)
        return _first(GroupKey((variants, width_in, self._key(self.place.sizes_in), counts), self))

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

    def _settings_key(self, settings: Settings) -> Key:
        return tuple([(name, self._key(setting)) for name, setting in settings.values.items()])

    def _key(self, setting: Any) -> Key:
        if isinstance(setting, tuple):
            return tuple([self._key(value) for value in setting])
        if not isinstance(setting, Varying):
            return cast("Key", setting)
        axes = tuple([self.axes.index(axis) for axis in setting.scope])
        return axes, setting.table.shape, setting.table.dtype.str, setting.table.tobytes()


def _sum(variants: Iterable[tuple[Variant, Count]]) -> Count:
    """1 where one of them is there."""
    found: Count = 0
    for _, condition in variants:
        found = found + condition
    return found


def _parts(setting: Any) -> Iterator[Any]:
    """A setting, or the sizes, words and conditions in it."""
    if isinstance(setting, tuple):
        for part in setting:
            yield from _parts(part)
    else:
        yield setting


Key: TypeAlias = "int | float | str | tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class GroupKey:
    """All that the layout of a group follows from but for the names of its decisions."""

    key: tuple[Any, ...]
    layout: GroupLayout = field(compare=False)


@lru_cache(maxsize=MAX_LAYOUTS_KEPT)
def _first(key: GroupKey) -> GroupLayout:
    """The layout that this key was first asked for with: an edit changes few groups, and the others stay laid out."""
    return key.layout


def merged_width(before: Width, blocks: Iterable[Block]) -> Width:
    """The width after alternatives of one block: theirs where one is there, `before` where none is."""
    there = list(blocks)
    is_any: Count = 0
    for block in there:
        is_any = is_any + block.condition
    options = [(block.condition, block.width) for block in there]
    if not options:
        return before
    if minimum(is_any) == 0:
        options.append((negated(is_any), before))
    first = options[0][1]
    if all(_is_same_width(first, width) for _, width in options[1:]):
        return first
    lengths: dict[int, Count] = {}
    for condition, width in options:
        for segment in width.segments:
            lengths[segment.offset] = lengths.get(segment.offset, 0) + segment.length * condition
    return Width(tuple(ChannelSegment(length, offset) for offset, length in sorted(lengths.items())))


def _is_same_width(one: Width, other: Width) -> bool:
    pairs = list(zip(one.segments, other.segments, strict=False))
    return len(one.segments) == len(other.segments) and all(
        a.offset == b.offset and is_same(a.length, b.length) for a, b in pairs
    )


def lay_out(group: Group, reading: Reading, width_factor: float, place: GroupPlace) -> GroupLayout:
    """What the blocks of a group follow from, its channels multiplied by `width_factor`."""
    choices = group.block_choices
    if len(choices) > 1:
        choices = choices[: maximum(place.repeat)]  # later ones are not decided
    variants = []
    for choice in choices if maximum(place.repeat) else ():  # what a group without blocks would have is not decided
        chosen = reading.chosen(choice.decision, {one.name: one for one in choice.alternatives})
        variants.append(
            tuple(
                _variant(group, one, reading, width_factor, condition)
                for one, condition in chosen
                if one.operator != NONE
            )
        )
    return GroupLayout(tuple(variants), place)


def _variant(
    group: Group, alternative: BlockAlternative, reading: Reading, width_factor: float, condition: Count
) -> Variant:
    operator = BLOCKS[alternative.operator]
    given = {**group.attributes, **alternative.attributes}
    settings = reading.settings(operator.attributes, given)
    if width_factor != 1.0 and settings.given("channels"):
        channels = rounded(settings.count("channels"), width_factor, 8)
        settings = Settings({**settings.values, "channels": channels})
    return Variant(alternative.name, operator.layers, settings, condition)
