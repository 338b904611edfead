"""Batch normalisation with the batch's statistics, and a ReLU after it, on the CPU as kernels that numba compiles.

Forward, a kernel takes so few channels at a time that all their positions stay in the processor's cache from the sums
to what is computed with them; where the positions are too many for that, and backward, when the input comes from
memory, it takes all channels in the order in which they lie. Sums are kept in float32 for some positions and put
together in float64 (Chan, Golub and LeVeque, 1979). The ReLU's result is not kept for the backward pass: its sign
follows from the input. Own design.

Sizes: N positions, C channels. For each channel `statistics` has its mean and one over its standard deviation.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from numba import float32
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, run_kernel, version
from tsdsl.lowering.kernels.cpu.norm_vectors import (
    NORM_VECTORS,
    scale_positions,
    spread_gradients,
    sum_gradients,
    sum_positions,
)
from tsdsl.lowering.kernels.cpu.vectors import FIRST, LANES, float_at, number_at, set_float, take_job

FLOAT_BYTES = 4
WIDE = NORM_VECTORS * LANES
"""Channels that go through the registers together, at most."""
CACHED_FLOATS = 2**16 + 2**15
SUMMED_POSITIONS = 512
NUM_FACTORS, NUM_SUMS = 5, 3


def forward(x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, epsilon: float, rectifies: bool) -> tuple[Tensor, Tensor]:
    """The result N x C, and the statistics 2 x C."""
    y_NC, statistics_2C = torch.empty_like(x_NC), x_NC.new_empty((2, x_NC.shape[1]))
    cached_vectors = CACHED_FLOATS // (len(x_NC) * LANES)
    tensors = (x_NC, weight_C, bias_C, statistics_2C, y_NC)
    _run(_forward_kernel(version()), tensors, cached_vectors, epsilon, rectifies)
    return y_NC, statistics_2C


def backward(
    dy_NC: Tensor, x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, statistics_2C: Tensor, rectifies: bool
) -> tuple[Tensor, Tensor]:
    """The gradient of the input, and those of weight and bias, 2 x C."""
    dx_NC, gradients_2C = torch.empty_like(x_NC), x_NC.new_empty((2, x_NC.shape[1]))
    tensors = (x_NC, weight_C, bias_C, statistics_2C, dx_NC, dy_NC, gradients_2C)
    _run(_backward_kernel(version()), tensors, 0, 0.0, rectifies)
    return dx_NC, gradients_2C


def _run(kernel: Any, tensors: tuple[Tensor, ...], cached_vectors: int, epsilon: float, rectifies: bool) -> None:
    """All positions of `cached_vectors` vectors stay in the cache; 0: none do."""
    positions, channels = tensors[0].shape
    threads = torch.get_num_threads()
    vectors = -(-channels // LANES)
    shared = max(1, vectors // threads)
    at_once = min(shared, cached_vectors, NORM_VECTORS) if cached_vectors else shared
    wide = at_once * LANES
    summed = SUMMED_POSITIONS if cached_vectors else max(1, min(SUMMED_POSITIONS, CACHED_FLOATS // (2 * channels)))
    parts = -(-channels // wide)
    jobs = min(threads, parts)
    scratch_floats = (-(-wide // WIDE) * NUM_FACTORS + NUM_SUMS) * WIDE
    scratch = torch.zeros((jobs, scratch_floats))
    constants = torch.tensor([epsilon])
    addresses = [tensor.data_ptr() for tensor in (scratch, constants, *tensors)]
    sizes = (positions, channels, wide, parts, summed, scratch_floats * FLOAT_BYTES, int(rectifies))
    run_kernel(kernel, jobs, (*sizes, *addresses))


@functools.cache
def _forward_kernel(version: int) -> Any:
    def kernel(numbers):
        positions, channels, wide, parts, summed, scratch_bytes, rectifies = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
            number_at(numbers, FIRST + 6),
        )  # fmt: skip
        scratch, constants, x, weight, bias, statistics, y = (
            number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 8), number_at(numbers, FIRST + 9),
            number_at(numbers, FIRST + 10), number_at(numbers, FIRST + 11), number_at(numbers, FIRST + 12),
            number_at(numbers, FIRST + 13),
        )  # fmt: skip
        epsilon = float_at(constants, 0)
        row = channels * FLOAT_BYTES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            means, squares = [0.0] * wide, [0.0] * wide
            sums = scratch + job * scratch_bytes
            all_factors = sums + NUM_SUMS * WIDE * FLOAT_BYTES
            for part in range(job * parts // jobs, (job + 1) * parts // jobs):
                first = part * wide
                count = min(wide, channels - first)
                for begin in range(0, positions, summed):
                    number = min(summed, positions - begin)
                    share = number / (begin + number)
                    for panel in range(0, count, WIDE):
                        width = min(WIDE, count - panel)
                        vectors = (width + LANES - 1) // LANES
                        lanes = width - (vectors - 1) * LANES
                        at = x + begin * row + (first + panel) * FLOAT_BYTES
                        sum_positions(at, row, number, vectors, lanes, sums)
                        for c in range(width):
                            total = float(float_at(sums, WIDE + c))
                            mean = float(float_at(sums, c)) + total / number
                            square = float(float_at(sums, 2 * WIDE + c)) - total * total / number
                            if begin == 0:
                                means[panel + c], squares[panel + c] = mean, square
                            else:
                                distance = mean - means[panel + c]
                                means[panel + c] += distance * share
                                squares[panel + c] += square + distance * distance * begin * share
                for c in range(count):
                    inverse = 1.0 / math.sqrt(squares[c] / positions + epsilon)
                    scale = float_at(weight, first + c) * inverse
                    set_float(statistics, first + c, float32(means[c]))
                    set_float(statistics, channels + first + c, float32(inverse))
                    factors = all_factors + c // WIDE * NUM_FACTORS * WIDE * FLOAT_BYTES
                    set_float(factors, c % WIDE, float32(scale))
                    set_float(factors, WIDE + c % WIDE, float32(float_at(bias, first + c) - means[c] * scale))
                for begin in range(0, positions, summed):
                    number = min(summed, positions - begin)
                    for panel in range(0, count, WIDE):
                        width = min(WIDE, count - panel)
                        vectors = (width + LANES - 1) // LANES
                        lanes = width - (vectors - 1) * LANES
                        at = begin * row + (first + panel) * FLOAT_BYTES
                        factors = all_factors + panel * NUM_FACTORS * FLOAT_BYTES
                        scale_positions(rectifies, x + at, y + at, row, number, vectors, lanes, factors)

    return compile_kernel(kernel)


@functools.cache
def _backward_kernel(version: int) -> Any:
    def kernel(numbers):
        positions, channels, wide, parts, summed, scratch_bytes, rectifies = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
            number_at(numbers, FIRST + 6),
        )  # fmt: skip
        scratch, x, weight, bias, statistics, dx, dy, gradients = (
            number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 9), number_at(numbers, FIRST + 10),
            number_at(numbers, FIRST + 11), number_at(numbers, FIRST + 12), number_at(numbers, FIRST + 13),
            number_at(numbers, FIRST + 14), number_at(numbers, FIRST + 15),
        )  # fmt: skip
        row = channels * FLOAT_BYTES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            totals, products = [0.0] * wide, [0.0] * wide
            sums = scratch + job * scratch_bytes
            all_factors = sums + NUM_SUMS * WIDE * FLOAT_BYTES
            for part in range(job * parts // jobs, (job + 1) * parts // jobs):
                first = part * wide
                count = min(wide, channels - first)
                for c in range(count):
                    mean = float(float_at(statistics, first + c))
                    scale = float(float_at(weight, first + c)) * float_at(statistics, channels + first + c)
                    factors = all_factors + c // WIDE * NUM_FACTORS * WIDE * FLOAT_BYTES
                    set_float(factors, c % WIDE, float32(scale))
                    set_float(factors, WIDE + c % WIDE, float32(float_at(bias, first + c) - mean * scale))
                    set_float(factors, 2 * WIDE + c % WIDE, float32(mean))
                    totals[c], products[c] = 0.0, 0.0
                for begin in range(0, positions, summed):
                    number = min(summed, positions - begin)
                    for panel in range(0, count, WIDE):
                        width = min(WIDE, count - panel)
                        vectors = (width + LANES - 1) // LANES
                        lanes = width - (vectors - 1) * LANES
                        at = begin * row + (first + panel) * FLOAT_BYTES
                        factors = all_factors + panel * NUM_FACTORS * FLOAT_BYTES
                        sum_gradients(rectifies, x + at, dy + at, row, number, vectors, lanes, factors, sums)
                        for c in range(width):
                            totals[panel + c] += float(float_at(sums, c))
                            products[panel + c] += float(float_at(sums, WIDE + c))
                for c in range(count):
                    inverse = float(float_at(statistics, channels + first + c))
                    factors = all_factors + c // WIDE * NUM_FACTORS * WIDE * FLOAT_BYTES
                    scale = float(float_at(factors, c % WIDE)) / positions
                    set_float(gradients, first + c, float32(products[c] * inverse))
                    set_float(gradients, channels + first + c, float32(totals[c]))
                    set_float(factors, 3 * WIDE + c % WIDE, float32(-scale * inverse * inverse * products[c]))
                    set_float(factors, 4 * WIDE + c % WIDE, float32(-scale * totals[c]))
                for begin in range(0, positions, summed):
                    number = min(summed, positions - begin)
                    for panel in range(0, count, WIDE):
                        width = min(WIDE, count - panel)
                        vectors = (width + LANES - 1) // LANES
                        lanes = width - (vectors - 1) * LANES
                        at = begin * row + (first + panel) * FLOAT_BYTES
                        factors = all_factors + panel * NUM_FACTORS * FLOAT_BYTES
                        spread_gradients(rectifies, x + at, dy + at, dx + at, row, number, vectors, lanes, factors)

    return compile_kernel(kernel)
