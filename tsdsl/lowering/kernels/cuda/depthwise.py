"""Triton kernels of depthwise 3D convolution in channels-last layout: forward, input and weight gradients.

Each program handles a block of positions and a block of channels, so that neighbouring threads read neighbouring
channels. Channels and sizes are arguments at run time; kernel sizes and strides are constants, so that taps are
unrolled. Sums are in float32, in float64 for float64. Nothing is added atomically, so results are reproducible. Written
for CUDA and checked with Triton's interpreter on the CPU; not yet measured on a GPU.

Shapes: B clips, C channels, T frames, H rows, W columns; D, R, S the kernel's sizes in time, rows and columns;
K = D * R * S taps; N blocks of positions.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_ELEMENTS = 4096
"""Positions times channels in a program."""

MAX_BLOCK_CHANNELS = 64

SIZES = ("num_positions", "frames", "rows", "columns", "out_frames", "out_rows", "out_columns")
"""Arguments that kernels are not specialised for; otherwise each size of a search would compile its own."""


@triton.jit(do_not_specialize=SIZES)
def _convolve(
    x, weight, y, num_positions, channels, frames, rows, columns, out_frames, out_rows, out_columns,
    D: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    STEP_T: tl.constexpr, STEP_H: tl.constexpr, STEP_W: tl.constexpr,
    TRANSPOSED: tl.constexpr, SUM: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """y at a block of its positions: from x at position * step + tap, or transposed, at (position - tap) / step."""
    position = tl.program_id(0).to(tl.int64) * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    is_channel = channel < channels
    is_position = position < num_positions
    w = position % out_columns
    h = position // out_columns % out_rows
    t = position // (out_columns * out_rows) % out_frames
    b = position // (out_columns * out_rows * out_frames)
    total = tl.zeros((BLOCK_P, BLOCK_C), SUM)
    for d in tl.static_range(D):
        for r in tl.static_range(R):
            for s in tl.static_range(S):
                if TRANSPOSED:
                    at_t, at_h, at_w = t + D // 2 - d, h + R // 2 - r, w + S // 2 - s
                    is_met = is_position & (at_t >= 0) & (at_h >= 0) & (at_w >= 0)
                    is_met &= (at_t % STEP_T == 0) & (at_h % STEP_H == 0) & (at_w % STEP_W == 0)
                    at_t, at_h, at_w = at_t // STEP_T, at_h // STEP_H, at_w // STEP_W
                else:
                    at_t, at_h, at_w = t * STEP_T + d - D // 2, h * STEP_H + r - R // 2, w * STEP_W + s - S // 2
                    is_met = is_position & (at_t >= 0) & (at_h >= 0) & (at_w >= 0)
                is_met &= (at_t < frames) & (at_h < rows) & (at_w < columns)
                place = ((b * frames + at_t) * rows + at_h) * columns + at_w
                value = tl.load(
                    x + place[:, None] * channels + channel[None, :], is_met[:, None] & is_channel[None, :], 0.0
                )
                factor = tl.load(weight + ((d * R + r) * S + s) * channels + channel, is_channel, 0.0)
                total += value.to(SUM) * factor.to(SUM)[None, :]
    is_inside = is_position[:, None] & is_channel[None, :]
    tl.store(y + position[:, None] * channels + channel[None, :], total.to(y.dtype.element_ty), is_inside)


@triton.jit(do_not_specialize=SIZES)
def _correlate(
    x, dy, partial, num_positions, channels, frames, rows, columns, out_frames, out_rows, out_columns,
    D: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    STEP_T: tl.constexpr, STEP_H: tl.constexpr, STEP_W: tl.constexpr,
    SUM: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The share of every tap's gradient from a block of dy's positions; dy is read once, x by taps from the cache."""
    block = tl.program_id(0).to(tl.int64)
    position = block * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    is_channel = channel < channels
    is_position = position < num_positions
    w = position % out_columns
    h = position // out_columns % out_rows
    t = position // (out_columns * out_rows) % out_frames
    b = position // (out_columns * out_rows * out_frames)
    is_inside = is_position[:, None] & is_channel[None, :]
    gradient = tl.load(dy + position[:, None] * channels + channel[None, :], is_inside, 0.0).to(SUM)
    for d in tl.static_range(D):
        for r in tl.static_range(R):
            for s in tl.static_range(S):
                at_t, at_h, at_w = t * STEP_T + d - D // 2, h * STEP_H + r - R // 2, w * STEP_W + s - S // 2
                is_met = is_position & (at_t >= 0) & (at_h >= 0) & (at_w >= 0)
                is_met &= (at_t < frames) & (at_h < rows) & (at_w < columns)
                place = ((b * frames + at_t) * rows + at_h) * columns + at_w
                value = tl.load(
                    x + place[:, None] * channels + channel[None, :], is_met[:, None] & is_channel[None, :], 0.0
                )
                found = tl.sum(gradient * value.to(SUM), 0)
                tap = (d * R + r) * S + s
                tl.store(partial + (block * (D * R * S) + tap) * channels + channel, found, is_channel)


