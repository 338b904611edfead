"""The residual sum that ResNet blocks share: a projection where sizes differ, and ReLU after it."""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Layer, Residual, Sizes, Width, when
from tsdsl.operators.strides import is_strided
from tsdsl.operators.varying import Count, differs, either


def is_resized(width_in: Width, width: Width, strides: Sizes) -> Count:
    """1 where a block changes the channels or the sizes, so that its input cannot be added as it is; else 0."""
    return either(is_strided(strides), differs(width_in.channels, width.channels))


def residual_block(body: tuple[Layer, ...], width_in: Width, width: Width, strides: Sizes) -> Block:
    """The sum of the body and its input, which passes a strided 1x1x1 convolution and BN where sizes differ; ReLU.

    Source: He et al., CVPR 2016, shortcut B.
    """
    shortcut = when(
        is_resized(width_in, width, strides),
        Convolution("shortcut", width_in, width, (1, 1, 1), strides),
        BatchNorm("shortcut_norm", width),
    )
    return Block((Residual(body, shortcut), Activation("relu")), width)
