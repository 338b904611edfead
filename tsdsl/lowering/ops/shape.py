"""Layers without parameters that select, fold, pool or average positions.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor


def take_frames(x_BCTHW: Tensor, stride: int) -> Tensor:
    """Every `stride`-th frame, beginning with the first; a view."""
    return x_BCTHW[:, :, ::stride] if stride > 1 else x_BCTHW


def time_to_channel(x_BCTHW: Tensor, factor: int) -> Tensor:
    """`factor` consecutive frames as channels: channel c, frame t*factor + j becomes c*factor + j at t."""
    batch, channels, frames, height, width = x_BCTHW.shape
    split = x_BCTHW.reshape(batch, channels, frames // factor, factor, height, width)
    return split.transpose(2, 3).reshape(batch, channels * factor, frames // factor, height, width)


def max_pool(x_BCTHW: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """The largest value in each window; padding adds no values. Sizes become ceil(size / stride).

    (kernel - 1) // 2 positions are before the place of a window, and kernel // 2 behind it.
    """
    t, h, w = kernel
    if t % 2 and h % 2 and w % 2:
        return F.max_pool3d(x_BCTHW, kernel, stride, (t // 2, h // 2, w // 2))
    sides = [side for size in (w, h, t) for side in ((size - 1) // 2, size // 2)]
    return F.max_pool3d(F.pad(x_BCTHW, sides, value=-math.inf), kernel, stride)


def global_average_pool(x_BCTHW: Tensor) -> Tensor:
    """The mean over time and space: B x C."""
    return x_BCTHW.mean((2, 3, 4))
