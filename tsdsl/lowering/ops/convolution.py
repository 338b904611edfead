"""Convolutions on clips: full, point-wise and depthwise, with padding kernel // 2.

On the CPU, in float32 and float64, they run in the channels-last layout and with gradients of their own
(`depthwise`, `planar`), a training step being several times faster for it; the result is in that layout
too, and so are the activations of a whole network. CUDA, the meta device, other precisions, autocast,
and compiling and exporting keep torch's convolution as it is.

Shapes: B clips, C channels, T frames, H rows, W columns; O output channels, I input channels a filter,
D, R, S the kernel's sizes in time, rows and columns.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.ops.depthwise import channels_last, depthwise_convolution
from tsdsl.lowering.ops.planar import is_planar, planar_convolution


def convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None = None,
    stride: tuple[int, int, int] = (1, 1, 1),
    depthwise: bool = False,
) -> Tensor:
    """The convolution; sizes become ceil(size / stride). A depthwise weight has I = 1 and O = C."""
    kernel = tuple(weight_OIDRS.shape[2:])
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


def channels_last_pays(x_BCTHW: Tensor, weight_OIDRS: Tensor) -> bool:
    """Whether the faster ways may be taken: where they were measured, and no program is being recorded."""
    return (
        x_BCTHW.device.type == "cpu"
        and x_BCTHW.dtype in (torch.float32, torch.float64)
        and weight_OIDRS.dtype == x_BCTHW.dtype
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch leaves it untyped
    )
