"""Convolutions on clips: full, point-wise and depthwise, with padding kernel // 2.

Shapes: B clips, C channels, T frames, H rows, W columns; O output channels, I input channels a filter,
D, R, S the kernel's sizes in time, rows and columns.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def convolution(
    x_BCTHW: Tensor,
    weight_OIDRS: Tensor,
    bias_O: Tensor | None = None,
    stride: tuple[int, int, int] = (1, 1, 1),
    depthwise: bool = False,
) -> Tensor:
    """The convolution; sizes become ceil(size / stride). A depthwise weight has I = 1 and O = C."""
    padding = tuple(size // 2 for size in weight_OIDRS.shape[2:])
    groups = x_BCTHW.shape[1] if depthwise else 1
    return F.conv3d(x_BCTHW, weight_OIDRS, bias_O, stride, padding, groups=groups)
