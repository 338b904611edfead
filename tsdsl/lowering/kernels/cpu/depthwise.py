"""Depthwise convolutions on the CPU as kernels that numba compiles, for float32 in channels-last memory.

A kernel takes as many channels as a vector holds, a panel, and goes frame by frame. It copies the panel of a frame,
with zeros around the columns, and keeps the copies of as many frames as the convolution's own kernel has. So they stay
in the processor's cache, each element of a clip is read once, and taps beyond the first and last frame cost nothing.
Own design; measured in tests/benchmarks/depthwise_cpu.py.

The frames of all panels and clips are dealt out to jobs in equal parts, one a thread. Which thread takes a job does not
matter, and so results depend on the number of threads alone.

Sizes: B clips, C channels, T frames, H rows, W columns; J jobs; D, R, S a convolution's kernel in time, rows and
columns, K = D * R * S; P panels of L lanes. Names ending in `_at` are addresses, in `_bytes` distances.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, jobs_of, run_kernel, version
from tsdsl.lowering.kernels.cpu.depthwise_vectors import MOST_COLUMNS, convolve_columns, correlate_plane
from tsdsl.lowering.kernels.cpu.vectors import (
    FIRST,
    LANES,
    NUMBER_BYTES,
    VECTOR_BYTES,
    copy_lanes,
    number_at,
    set_number,
    take_job,
    zero_lanes,
)

Sizes: TypeAlias = tuple[int, ...]
FLOAT_BYTES = 4
LINE_BYTES = 64


def forward(x_BTHWC: Tensor, taps_KC: Tensor, kernel: Sizes, strides: Sizes) -> Tensor:
    """The convolution with padding of half the kernel and one stride, 1 or 2, for rows and columns."""
    batch, frames, rows, columns, channels = x_BTHWC.shape
    depth, height, taps = kernel
    stride = strides[1]
    y_rows, y_columns = -(-rows // stride), -(-columns // stride)
    y_BTHWC = x_BTHWC.new_empty((batch, frames, y_rows, y_columns, channels))
    taps_PKL = _panels_of_taps(taps_KC)
    width = (y_columns - 1) * stride + taps
    _run(
        _forward_kernel(taps, stride, version()),
        len(taps_PKL) * batch * frames,
        depth * (rows * width * VECTOR_BYTES + NUMBER_BYTES),
        (x_BTHWC, taps_PKL, y_BTHWC),
        (batch * frames, frames, rows, columns, channels, depth, height, y_rows, y_columns, width),
    )
    return y_BTHWC


def input_gradient(dy_BTHWC: Tensor, taps_KC: Tensor, sizes: Sizes, kernel: Sizes, strides: Sizes) -> Tensor:
    """The gradient of `forward`'s input, of `sizes` frames, rows and columns."""
    flipped_KC = taps_KC.flip(0)
    if strides[1] == 1:
        return forward(dy_BTHWC, flipped_KC, kernel, strides)
    batch, frames, rows, columns, channels = dy_BTHWC.shape
    depth, height, taps = kernel
    dx_BTHWC = dy_BTHWC.new_empty((batch, *sizes, channels))
    taps_PKL = _panels_of_taps(flipped_KC)
    width = columns + taps
    _run(
        _spreading_kernel(taps, version()),
        len(taps_PKL) * batch * frames,
        depth * (rows * width * VECTOR_BYTES + NUMBER_BYTES),
        (dy_BTHWC, taps_PKL, dx_BTHWC),
        (batch * frames, frames, rows, columns, channels, depth, height, *sizes[1:], width),
    )
    return dx_BTHWC


