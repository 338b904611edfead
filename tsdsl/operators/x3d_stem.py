"""The `x3d_stem` operator: a spatial convolution and a depthwise temporal one with nothing between them.

Source: X3D (Feichtenhofer, CVPR 2020) and its code, whose stem has one BN and one ReLU, after both.
"""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Width
from tsdsl.operators.schema import Attribute, BlockOperator, BlockPlace, Settings
from tsdsl.operators.strides import STRIDE, strides_at


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """1 x k x k to `channels` (strided), depthwise t x 1 x 1, BN, ReLU."""
    width = Width.of(settings.count("channels"))
    t, k = settings.count("t"), settings.count("k")
    return Block(
        (
            Convolution("spatial", width_in, width, (1, k, k), strides_at(settings, place)),
            Convolution("temporal", width, width, (t, 1, 1), depthwise=True),
            BatchNorm("norm", width),
            Activation("relu"),
        ),
        width,
    )


X3D_STEM = BlockOperator(
    "x3d_stem",
    "spatial convolution and depthwise temporal convolution, then one batch normalisation and ReLU",
    (
        Attribute("t", "integer", "temporal kernel size", 5, maximum=31, odd=True),
        Attribute("k", "integer", "spatial kernel size", 3, maximum=31, odd=True),
        Attribute("channels", "integer", "output channels"),
        STRIDE,
    ),
    layers,
)
