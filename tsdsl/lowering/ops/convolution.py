"""Convolutions on clips: full, point-wise and depthwise, with padding kernel // 2.

On the CPU, in float32 and float64, they run in channels-last layout with gradients of their own (`depthwise`, `planar`,
`products`), which makes a training step several times faster. The result is in that layout too, and so are the
activations of a whole network. On CUDA with Triton the layout is the same, depthwise convolutions are our own kernels,
and point-wise ones are matrix products. CUDA without Triton, the meta device, other precisions on the CPU, compiling
and exporting use torch's convolution. `kernels.choice` decides.

Shapes: B clips, C channels, T frames, H rows, W columns; O output channels, I input channels of a filter,
D, R, S the kernel's sizes in time, rows and columns.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.kernels import operators
from tsdsl.lowering.kernels.choice import (
    TRITON,
    channels_last_pays,
    is_recorded,
    kernels_of,
    takes_depthwise,
    takes_product,
)
from tsdsl.lowering.ops.depthwise import channels_last, depthwise_convolution
from tsdsl.lowering.ops.planar import is_planar, planar_convolution
from tsdsl.lowering.ops.products import batched_product, pointwise


def convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None = None,
    stride: tuple[int, int, int] = (1, 1, 1),
    depthwise: bool = False,
) -> Tensor:
    """The convolution; sizes become ceil(size / stride). A depthwise weight has I = 1 and O = C."""
    kernel = tuple(weight_OIDRS.shape[2:])
    if x_BCTHW.device.type == "cuda" and not is_recorded():
        return _cuda_convolution(x_BCTHW, weight_OIDRS, bias_O, stride, depthwise)
    if not channels_last_pays(x_BCTHW, weight_OIDRS) or not all(size % 2 for size in kernel):
        return plain_convolution(x_BCTHW, weight_OIDRS, bias_O, stride, depthwise)
    if depthwise and stride[0] == 1:
        y_BOTHW = depthwise_convolution(x_BCTHW, weight_OIDRS, (stride[1], stride[2]))
    elif not depthwise and is_planar(kernel):
        y_BOTHW = planar_convolution(x_BCTHW, weight_OIDRS, stride)
    else:
        return plain_convolution(channels_last(x_BCTHW), weight_OIDRS, bias_O, stride, depthwise)
    return y_BOTHW if bias_O is None else y_BOTHW + bias_O[:, None, None, None]


def plain_convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None = None,
    stride: tuple[int, int, int] = (1, 1, 1),
    depthwise: bool = False,
) -> Tensor:
    """The same as one call of torch's convolution, in the layout of `x_BCTHW`."""
    padding = tuple(size // 2 for size in weight_OIDRS.shape[2:])
    groups = x_BCTHW.shape[1] if depthwise else 1
    return F.conv3d(x_BCTHW, weight_OIDRS, bias_O, stride, padding, groups=groups)


def matmul(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
    """The product of each sample's matrices, by a compiled product where there is one."""
    if channels_last_pays(a_BMK, b_BKN) and takes_product(a_BMK):
        return batched_product(a_BMK, b_BKN)
    return a_BMK @ b_BKN


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """`F.linear`, by a compiled product where there is one."""
    if not channels_last_pays(x, weight_OI) or not takes_product(x):
        return F.linear(x, weight_OI, bias_O)
    y = pointwise(x, weight_OI)
    return y if bias_O is None else y + bias_O


def _cuda_convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None,
    stride: tuple[int, int, int],
    depthwise: bool,
) -> Tensor:
    kernel = tuple(weight_OIDRS.shape[2:])
    if kernels_of("cuda") != TRITON:
        # torch's own depthwise kernels need this layout, and would copy to it each time.
        return plain_convolution(x_BCTHW.contiguous(), weight_OIDRS, bias_O, stride, depthwise)
    if depthwise and takes_depthwise(x_BCTHW, weight_OIDRS, stride):
        y_BOTHW = operators.depthwise_convolution(x_BCTHW, weight_OIDRS, stride)
        return y_BOTHW if bias_O is None else y_BOTHW + bias_O[:, None, None, None]
    if not depthwise and kernel == (1, 1, 1):
        x_BTHWI = x_BCTHW[:, :, :: stride[0], :: stride[1], :: stride[2]].permute(0, 2, 3, 4, 1)
        return F.linear(x_BTHWI, weight_OIDRS.flatten(1), bias_O).permute(0, 4, 1, 2, 3)
    return plain_convolution(channels_last(x_BCTHW), weight_OIDRS, bias_O, stride, depthwise)
