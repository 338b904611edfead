"""The `max_pool3d` operator: the largest value in each window, which keeps the channels."""

from __future__ import annotations

from tsdsl.operators.layers import Block, MaxPool, Width
from tsdsl.operators.schema import Attribute, BlockOperator, BlockPlace, Settings
from tsdsl.operators.strides import FRAME_STRIDE, STRIDE, strides_at


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """The maximum over windows of `kernel`, padded so that sizes become ceil(size / stride)."""
    return Block((MaxPool(settings.kernel("kernel"), strides_at(settings, place)),), width_in)


MAX_POOL3D = BlockOperator(
    "max_pool3d",
    "maximum over a window",
    (
        Attribute("kernel", "kernel", "window size, t x h x w", maximum=31),
        STRIDE,
        FRAME_STRIDE,
    ),
    layers,
)
