"""Matrix products on the CPU as a kernel that numba compiles, for float32.

Registers hold a block of the result, of which rows meet one element of the first matrix and columns a vector of the
second at a time. Neither is copied into another order first: weights of this project's networks are too small, or meet
too few positions, for that to pay. Own design; measured in tests/benchmarks/depthwise_cpu.py.

The result's rows are dealt out to jobs in equal parts, or, where they are few, the terms of its sums. Which thread
takes a job does not matter.

Sizes: M rows, N columns, K terms of a sum; J jobs.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, jobs_of, run_kernel, version
from tsdsl.lowering.kernels.cpu.product_vectors import BLOCK_ROWS, MOST_VECTORS, multiply_block, transpose_square
from tsdsl.lowering.kernels.cpu.vectors import (
    FIRST,
    LANES,
    VECTOR_BYTES,
    fetch_ahead,
    float_at,
    number_at,
    set_float,
    take_job,
)

FLOAT_BYTES = 4
LINE_BYTES = 64
MOST_ROWS = BLOCK_ROWS[0]
MOST_TERMS = 512
"""Of a sum at a time, so that what the rows of a block meet stays near the processor."""
CACHED_ELEMENTS = 2**16
"""Of rows that all columns meet before the next rows do."""
BLOCKS_AHEAD = 4
"""Rows are asked for so many blocks before they are met: few terms a sum leave no time for it."""
DEEP = 2048


def product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    """The product M x N; elements of a row of `b_KN` must be neighbours in memory."""
    rows, depth = a_MK.shape
    columns = b_KN.shape[1]
    blocks = -(-rows // MOST_ROWS)
    threads = torch.get_num_threads()
    splits_sums = blocks < 4 * threads and depth >= DEEP and threads > 1
    jobs = threads if splits_sums else jobs_of(blocks)
    c_JMN = a_MK.new_empty((jobs if splits_sums else 1, rows, columns))
    numbers = (
        *(a_MK.data_ptr(), a_MK.stride(0) * FLOAT_BYTES, a_MK.stride(1) * FLOAT_BYTES),
        *(b_KN.data_ptr(), b_KN.stride(0) * FLOAT_BYTES, c_JMN.data_ptr()),
        *(rows, columns, depth, int(splits_sums)),
    )
    run_kernel(_product_kernel(version()), jobs, numbers)
    return c_JMN.sum(0) if splits_sums else c_JMN[0]


def transposed(a_MN: Tensor) -> Tensor:
    """A contiguous matrix with rows and columns exchanged: N x M, contiguous."""
    rows, columns = a_MN.shape
    b_NM = a_MN.new_empty((columns, rows))
    numbers = (a_MN.data_ptr(), b_NM.data_ptr(), rows, columns)
    run_kernel(_transposing_kernel(version()), jobs_of(-(-columns // LANES)), numbers)
    return b_NM


@functools.cache
def _transposing_kernel(version: int) -> Any:
    def kernel(numbers):
        a, b, rows, columns = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3),
        )  # fmt: skip
        a_row, b_row = columns * FLOAT_BYTES, rows * FLOAT_BYTES
        blocks = (columns + LANES - 1) // LANES
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            for block in range(job * blocks // jobs, (job + 1) * blocks // jobs):
                first, last = block * LANES, min(columns, (block + 1) * LANES)
                for row in range(0, rows, LANES):
                    if last - first == LANES and rows - row >= LANES:
                        at = a + row * a_row + first * FLOAT_BYTES
                        transpose_square(at, a_row, b + first * b_row + row * FLOAT_BYTES, b_row)
                        continue
                    for i in range(row, min(rows, row + LANES)):
                        for j in range(first, last):
                            set_float(b, j * rows + i, float_at(a, i * columns + j))

    return compile_kernel(kernel)


@functools.cache
def _product_kernel(version: int) -> Any:
    def kernel(numbers):
        a, a_row, a_term, b, b_row, c = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3), number_at(numbers, FIRST + 4), number_at(numbers, FIRST + 5),
        )  # fmt: skip
        rows, columns, depth, splits_sums = (
            number_at(numbers, FIRST + 6), number_at(numbers, FIRST + 7), number_at(numbers, FIRST + 8),
            number_at(numbers, FIRST + 9),
        )  # fmt: skip
        c_row = columns * FLOAT_BYTES
        vectors = (columns + LANES - 1) // LANES
        panels = (vectors + MOST_VECTORS - 1) // MOST_VECTORS
        blocks = (rows + MOST_ROWS - 1) // MOST_ROWS
        if depth * columns <= CACHED_ELEMENTS:
            chunk = CACHED_ELEMENTS // (depth + columns)
        else:
            chunk = CACHED_ELEMENTS // min(depth, MOST_TERMS)
        chunk = max(MOST_ROWS, chunk // MOST_ROWS * MOST_ROWS)
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            first_row, last_row, first_term, last_term, to = 0, rows, 0, depth, c
            if splits_sums:
                first_term, last_term = job * depth // jobs, (job + 1) * depth // jobs
                to = c + job * rows * c_row
            else:
                first_row, last_row = (
                    job * blocks // jobs * MOST_ROWS,
                    min(rows, (job + 1) * blocks // jobs * MOST_ROWS),
                )
            for term in range(first_term, last_term, MOST_TERMS):
                terms = min(MOST_TERMS, last_term - term)
                for begin in range(first_row, last_row, chunk):
                    end = min(last_row, begin + chunk)
                    for panel in range(panels):
                        first, last = panel * vectors // panels, (panel + 1) * vectors // panels
                        lanes = min(LANES, columns - (last - 1) * LANES)
                        row = begin
                        while row < end:
                            size = MOST_ROWS
                            while size > end - row:
                                size //= 2
                            at = a + row * a_row + term * a_term
                            if panel == 0 and a_term == FLOAT_BYTES:
                                for offset in range(0, size * terms * FLOAT_BYTES, LINE_BYTES):
                                    fetch_ahead(at + BLOCKS_AHEAD * size * a_row + offset)
                            multiply_block(
                                at, a_row, a_term, b + term * b_row + first * VECTOR_BYTES, b_row,
                                to + row * c_row + first * VECTOR_BYTES, c_row, terms, size, last - first, lanes,
                                min(term - first_term, 1),
                            )  # fmt: skip
                            row += size

    return compile_kernel(kernel)
