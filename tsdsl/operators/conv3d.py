"""The `conv3d` operator: convolution, BN, activation; the stems of both streams."""

from __future__ import annotations

from tsdsl.operators.layers import BatchNorm, Block, Convolution, Width
from tsdsl.operators.schema import ACTIVATION, Attribute, BlockOperator, BlockPlace, Settings, activations
from tsdsl.operators.varying import fixed

STRIDE = Attribute("stride", "integer", "spatial stride of the group's first block", 1, maximum=8, searchable=False)

FRAME_STRIDE = Attribute(
    "frame_stride", "integer", "temporal stride of the group's first block", 1, maximum=64, searchable=False
)


def strides_at(settings: Settings, place: BlockPlace) -> tuple[int, int, int]:
    """The strides of a block in time, rows and columns: those of its group for the first block, 1 for the others."""
    if place.index_in_group > 0:
        return 1, 1, 1
    stride = fixed(settings.count("stride"))
    return fixed(settings.count("frame_stride")) if settings.given("frame_stride") else 1, stride, stride


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Convolution without bias, BN, activation; with padding, sizes become ceil(size / stride)."""
    width = Width.of(settings.count("channels"))
    return Block(
        (
            Convolution("conv", width_in, width, settings.kernel("kernel"), strides_at(settings, place)),
            BatchNorm("norm", width),
            *activations(settings),
        ),
        width,
    )


CONV3D = BlockOperator(
    "conv3d",
    "3D convolution, batch normalisation and activation",
    (
        Attribute("kernel", "kernel", "kernel size, t x h x w", maximum=31, odd=True),
        Attribute("channels", "integer", "output channels"),
        STRIDE,
        FRAME_STRIDE,
        ACTIVATION,
    ),
    layers,
)
