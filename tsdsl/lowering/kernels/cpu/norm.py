"""Batch normalisation with the batch's statistics, and a ReLU after it, on the CPU as kernels that numba compiles.

Forward, a kernel takes only so many channels at a time that all their positions stay in the processor's cache between
the sums and the result. With too many positions for that, and backward, when the input comes from memory, it takes all
channels in the order of memory. Sums over some positions are in float32, and are combined in float64 (Chan, Golub and
LeVeque, 1979). The ReLU's result is not kept for the backward pass, as its sign follows from the input. Own design.

Sizes: N positions, C channels. `statistics` are each channel's mean and the inverse of its standard deviation.
"""

from __future__ import annotations

import functools
import math
from collections import namedtuple
from typing import Any

import torch
from numba import float32, njit
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, run_kernel, share_of, version
from tsdsl.lowering.kernels.cpu.norm_vectors import (
    NORM_VECTORS,
    scale_positions,
    spread_gradients,
    sum_gradients,
    sum_positions,
)
from tsdsl.lowering.kernels.cpu.vectors import FLOAT_BYTES, LANES, fields_at, float_at, set_float

WIDE = NORM_VECTORS * LANES
"""The most channels that are in registers together."""
CACHED_FLOATS = 2**16 + 2**15
SUMMED_POSITIONS = 512
NUM_FACTORS, NUM_SUMS = 5, 3
# What both kernels read: addresses of tensors, 0 where there is none, and sizes.
Numbers = namedtuple(
    "Numbers",
    "x weight bias statistics y dy gradients positions channels wide parts summed scratch scratch_bytes epsilon"
    " rectifies",
)
# Some positions of a panel of channels: how many, their vectors and lanes, and where they and their factors are.
Block = namedtuple("Block", "positions width vectors lanes offset factors")


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
    """All positions of `cached_vectors` vectors stay in the cache; none if 0."""
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
    addresses = [tensor.data_ptr() for tensor in tensors] + [0] * (7 - len(tensors))
    sizes = (positions, channels, wide, parts, summed, scratch.data_ptr(), scratch_floats * FLOAT_BYTES)
    run_kernel(kernel, jobs, Numbers._make((*addresses, *sizes, constants.data_ptr(), int(rectifies))))


@njit(inline="always")
def _block(s, factors, first, count, begin, panel):
    """The block of positions from `begin` of a panel, in a part of `count` channels from `first`."""
    width = min(WIDE, count - panel)
    vectors = (width + LANES - 1) // LANES
    offset = (begin * s.channels + first + panel) * FLOAT_BYTES
    return Block(
        min(s.summed, s.positions - begin), width, vectors, width - (vectors - 1) * LANES, offset,
        factors + panel * NUM_FACTORS * FLOAT_BYTES,
    )  # fmt: skip


@njit(inline="always")
def _factor(factors, channel, number):
    """Where a channel's factor of a number is."""
    return factors + ((channel // WIDE * NUM_FACTORS + number) * WIDE + channel % WIDE) * FLOAT_BYTES


@functools.cache
def _forward_kernel(version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        epsilon = float_at(s.epsilon, 0)
        row = s.channels * FLOAT_BYTES
        means, squares = [0.0] * s.wide, [0.0] * s.wide
        sums = s.scratch + job * s.scratch_bytes
        factors = sums + NUM_SUMS * WIDE * FLOAT_BYTES
        own, last = share_of(numbers, job, s.parts)
        for part in range(own, last):
            first = part * s.wide
            count = min(s.wide, s.channels - first)
            for begin in range(0, s.positions, s.summed):
                for panel in range(0, count, WIDE):
                    block = _block(s, factors, first, count, begin, panel)
                    sum_positions(s.x + block.offset, row, block.positions, block.vectors, block.lanes, sums)
                    share = block.positions / (begin + block.positions)
                    for c in range(block.width):
                        total = float(float_at(sums, WIDE + c))
                        mean = float(float_at(sums, c)) + total / block.positions
                        square = float(float_at(sums, 2 * WIDE + c)) - total * total / block.positions
                        if begin == 0:
                            means[panel + c], squares[panel + c] = mean, square
                        else:
                            distance = mean - means[panel + c]
                            means[panel + c] += distance * share
                            squares[panel + c] += square + distance * distance * begin * share
            for c in range(count):
                inverse = 1.0 / math.sqrt(squares[c] / s.positions + epsilon)
                scale = float_at(s.weight, first + c) * inverse
                set_float(s.statistics, first + c, float32(means[c]))
                set_float(s.statistics, s.channels + first + c, float32(inverse))
                set_float(_factor(factors, c, 0), 0, float32(scale))
                set_float(_factor(factors, c, 1), 0, float32(float_at(s.bias, first + c) - means[c] * scale))
            for begin in range(0, s.positions, s.summed):
                for panel in range(0, count, WIDE):
                    block = _block(s, factors, first, count, begin, panel)
                    scale_positions(
                        s.rectifies, s.x + block.offset, s.y + block.offset, row, block.positions, block.vectors,
                        block.lanes, block.factors,
                    )  # fmt: skip

    return compile_kernel(kernel)


@functools.cache
def _backward_kernel(version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        row = s.channels * FLOAT_BYTES
        totals, products = [0.0] * s.wide, [0.0] * s.wide
        sums = s.scratch + job * s.scratch_bytes
        factors = sums + NUM_SUMS * WIDE * FLOAT_BYTES
        own, last = share_of(numbers, job, s.parts)
        for part in range(own, last):
            first = part * s.wide
            count = min(s.wide, s.channels - first)
            for c in range(count):
                mean = float(float_at(s.statistics, first + c))
                scale = float(float_at(s.weight, first + c)) * float_at(s.statistics, s.channels + first + c)
                set_float(_factor(factors, c, 0), 0, float32(scale))
                set_float(_factor(factors, c, 1), 0, float32(float_at(s.bias, first + c) - mean * scale))
                set_float(_factor(factors, c, 2), 0, float32(mean))
                totals[c], products[c] = 0.0, 0.0
            for begin in range(0, s.positions, s.summed):
                for panel in range(0, count, WIDE):
                    block = _block(s, factors, first, count, begin, panel)
                    sum_gradients(
                        s.rectifies, s.x + block.offset, s.dy + block.offset, row, block.positions, block.vectors,
                        block.lanes, block.factors, sums,
                    )  # fmt: skip
                    for c in range(block.width):
                        totals[panel + c] += float(float_at(sums, c))
                        products[panel + c] += float(float_at(sums, WIDE + c))
            for c in range(count):
                inverse = float(float_at(s.statistics, s.channels + first + c))
                scale = float(float_at(_factor(factors, c, 0), 0)) / s.positions
                set_float(s.gradients, first + c, float32(products[c] * inverse))
                set_float(s.gradients, s.channels + first + c, float32(totals[c]))
                set_float(_factor(factors, c, 3), 0, float32(-scale * inverse * inverse * products[c]))
                set_float(_factor(factors, c, 4), 0, float32(-scale * totals[c]))
            for begin in range(0, s.positions, s.summed):
                for panel in range(0, count, WIDE):
                    block = _block(s, factors, first, count, begin, panel)
                    spread_gradients(
                        s.rectifies, s.x + block.offset, s.dy + block.offset, s.y + block.offset, row,
                        block.positions, block.vectors, block.lanes, block.factors,
                    )  # fmt: skip

    return compile_kernel(kernel)
