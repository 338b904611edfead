"""Matrix products on the CPU as a kernel that numba compiles, for float32.

Registers hold a block of the result. In each step, its rows are multiplied by one element of the first matrix each, and
its columns by vectors of the second. Neither matrix is reordered first: the weights of this project's networks are too
small, or used for too few positions, for that to pay. Own design; measured in tests/benchmarks/depthwise_cpu.py.

The result's rows are divided into equal jobs; if there are few rows, the terms of its sums are.

Sizes: M rows, N columns, K terms of a sum; J jobs.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from typing import Any

import torch
from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, jobs_of, run_kernel, share_of, version
from tsdsl.lowering.kernels.cpu.product_vectors import BLOCK_ROWS, MAX_VECTORS, multiply_block, transpose_square
from tsdsl.lowering.kernels.cpu.vectors import (
    FLOAT_BYTES,
    LANES,
    VECTOR_BYTES,
    fetch_ahead,
    fields_at,
    float_at,
    set_float,
)

LINE_BYTES = 64
MAX_ROWS = BLOCK_ROWS[0]
MAX_TERMS = 512
"""Of a sum at a time, so that the second matrix's part stays near the processor."""
CACHED_ELEMENTS = 2**16
"""Of the rows that are multiplied by all columns before the next rows are."""
BLOCKS_AHEAD = 4
"""Rows are prefetched so many blocks ahead: with few terms in a sum there is no time for it later."""
DEEP = 2048
# Addresses of the matrices, the distances of their rows and terms in bytes, and sizes.
Product = namedtuple("Product", "a a_row a_term b b_row c rows columns depth splits_sums")
Transposition = namedtuple("Transposition", "a b rows columns")


def product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    """The product M x N; elements of a row of `b_KN` must be adjacent in memory."""
    rows, depth = a_MK.shape
    columns = b_KN.shape[1]
    blocks = -(-rows // MAX_ROWS)
    threads = torch.get_num_threads()
    splits_sums = blocks < 4 * threads and depth >= DEEP and threads > 1
    jobs = threads if splits_sums else jobs_of(blocks)
    c_JMN = a_MK.new_empty((jobs if splits_sums else 1, rows, columns))
    numbers = Product(
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
    numbers = Transposition(a_MN.data_ptr(), b_NM.data_ptr(), rows, columns)
    run_kernel(_transposing_kernel(version()), jobs_of(-(-columns // LANES)), numbers)
    return b_NM


@functools.cache
def _transposing_kernel(version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Transposition, version)
        a_row, b_row = s.columns * FLOAT_BYTES, s.rows * FLOAT_BYTES
        begin, end = share_of(numbers, job, (s.columns + LANES - 1) // LANES)
        for block in range(begin, end):
            first, last = block * LANES, min(s.columns, (block + 1) * LANES)
            for row in range(0, s.rows, LANES):
                if last - first == LANES and s.rows - row >= LANES:
                    at = s.a + row * a_row + first * FLOAT_BYTES
                    transpose_square(at, a_row, s.b + first * b_row + row * FLOAT_BYTES, b_row)
                    continue
                for i in range(row, min(s.rows, row + LANES)):
                    for j in range(first, last):
                        set_float(s.b, j * s.rows + i, float_at(s.a, i * s.columns + j))

    return compile_kernel(kernel)


@functools.cache
def _product_kernel(version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Product, version)
        c_row = s.columns * FLOAT_BYTES
        vectors = (s.columns + LANES - 1) // LANES
        panels = (vectors + MAX_VECTORS - 1) // MAX_VECTORS
        if s.depth * s.columns <= CACHED_ELEMENTS:
            chunk = CACHED_ELEMENTS // (s.depth + s.columns)
        else:
            chunk = CACHED_ELEMENTS // min(s.depth, MAX_TERMS)
        chunk = max(MAX_ROWS, chunk // MAX_ROWS * MAX_ROWS)
        first_row, last_row, first_term, last_term, to = 0, s.rows, 0, s.depth, s.c
        if s.splits_sums:
            first_term, last_term = share_of(numbers, job, s.depth)
            to = s.c + job * s.rows * c_row
        else:
            first_block, last_block = share_of(numbers, job, (s.rows + MAX_ROWS - 1) // MAX_ROWS)
            first_row, last_row = first_block * MAX_ROWS, min(s.rows, last_block * MAX_ROWS)
        for term in range(first_term, last_term, MAX_TERMS):
            terms = min(MAX_TERMS, last_term - term)
            for begin in range(first_row, last_row, chunk):
                end = min(last_row, begin + chunk)
                for panel in range(panels):
                    first, last = panel * vectors // panels, (panel + 1) * vectors // panels
                    lanes = min(LANES, s.columns - (last - 1) * LANES)
                    row = begin
                    while row < end:
                        size = MAX_ROWS
                        while size > end - row:
                            size //= 2
                        at = s.a + row * s.a_row + term * s.a_term
                        if panel == 0 and s.a_term == FLOAT_BYTES:
                            for offset in range(0, size * terms * FLOAT_BYTES, LINE_BYTES):
                                fetch_ahead(at + BLOCKS_AHEAD * size * s.a_row + offset)
                        multiply_block(
                            at, s.a_row, s.a_term, s.b + term * s.b_row + first * VECTOR_BYTES, s.b_row,
                            to + row * c_row + first * VECTOR_BYTES, c_row, terms, size, last - first, lanes,
                            min(term - first_term, 1),
                        )  # fmt: skip
                        row += size

    return compile_kernel(kernel)
