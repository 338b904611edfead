"""Layers without parameters that select, fold or average positions.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from torch import Tensor


def take_frames(x_BCTHW: Tensor, stride: int) -> Tensor:
    """Every `stride`-th frame, beginning with the first; a view."""
    return x_BCTHW[:, :, ::stride] if stride > 1 else x_BCTHW


def time_to_channel(x_BCTHW: Tensor, factor: int) -> Tensor:
    """`factor` consecutive frames as channels: channel c, frame t*factor + j becomes c*factor + j at t."""
    batch, channels, frames, height, width = x_BCTHW.shape
    split = x_BCTHW.reshape(batch, channels, frames // factor, factor, height, width)
    return split.transpose(2, 3).reshape(batch, channels * factor, frames // factor, height, width)


def global_average_pool(x_BCTHW: Tensor) -> Tensor:
    """The mean over time and space: B x C."""
    return x_BCTHW.mean((2, 3, 4))
