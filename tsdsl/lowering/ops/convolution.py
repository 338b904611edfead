"""Convolutions on clips: full, point-wise and depthwise, with padding kernel // 2.

On the CPU, in float32 and float64, they run in the channels-last layout and with gradients of their own
(`depthwise`, `planar`), a training step being several times faster for it; the result is in that layout
too, and so are the activations of a whole network. On CUDA with Triton the layout is the same, depthwise
convolutions are kernels of our own (`depthwise_operators`) and point-wise ones matrix products. CUDA without
Triton, the meta device, other precisions on the CPU, and compiling and exporting keep torch's convolution.

Shapes: B clips, C channels, T frames, H rows, W columns; O output channels, I input channels a filter,
D, R, S the kernel's sizes in time, rows and columns.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.kernels import operators as depthwise_operators
from tsdsl.lowering.kernels.operators import MOST_TAPS, TRITON, depthwise_kernels
from tsdsl.lowering.ops.depthwise import channels_last, depthwise_convolution
from tsdsl.lowering.ops.planar import is_planar, planar_convolution, pointwise
from tsdsl.lowering.ops.products import batched_product, has_products


def convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None = None,
    stride: tuple[int, int, int] = (1, 1, 1),
    depthwise: bool = False,
) -> Tensor:
    """The convolution; sizes become ceil(size / stride). A depthwise weight has I = 1 and O = C."""
    kernel = tuple(weight_OIDRS.shape[2:])
    if x_BCTHW.device.type == "cuda" and not _is_recorded():
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
    """The same as one call of torch's, in the layout that `x_BCTHW` has."""
    padding = tuple(size // 2 for size in weight_OIDRS.shape[2:])
    groups = x_BCTHW.shape[1] if depthwise else 1
    return F.conv3d(x_BCTHW, weight_OIDRS, bias_O, stride, padding, groups=groups)


def matmul(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
    """The product of each sample's matrices; on the CPU in float32 by numba's kernel, in half the time of torch's."""
    if channels_last_pays(a_BMK, b_BKN) and has_products(a_BMK):
        return batched_product(a_BMK, b_BKN)
    return a_BMK @ b_BKN


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """`F.linear`; on the CPU in float32 as a convolution, in half the time of torch's matrix product on AMD's."""
    if x.dtype != torch.float32 or not channels_last_pays(x, weight_OI):
        return F.linear(x, weight_OI, bias_O)
    y = pointwise(x, weight_OI[:, :, None, None])
    return y if bias_O is None else y + bias_O


def _cuda_convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None,
    stride: tuple[int, int, int],
    depthwise: bool,
) -> Tensor:
    kernel = tuple(weight_OIDRS.shape[2:])
    if depthwise_kernels("cuda") != TRITON:
        # Torch's own depthwise kernels take no other layout, and would copy each time.
        return plain_convolution(x_BCTHW.contiguous(), weight_OIDRS, bias_O, stride, depthwise)
    if depthwise and math.prod(kernel) <= MOST_TAPS and all(size % 2 for size in kernel):
        y_BOTHW = depthwise_operators.depthwise_convolution(x_BCTHW, weight_OIDRS, stride)
        return y_BOTHW if bias_O is None else y_BOTHW + bias_O[:, None, None, None]
    if not depthwise and kernel == (1, 1, 1):
        x_BTHWI = x_BCTHW[:, :, :: stride[0], :: stride[1], :: stride[2]].permute(0, 2, 3, 4, 1)
        return F.linear(x_BTHWI, weight_OIDRS.flatten(1), bias_O).permute(0, 4, 1, 2, 3)
    return plain_convolution(channels_last(x_BCTHW), weight_OIDRS, bias_O, stride, depthwise)


def _is_recorded() -> bool:
    """Whether a program is being compiled, traced or exported, which needs torch's own operators."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def channels_last_pays(x_BCTHW: Tensor, weight_OIDRS: Tensor) -> bool:
    """Whether the faster ways may be taken: where they were measured, and no program is being recorded."""
    return (
        x_BCTHW.device.type == "cpu"
        and x_BCTHW.dtype in (torch.float32, torch.float64)
        and weight_OIDRS.dtype == x_BCTHW.dtype
        and not torch.is_autocast_enabled("cpu")
        and not _is_recorded()
    )