def weight_gradient(dy_BTHWC: Tensor, x_BTHWC: Tensor, kernel: Sizes, strides: Sizes) -> Tensor:
    """The gradient K x C of `forward`'s taps; R = S."""
    batch, frames, rows, columns, channels = x_BTHWC.shape
    y_rows, y_columns = dy_BTHWC.shape[2:4]
    depth, _, taps = kernel
    stride = strides[1]
    panels = -(-channels // LANES)
    # Columns are met in pairs.
    even_columns = y_columns + y_columns % 2
    height, width = (y_rows - 1) * stride + taps, (even_columns - 1) * stride + taps
    sums_JPKL = x_BTHWC.new_zeros((jobs_of(panels * batch * frames), panels, depth * taps * taps, LANES))
    _run(
        _weight_kernel(taps, stride, version()),
        panels * batch * frames,
        (depth * height * width + y_rows * even_columns) * VECTOR_BYTES,
        (x_BTHWC, dy_BTHWC, sums_JPKL),
        (batch * frames, frames, rows, columns, channels, depth, height, y_rows, y_columns, width, even_columns),
    )
    return sums_JPKL.sum(0).transpose(0, 1).flatten(1)[:, :channels]


def _panels_of_taps(taps_KC: Tensor) -> Tensor:
    """P x K x L; zero beyond the last channel."""
    padded_KC = F.pad(taps_KC, (0, -taps_KC.shape[1] % LANES))
    return padded_KC.view(len(padded_KC), -1, LANES).transpose(0, 1).contiguous()


def _run(kernel: Any, parts: int, scratch_bytes: int, tensors: tuple[Tensor, ...], sizes: tuple[int, ...]) -> None:
    """All parts, a frame of a panel each, in jobs; a job's scratch memory begins with a line of the cache."""
    jobs = jobs_of(parts)
    scratch_bytes += -scratch_bytes % LINE_BYTES
    scratch = torch.empty(jobs * scratch_bytes + LINE_BYTES, dtype=torch.uint8)
    scratch_at = scratch.data_ptr() + -scratch.data_ptr() % LINE_BYTES
    run_kernel(kernel, jobs, (parts, scratch_at, scratch_bytes, *(tensor.data_ptr() for tensor in tensors), *sizes))


@njit(inline="always")
def _pack(source_at, rows, columns, channels, lanes, target_at, top, left, height, width):
    """Copy a panel of a frame to height x width vectors, its first element to (top, left), and zeros around it."""
    stop = min(left + columns, width)
    for row in range(height):
        h = row - top
        to_at = target_at + row * width * VECTOR_BYTES
        from_at = source_at + (h * columns - left) * channels * FLOAT_BYTES
        begin, end = (left, stop) if 0 <= h < rows else (width, width)
        for column in range(begin):
            zero_lanes(to_at + column * VECTOR_BYTES)
        for column in range(begin, end):
            copy_lanes(to_at + column * VECTOR_BYTES, from_at + column * channels * FLOAT_BYTES, lanes)
        for column in range(end, width):
            zero_lanes(to_at + column * VECTOR_BYTES)


@njit(inline="always")
def _pack_what_is_met(
    frame, ready, frames, depth, source_at, rows, columns, channels, lanes, ring_at, top, left, height, width
):
    """Pack the frames around `frame`, counted over all clips, that are not ready; returns the next to pack."""
    clip = frame // frames * frames
    begin, end = max(clip, frame - depth // 2), min(clip + frames, frame + depth // 2 + 1)
    for met in range(max(begin, ready), end):
        _pack(
            source_at + met * rows * columns * channels * FLOAT_BYTES, rows, columns, channels, lanes,
            ring_at + met % depth * height * width * VECTOR_BYTES, top, left, height, width,
        )  # fmt: skip
    return end


@njit(inline="always")
def _convolve_row(
    taps, stride, columns, frames_at, num_frames, x_at, x_row, num_rows,
    w_at, w_frame, w_row, w_tap, y_at, y_column, lanes,
):  # fmt: skip
    """One row of outputs, in blocks of about equal numbers of columns."""
    blocks = (columns + MOST_COLUMNS - 1) // MOST_COLUMNS
    begin = 0
    for block in range(1, blocks + 1):
        end = block * columns // blocks
        convolve_columns(
            taps, stride, end - begin, frames_at, num_frames, x_at + begin * stride * VECTOR_BYTES, x_row, num_rows,
            w_at, w_frame, w_row, w_tap, y_at + begin * y_column, y_column, lanes,
        )  # fmt: skip
        begin = end


@functools.cache
def _forward_kernel(taps: int, stride: int, version: int) -> Any:
    def kernel(numbers):
        total, scratches_at, scratch_bytes, x_at, w_at, y_at = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
        )  # fmt: skip
        all_frames, frames, rows, columns, channels, depth, height, y_rows, y_columns, width = (
            number_at(numbers, FIRST + 6), number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 8),
            number_at(numbers, FIRST + 9), number_at(numbers, FIRST + 10), number_at(numbers, FIRST + 11),
            number_at(numbers, FIRST + 12), number_at(numbers, FIRST + 13), number_at(numbers, FIRST + 14),
            number_at(numbers, FIRST + 15),
        )  # fmt: skip
        panel_bytes = rows * width * VECTOR_BYTES
        w_row = taps * VECTOR_BYTES
        w_frame = height * w_row
        pixel_bytes = channels * FLOAT_BYTES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            ring_at = scratches_at + job * scratch_bytes
            frames_at = ring_at + depth * panel_bytes
            ready, panel = 0, -1
            for part in range(job * total // jobs, (job + 1) * total // jobs):
                frame = part % all_frames
                if part // all_frames != panel:
                    ready, panel = 0, part // all_frames
                lanes = min(LANES, channels - panel * LANES)
                ready = _pack_what_is_met(
                    frame, ready, frames, depth, x_at + panel * VECTOR_BYTES, rows, columns, channels, lanes,
                    ring_at, 0, taps // 2, rows, width,
                )  # fmt: skip
                t = frame % frames
                first = max(0, depth // 2 - t)
                met = min(depth, frames + depth // 2 - t) - first
                for d in range(met):
                    slot = (frame + first + d - depth // 2) % depth
                    set_number(frames_at, d, ring_at + slot * panel_bytes)
                panel_w_at = w_at + (panel * depth + first) * w_frame
                for h in range(y_rows):
                    above = h * stride - height // 2
                    top = max(0, -above)
                    _convolve_row(
                        taps, stride, y_columns, frames_at, met,
                        (above + top) * width * VECTOR_BYTES, width * VECTOR_BYTES,
                        min(height, rows - above) - top,
                        panel_w_at + top * w_row, w_frame, w_row, VECTOR_BYTES,
                        y_at + (frame * y_rows + h) * y_columns * pixel_bytes + panel * VECTOR_BYTES,
                        pixel_bytes, lanes,
                    )  # fmt: skip

    return compile_kernel(kernel)


@functools.cache
def _spreading_kernel(taps: int, version: int) -> Any:
    """The gradient of the input where the stride is 2: even and odd columns meet every other tap, flipped."""
    # Of the flipped taps, the first that even and odd columns meet, how many, and where their first gradient is.
    even_first, odd_first = taps // 2 % 2, (taps // 2 - 1) % 2
    even_taps, odd_taps = (taps - even_first + 1) // 2, (taps - odd_first + 1) // 2
    left = taps // 2
    even_left, odd_left = left + (even_first - taps // 2) // 2, left + (1 + odd_first - taps // 2) // 2

    def kernel(numbers):
        total, scratches_at, scratch_bytes, dy_at, w_at, dx_at = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
        )  # fmt: skip
        all_frames, frames, rows, columns, channels, depth, height, x_rows, x_columns, width = (
            number_at(numbers, FIRST + 6), number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 8),
            number_at(numbers, FIRST + 9), number_at(numbers, FIRST + 10), number_at(numbers, FIRST + 11),
            number_at(numbers, FIRST + 12), number_at(numbers, FIRST + 13), number_at(numbers, FIRST + 14),
            number_at(numbers, FIRST + 15),
        )  # fmt: skip
        row_bytes = width * VECTOR_BYTES
        panel_bytes = rows * row_bytes
        w_row = taps * VECTOR_BYTES
        w_frame = height * w_row
        pixel_bytes = channels * FLOAT_BYTES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            ring_at = scratches_at + job * scratch_bytes
            frames_at = ring_at + depth * panel_bytes
            ready, panel = 0, -1
            for part in range(job * total // jobs, (job + 1) * total // jobs):
                frame = part % all_frames
                if part // all_frames != panel:
                    ready, panel = 0, part // all_frames
                lanes = min(LANES, channels - panel * LANES)
                ready = _pack_what_is_met(
                    frame, ready, frames, depth, dy_at + panel * VECTOR_BYTES, rows, columns, channels, lanes,
                    ring_at, 0, left, rows, width,
                )  # fmt: skip
                t = frame % frames
                first = max(0, depth // 2 - t)
                met = min(depth, frames + depth // 2 - t) - first
                for d in range(met):
                    slot = (frame + first + d - depth // 2) % depth
                    set_number(frames_at, d, ring_at + slot * panel_bytes)
                panel_w_at = w_at + (panel * depth + first) * w_frame
                for h in range(x_rows):
                    # The first tap whose distance to this row is even, and the gradient's row that it meets.
                    tap = (h + height // 2) % 2
                    row = (h - height // 2 + tap) // 2
                    top = max(0, -row)
                    num_rows = min((height - tap + 1) // 2, rows - row) - top
                    rows_at = (row + top) * row_bytes
                    row_w_at = panel_w_at + (tap + 2 * top) * w_row
                    x_row_at = dx_at + (frame * x_rows + h) * x_columns * pixel_bytes + panel * VECTOR_BYTES
                    _convolve_row(
                        even_taps, 1, (x_columns + 1) // 2, frames_at, met,
                        rows_at + even_left * VECTOR_BYTES, row_bytes, num_rows,
                        row_w_at + even_first * VECTOR_BYTES, w_frame, 2 * w_row, 2 * VECTOR_BYTES,
                        x_row_at, 2 * pixel_bytes, lanes,
                    )  # fmt: skip
                    _convolve_row(
                        odd_taps, 1, x_columns // 2, frames_at, met,
                        rows_at + odd_left * VECTOR_BYTES, row_bytes, num_rows,
                        row_w_at + odd_first * VECTOR_BYTES, w_frame, 2 * w_row, 2 * VECTOR_BYTES,
                        x_row_at + pixel_bytes, 2 * pixel_bytes, lanes,
                    )  # fmt: skip

    return compile_kernel(kernel)


@functools.cache
def _weight_kernel(taps: int, stride: int, version: int) -> Any:
    def kernel(numbers):
        total, scratches_at, scratch_bytes, x_at, dy_at, sums_at = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
        )  # fmt: skip
        all_frames, frames, rows, columns, channels, depth, height, y_rows, y_columns, width, even_columns = (
            number_at(numbers, FIRST + 6), number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 8),
            number_at(numbers, FIRST + 9), number_at(numbers, FIRST + 10), number_at(numbers, FIRST + 11),
            number_at(numbers, FIRST + 12), number_at(numbers, FIRST + 13), number_at(numbers, FIRST + 14),
            number_at(numbers, FIRST + 15), number_at(numbers, FIRST + 16),
        )  # fmt: skip
        panels = (channels + LANES - 1) // LANES
        row_bytes, dy_row_bytes = width * VECTOR_BYTES, even_columns * VECTOR_BYTES
        tap_frame_bytes = taps * taps * VECTOR_BYTES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            ring_at = scratches_at + job * scratch_bytes
            gradient_at = ring_at + depth * height * row_bytes
            ready, panel = 0, -1
            for part in range(job * total // jobs, (job + 1) * total // jobs):
                frame = part % all_frames
                if part // all_frames != panel:
                    ready, panel = 0, part // all_frames
                lanes = min(LANES, channels - panel * LANES)
                ready = _pack_what_is_met(
                    frame, ready, frames, depth, x_at + panel * VECTOR_BYTES, rows, columns, channels, lanes,
                    ring_at, taps // 2, taps // 2, height, width,
                )  # fmt: skip
                _pack(
                    dy_at + frame * y_rows * y_columns * channels * FLOAT_BYTES + panel * VECTOR_BYTES, y_rows,
                    y_columns, channels, lanes, gradient_at, 0, 0, y_rows, even_columns,
                )  # fmt: skip
                t = frame % frames
                for d in range(max(0, depth // 2 - t), min(depth, frames + depth // 2 - t)):
                    slot = (frame + d - depth // 2) % depth
                    correlate_plane(
                        taps, stride, ring_at + slot * height * row_bytes, row_bytes, gradient_at, dy_row_bytes,
                        y_rows, even_columns, sums_at + ((job * panels + panel) * depth + d) * tap_frame_bytes,
                    )  # fmt: skip

    return compile_kernel(kernel)
