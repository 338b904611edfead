"""The `conv3d` operator: convolution, BN, activation; the stems of both streams."""

from __future__ import annotations

from typing import cast

from tsdsl.operators.layers import Activation, ActivationKind, BatchNorm, Block, Convolution, Width
from tsdsl.operators.schema import Attribute, BlockOperator, BlockPlace, Settings

ACTIVATION = Attribute("act", "keyword", "activation", "relu", keywords=("relu", "swish", "none"), searchable=False)
STRIDE = Attribute("stride", "integer", "spatial stride of the group's first block", 1, maximum=8, searchable=False)


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Convolution without bias, BN, activation; padding keeps the size up to the stride."""
    stride = int(cast(int, settings.count("stride"))) if place.index_in_group == 0 else 1
    width = Width.of(settings.count("channels"))
    return Block(
        (
            Convolution("conv", width_in, width, settings.kernel("kernel"), (1, stride, stride)),
            BatchNorm("norm", width),
            Activation(cast(ActivationKind, settings.keyword("act"))),
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
        ACTIVATION,
    ),
    layers,
)
