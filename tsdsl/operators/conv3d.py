"""The `conv3d` operator: convolution, BN, activation; the stems of both streams."""

from __future__ import annotations

from tsdsl.operators.layers import BatchNorm, Block, Convolution, Width
from tsdsl.operators.schema import ACTIVATION, Attribute, BlockOperator, BlockPlace, Settings, activations
from tsdsl.operators.strides import FRAME_STRIDE, STRIDE, strides_at


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