def forward(x_BTHWC: Tensor, weight_KC: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """The convolution with padding size // 2 of contiguous tensors."""
    sizes = [-(-size // step) for size, step in zip(x_BTHWC.shape[1:4], stride, strict=True)]
    y_BTHWC = x_BTHWC.new_empty((x_BTHWC.shape[0], *sizes, x_BTHWC.shape[4]))
    _launch(x_BTHWC, weight_KC, y_BTHWC, kernel, stride, transposed=False)
    return y_BTHWC


def input_gradient(
    dy_BTHWC: Tensor, weight_KC: Tensor, sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    """The gradient of an input of T x H x W `sizes`, from that of the output."""
    dx_BTHWC = dy_BTHWC.new_empty((dy_BTHWC.shape[0], *sizes, dy_BTHWC.shape[4]))
    _launch(dy_BTHWC, weight_KC, dx_BTHWC, kernel, stride, transposed=True)
    return dx_BTHWC


def weight_gradient(dy_BTHWC: Tensor, x_BTHWC: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """The gradient K x C of the weight."""
    channels = x_BTHWC.shape[4]
    num_positions = dy_BTHWC.numel() // channels
    block_channels, block_positions = _blocks(channels)
    num_blocks = triton.cdiv(num_positions, block_positions)
    taps = kernel[0] * kernel[1] * kernel[2]
    partial_NKC = x_BTHWC.new_empty((num_blocks, taps, channels), dtype=_sum_type(x_BTHWC))
    _correlate[(num_blocks, triton.cdiv(channels, block_channels))](
        x_BTHWC, dy_BTHWC, partial_NKC, num_positions, channels, *x_BTHWC.shape[1:4], *dy_BTHWC.shape[1:4],
        *kernel, *stride, SUM=_triton_type(partial_NKC), BLOCK_P=block_positions, BLOCK_C=block_channels,
    )  # fmt: skip
    return partial_NKC.sum(0).to(x_BTHWC.dtype)


def _launch(
    x: Tensor, weight: Tensor, y: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], transposed: bool
) -> None:
    channels = x.shape[4]
    num_positions = y.numel() // channels
    block_channels, block_positions = _blocks(channels)
    _convolve[(triton.cdiv(num_positions, block_positions), triton.cdiv(channels, block_channels))](
        x, weight, y, num_positions, channels, *x.shape[1:4], *y.shape[1:4],
        *kernel, *stride, TRANSPOSED=transposed, SUM=_triton_type(x.new_empty(0, dtype=_sum_type(x))),
        BLOCK_P=block_positions, BLOCK_C=block_channels,
    )  # fmt: skip


def _blocks(channels: int) -> tuple[int, int]:
    """(channels, positions) of a program."""
    block_channels = min(triton.next_power_of_2(channels), MAX_BLOCK_CHANNELS)
    return block_channels, BLOCK_ELEMENTS // block_channels


def _sum_type(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _triton_type(x: Tensor) -> Any:
    return tl.float64 if x.dtype == torch.float64 else tl.float32
