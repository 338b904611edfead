"""The residual sum that ResNet blocks share: a projection where sizes differ, and ReLU after it."""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Layer, Residual, Width, when
from tsdsl.operators.varying import Count, differs


def residual_block(body: tuple[Layer, ...], width_in: Width, width: Width, strides: tuple[int, int, int]) -> Block:
    """The sum of the body and its input, which passes a strided 1x1x1 convolution and BN where sizes differ; ReLU.

    Source: He et al., CVPR 2016, shortcut B.
    """
    resized: Count = 1 if max(strides) > 1 else differs(width_in.channels, width.channels)
    shortcut = when(
        resized,
        Convolution("shortcut", width_in, width, (1, 1, 1), strides),
        BatchNorm("shortcut_norm", width),
    )
    return Block((Residual(body, shortcut), Activation("relu")), width)
