"""The `basic3d` operator: a ResNet block of two convolutions, each whole or factorised.

Sources: ResNet (He et al., CVPR 2016); R3D and R(2+1)D (Tran et al., CVPR 2018), whose shallow networks are made
of it.
"""

from __future__ import annotations

from tsdsl.operators.conv2plus1d import factorised
from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Layer, Sizes, Width
from tsdsl.operators.residual import residual_block
from tsdsl.operators.schema import Attribute, BlockOperator, BlockPlace, Settings
from tsdsl.operators.strides import FRAME_STRIDE, STRIDE, strides_at


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Two t x k x k convolutions with BN, the first one strided; ReLU between them; shortcut."""
    strides = strides_at(settings, place)
    width = Width.of(settings.count("channels"))
    kernel: Sizes = (settings.count("t"), settings.count("k"), settings.count("k"))

    def convolution(name: str, before: Width, strides: Sizes) -> tuple[Layer, ...]:
        if settings.keyword("temporal") == "factorised":
            return factorised(name, before, width, kernel, strides)
        return (Convolution(name, before, width, kernel, strides),)

    body = (
        *convolution("first", width_in, strides),
        BatchNorm("first_norm", width),
        Activation("relu"),
        *convolution("second", width, (1, 1, 1)),
        BatchNorm("second_norm", width, zero_init=True),
    )
    return residual_block(body, width_in, width, strides)


BASIC3D = BlockOperator(
    "basic3d",
    "ResNet basic block",
    (
        Attribute("t", "integer", "temporal kernel size", maximum=31, odd=True),
        Attribute("k", "integer", "spatial kernel size", 3, maximum=31, odd=True),
        Attribute("channels", "integer", "output channels"),
        Attribute(
            "temporal",
            "keyword",
            "t x k x k convolutions, or each a spatial and a temporal one",
            "joint",
            keywords=("joint", "factorised"),
            searchable=False,
            instead="choose between blocks: `block a = basic3d(temporal = joint, ...)`, "
            "`block b = basic3d(temporal = factorised, ...)`, `group {a, b}(...)`",
        ),
        STRIDE,
        FRAME_STRIDE,
    ),
    layers,
)
