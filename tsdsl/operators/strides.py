"""The strides of a group: attributes of its first block, and the sizes that they leave."""

from __future__ import annotations

from collections.abc import Sequence

from tsdsl.operators.layers import Sizes
from tsdsl.operators.schema import Attribute, BlockPlace, Settings
from tsdsl.operators.varying import Count, either, exceeds, is_never, selected, shrunk

STRIDE = Attribute("stride", "integer", "spatial stride of the group's first block", 1, maximum=8)

FRAME_STRIDE = Attribute("frame_stride", "integer", "temporal stride of the group's first block", 1, maximum=64)

STRIDES = (STRIDE.name, FRAME_STRIDE.name)


def strides_at(settings: Settings, place: BlockPlace) -> Sizes:
    """The strides of a block in time, rows and columns: those of its group for the first block, 1 for the others."""
    if place.index_in_group > 0:
        return 1, 1, 1
    stride = settings.count("stride")
    return settings.count("frame_stride") if settings.given("frame_stride") else 1, stride, stride


def is_strided(strides: Sizes) -> Count:
    """1 where any of the strides is more than 1, else 0."""
    frame_stride, rows, columns = (exceeds(stride, 1) for stride in strides)
    return either(frame_stride, either(rows, columns))


def sizes_after(sizes: Sizes, strides: Sizes) -> Sizes:
    """Frames, rows and columns after these strides, rounded up: (8, 7, 7) after (2, 2, 2) is (4, 4, 4)."""
    frames, rows, columns = (shrunk(size, stride) for size, stride in zip(sizes, strides, strict=True))
    return frames, rows, columns


def sizes_after_any(sizes: Sizes, options: Sequence[tuple[Count, Sizes]]) -> Sizes:
    """The sizes after those strides whose condition is 1, or the sizes themselves where none is.

    `options` are pairs of a condition and strides. Where all leave the same, the sizes do not depend on the conditions.
    """
    absent: Count = 1
    for condition, _ in options:
        absent = absent + condition * -1
    found = [(condition, sizes_after(sizes, strides)) for condition, strides in options]
    if not is_never(absent):
        found.append((absent, sizes))
    frames, rows, columns = (selected([(where, one[axis]) for where, one in found]) for axis in range(3))
    return frames, rows, columns
