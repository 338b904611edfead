"""The strides of a group: attributes of its first block, and the sizes that they leave."""

from __future__ import annotations

from tsdsl.operators.layers import Sizes
from tsdsl.operators.schema import Attribute, BlockPlace, Settings
from tsdsl.operators.varying import Count, either, exceeds, shrunk

STRIDE = Attribute("stride", "integer", "spatial stride of the group's first block", 1, maximum=8, searchable=False)

FRAME_STRIDE = Attribute(
    "frame_stride", "integer", "temporal stride of the group's first block", 1, maximum=64, searchable=False
)


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
