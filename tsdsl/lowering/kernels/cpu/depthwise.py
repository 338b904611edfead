"""Depthwise convolutions on the CPU as kernels that numba compiles, for float32 in channels-last memory.

A kernel takes as many channels as a vector holds, a panel, and goes frame by frame. It copies the panel of a frame,
with zeros around the columns, and keeps copies of as many frames as the convolution's own kernel has. So they stay in
the processor's cache, each element of a clip is read once, and taps beyond the first and last frame cost nothing.
Own design; measured in tests/benchmarks/depthwise_cpu.py.

The frames of all panels and clips are divided into equal jobs, one for each thread: results depend on the number of
threads only.

Sizes: B clips, C channels, T frames, H rows, W columns; J jobs; D, R, S a convolution's kernel in time, rows and
columns, K = D * R * S; P panels of L lanes. Names ending in `_at` are addresses, in `_bytes` distances.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, jobs_of, run_kernel, share_of, version
from tsdsl.lowering.kernels.cpu.depthwise_vectors import MAX_COLUMNS, convolve_columns, correlate_plane
from tsdsl.lowering.kernels.cpu.vectors import (
    FLOAT_BYTES,
    LANES,
    NUMBER_BYTES,
    VECTOR_BYTES,
    copy_lanes,
    fields_at,
    number_at,
    set_number,
    zero_lanes,
)

Sizes: TypeAlias = tuple[int, ...]
LINE_BYTES = 64


# The copy of a panel of a frame: its sizes, and the place in it of the frame's first element.
Packed = namedtuple("Packed", "packed_rows packed_columns top left")
# What every kernel reads: addresses of the clips whose frames are packed, of the taps or the gradient of the output,
# and of the result; the sizes of the first, and the rows and columns of the convolution's other side.
Numbers = namedtuple(
    "Numbers",
    "x_at w_at y_at parts clips_frames frames rows columns channels depth height other_rows other_columns"
    " packed_rows packed_columns top left scratch_at scratch_bytes",
)
# A frame of a panel: its taps and packed frames, and the next frame to pack.
Part = namedtuple("Part", "panel frame lanes first_tap num_met frames_at ready")


def forward(x_BTHWC: Tensor, taps_KC: Tensor, kernel: Sizes, strides: Sizes) -> Tensor:
    """The convolution with padding of half the kernel and one stride, 1 or 2, for rows and columns."""
    batch, frames, rows, columns, channels = x_BTHWC.shape
    taps, stride = kernel[2], strides[1]
    y_rows, y_columns = -(-rows // stride), -(-columns // stride)
    y_BTHWC = x_BTHWC.new_empty((batch, frames, y_rows, y_columns, channels))
    packed = Packed(rows, (y_columns - 1) * stride + taps, 0, taps // 2)
    _run(_forward_kernel(taps, stride, version()), x_BTHWC, _panels_of(taps_KC), y_BTHWC, kernel, packed, y_BTHWC)
    return y_BTHWC


def input_gradient(dy_BTHWC: Tensor, taps_KC: Tensor, sizes: Sizes, kernel: Sizes, strides: Sizes) -> Tensor:
    """The gradient of `forward`'s input, of `sizes` frames, rows and columns."""
    flipped_KC = taps_KC.flip(0)
    if strides[1] == 1:
        return forward(dy_BTHWC, flipped_KC, kernel, strides)
    batch, _, rows, columns, channels = dy_BTHWC.shape
    taps = kernel[2]
    dx_BTHWC = dy_BTHWC.new_empty((batch, *sizes, channels))
    packed = Packed(rows, columns + taps, 0, taps // 2)
    _run(_spreading_kernel(taps, version()), dy_BTHWC, _panels_of(flipped_KC), dx_BTHWC, kernel, packed, dx_BTHWC)
    return dx_BTHWC


def weight_gradient(dy_BTHWC: Tensor, x_BTHWC: Tensor, kernel: Sizes, strides: Sizes) -> Tensor:
    """The gradient K x C of `forward`'s taps; R = S."""
    batch, frames, _, _, channels = x_BTHWC.shape
    y_rows, y_columns = dy_BTHWC.shape[2:4]
    (depth, _, taps), stride = kernel, strides[1]
    panels = -(-channels // LANES)
    columns = _even(y_columns)
    packed = Packed((y_rows - 1) * stride + taps, (columns - 1) * stride + taps, taps // 2, taps // 2)
    sums_JPKL = x_BTHWC.new_zeros((jobs_of(panels * batch * frames), panels, depth * taps * taps, LANES))
    _run(
        _weight_kernel(taps, stride, version()), x_BTHWC, dy_BTHWC, sums_JPKL, kernel, packed, dy_BTHWC,
        y_rows * columns * VECTOR_BYTES,
    )  # fmt: skip
    return sums_JPKL.sum(0).transpose(0, 1).flatten(1)[:, :channels]


def _even(columns: int) -> int:
    """Columns come in pairs where weights get their gradients."""
    return columns + columns % 2


def _panels_of(taps_KC: Tensor) -> Tensor:
    """P x K x L; zero beyond the last channel."""
    padded_KC = F.pad(taps_KC, (0, -taps_KC.shape[1] % LANES))
    return padded_KC.view(len(padded_KC), -1, LANES).transpose(0, 1).contiguous()


def _run(
    kernel: Any, x_BTHWC: Tensor, w: Tensor, y: Tensor, sizes: Sizes, packed: Packed, other: Tensor, more_bytes: int = 0
) -> None:
    """All parts, a frame of a panel each, in jobs. A job has memory for its packed frames and `more_bytes`.

    `other` has the rows and columns of the convolution's other side.
    """
    batch, frames, rows, columns, channels = x_BTHWC.shape
    depth, height, _ = sizes
    parts = -(-channels // LANES) * batch * frames
    jobs = jobs_of(parts)
    scratch_bytes = depth * (packed.packed_rows * packed.packed_columns * VECTOR_BYTES + NUMBER_BYTES) + more_bytes
    scratch_bytes += -scratch_bytes % LINE_BYTES
    scratch = torch.empty(jobs * scratch_bytes + LINE_BYTES, dtype=torch.uint8)
    scratch_at = scratch.data_ptr() + -scratch.data_ptr() % LINE_BYTES
    numbers = Numbers(
        x_BTHWC.data_ptr(), w.data_ptr(), y.data_ptr(), parts, batch * frames, frames, rows, columns, channels,
        depth, height, other.shape[2], other.shape[3], *packed, scratch_at=scratch_at, scratch_bytes=scratch_bytes,
    )  # fmt: skip
    run_kernel(kernel, jobs, numbers)


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
def _meet(s, job, part, is_first, ready):
    """Pack the frames for a part that are not ready, and write the addresses of all its frames to `frames_at`."""
    panel, frame = part // s.clips_frames, part % s.clips_frames
    if is_first or frame == 0:
        ready = 0
    lanes = min(LANES, s.channels - panel * LANES)
    ring_at = s.scratch_at + job * s.scratch_bytes
    frames_at = ring_at + s.scratch_bytes - s.depth * NUMBER_BYTES
    packed_bytes = s.packed_rows * s.packed_columns * VECTOR_BYTES
    clip = frame // s.frames * s.frames
    begin, end = max(clip, frame - s.depth // 2), min(clip + s.frames, frame + s.depth // 2 + 1)
    for met in range(max(begin, ready), end):
        _pack(
            s.x_at + met * s.rows * s.columns * s.channels * FLOAT_BYTES + panel * VECTOR_BYTES,
            s.rows, s.columns, s.channels, lanes,
            ring_at + met % s.depth * packed_bytes, s.top, s.left, s.packed_rows, s.packed_columns,
        )  # fmt: skip
    for met in range(begin, end):
        set_number(frames_at, met - begin, ring_at + met % s.depth * packed_bytes)
    return Part(panel, frame, lanes, begin - frame + s.depth // 2, end - begin, frames_at, end)


@njit(inline="always")
def _convolve_row(
    taps, stride, columns, frames_at, num_frames, x_at, x_row, num_rows,
    w_at, w_frame, w_row, w_tap, y_at, y_column, lanes,
):  # fmt: skip
    """One row of outputs, in blocks of about equal numbers of columns."""
    blocks = (columns + MAX_COLUMNS - 1) // MAX_COLUMNS
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
    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        row_bytes, w_row = s.packed_columns * VECTOR_BYTES, taps * VECTOR_BYTES
        pixel_bytes = s.channels * FLOAT_BYTES
        begin, end = share_of(numbers, job, s.parts)
        ready = 0
        for number in range(begin, end):
            part = _meet(s, job, number, number == begin, ready)
            ready = part.ready
            w_at = s.w_at + (part.panel * s.depth + part.first_tap) * s.height * w_row
            y_at = s.y_at + part.frame * s.other_rows * s.other_columns * pixel_bytes + part.panel * VECTOR_BYTES
            for h in range(s.other_rows):
                above = h * stride - s.height // 2
                top = max(0, -above)
                _convolve_row(
                    taps, stride, s.other_columns, part.frames_at, part.num_met,
                    (above + top) * row_bytes, row_bytes, min(s.height, s.rows - above) - top,
                    w_at + top * w_row, s.height * w_row, w_row, VECTOR_BYTES,
                    y_at + h * s.other_columns * pixel_bytes, pixel_bytes, part.lanes,
                )  # fmt: skip

    return compile_kernel(kernel)


@functools.cache
def _spreading_kernel(taps: int, version: int) -> Any:
    """The gradient of the input for stride 2: even and odd columns use every other tap, flipped."""
    # For even and for odd columns: the first of the flipped taps that they use, how many, and the place of the first
    # gradient.
    even_first, odd_first = taps // 2 % 2, (taps // 2 - 1) % 2
    even_taps, odd_taps = (taps - even_first + 1) // 2, (taps - odd_first + 1) // 2
    even_left, odd_left = taps // 2 + (even_first - taps // 2) // 2, taps // 2 + (1 + odd_first - taps // 2) // 2

    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        row_bytes, w_row = s.packed_columns * VECTOR_BYTES, taps * VECTOR_BYTES
        pixel_bytes = s.channels * FLOAT_BYTES
        begin, end = share_of(numbers, job, s.parts)
        ready = 0
        for number in range(begin, end):
            part = _meet(s, job, number, number == begin, ready)
            ready = part.ready
            w_at = s.w_at + (part.panel * s.depth + part.first_tap) * s.height * w_row
            x_at = s.y_at + part.frame * s.other_rows * s.other_columns * pixel_bytes + part.panel * VECTOR_BYTES
            for h in range(s.other_rows):
                # The first tap whose distance to this row is even, and its row of the gradient.
                tap = (h + s.height // 2) % 2
                row = (h - s.height // 2 + tap) // 2
                top = max(0, -row)
                num_rows = min((s.height - tap + 1) // 2, s.rows - row) - top
                rows_at = (row + top) * row_bytes
                row_w_at = w_at + (tap + 2 * top) * w_row
                row_x_at = x_at + h * s.other_columns * pixel_bytes
                _convolve_row(
                    even_taps, 1, (s.other_columns + 1) // 2, part.frames_at, part.num_met,
                    rows_at + even_left * VECTOR_BYTES, row_bytes, num_rows,
                    row_w_at + even_first * VECTOR_BYTES, s.height * w_row, 2 * w_row, 2 * VECTOR_BYTES,
                    row_x_at, 2 * pixel_bytes, part.lanes,
                )  # fmt: skip
                _convolve_row(
                    odd_taps, 1, s.other_columns // 2, part.frames_at, part.num_met,
                    rows_at + odd_left * VECTOR_BYTES, row_bytes, num_rows,
                    row_w_at + odd_first * VECTOR_BYTES, s.height * w_row, 2 * w_row, 2 * VECTOR_BYTES,
                    row_x_at + pixel_bytes, 2 * pixel_bytes, part.lanes,
                )  # fmt: skip

    return compile_kernel(kernel)


@functools.cache
def _weight_kernel(taps: int, stride: int, version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        panels = (s.channels + LANES - 1) // LANES
        columns = s.other_columns + s.other_columns % 2
        gradient_at = s.scratch_at + job * s.scratch_bytes + s.depth * s.packed_rows * s.packed_columns * VECTOR_BYTES
        begin, end = share_of(numbers, job, s.parts)
        ready = 0
        for number in range(begin, end):
            part = _meet(s, job, number, number == begin, ready)
            ready = part.ready
            _pack(
                s.w_at + part.frame * s.other_rows * s.other_columns * s.channels * FLOAT_BYTES
                + part.panel * VECTOR_BYTES,
                s.other_rows, s.other_columns, s.channels, part.lanes,
                gradient_at, 0, 0, s.other_rows, columns,
            )  # fmt: skip
            for met in range(part.num_met):
                place = (job * panels + part.panel) * s.depth + part.first_tap + met
                correlate_plane(
                    taps, stride, number_at(part.frames_at, met), s.packed_columns * VECTOR_BYTES, gradient_at,
                    columns * VECTOR_BYTES, s.other_rows, columns, s.y_at + place * taps * taps * VECTOR_BYTES,
                )  # fmt: skip

    return compile_kernel(kernel)
