"""One pass of SGD with momentum over shared weights of which a box has a gradient, as a kernel that numba compiles.

An entry of the kernel's table is one weight: addresses of its values, momentum and gradient, the number of its rates,
and for each of five axes its size and the box's first index and length. The gradient is as large as the box. Rates are
five floats: learning rate, weight decay, momentum, and the factors of gradient and momentum in a step.
"""

from __future__ import annotations

import functools
import itertools
from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

from tsdsl.lowering.kernels.cpu.compiled import compile_kernel, jobs_of, run_kernel, version
from tsdsl.lowering.kernels.cpu.update_vectors import update_run
from tsdsl.lowering.kernels.cpu.vectors import FIRST, number_at, take_job

AXES = 5
ENTRY = 4 + 3 * AXES
FLOAT_BYTES = 4
RATES_BYTES = 5 * FLOAT_BYTES
Axis: TypeAlias = tuple[int, int, int]
"""Its size, and the box's first index and length."""


def update(entries: Sequence[tuple[int, ...]], rates: Sequence[tuple[float, ...]], *, whole: bool) -> None:
    """Moves weights by their gradients; `whole`, also what lies outside of the boxes by momentum and decay."""
    table = array("q", itertools.chain.from_iterable(entries))
    factors = array("f", itertools.chain.from_iterable(rates))
    numbers = (len(entries), table.buffer_info()[0], factors.buffer_info()[0], int(whole))
    run_kernel(_update_kernel(version()), jobs_of(len(entries)), numbers)


@functools.lru_cache(maxsize=2**14)
def axes_of(sizes: tuple[int, ...], box: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """The axes of a contiguous weight for the table: those that the box takes whole are joined to the one before."""
    joined: list[Axis] = []
    for size, (first, length) in zip(sizes, box, strict=True):
        if joined and length == size:
            joined[-1] = (joined[-1][0] * size, joined[-1][1] * size, joined[-1][2] * size)
        else:
            joined.append((size, first, length))
    padded = [(1, 0, 1)] * (AXES - len(joined)) + joined
    return tuple(number for axis in padded for number in axis)


@functools.cache
def _update_kernel(version: int) -> Any:
    def kernel(numbers):
        count, table, all_rates, whole = (
            number_at(numbers, FIRST), number_at(numbers, FIRST + 1), number_at(numbers, FIRST + 2),
            number_at(numbers, FIRST + 3),
        )  # fmt: skip
        while version:
            job, jobs = take_job(numbers)
            if job >= jobs:
                break
            for entry in range(job, count, jobs):
                at = entry * ENTRY
                p, m, g = number_at(table, at), number_at(table, at + 1), number_at(table, at + 2)
                rates = all_rates + number_at(table, at + 3) * RATES_BYTES
                size0, first0, length0 = number_at(table, at + 4), number_at(table, at + 5), number_at(table, at + 6)
                size1, first1, length1 = number_at(table, at + 7), number_at(table, at + 8), number_at(table, at + 9)
                size2, first2, length2 = number_at(table, at + 10), number_at(table, at + 11), number_at(table, at + 12)
                size3, first3, length3 = number_at(table, at + 13), number_at(table, at + 14), number_at(table, at + 15)
                run, first, length = number_at(table, at + 16), number_at(table, at + 17), number_at(table, at + 18)
                left, right = first * FLOAT_BYTES, (first + length) * FLOAT_BYTES
                beyond = run - first - length
                for i0 in range(size0):
                    in0 = first0 <= i0 < first0 + length0
                    for i1 in range(size1):
                        in1 = in0 and first1 <= i1 < first1 + length1
                        for i2 in range(size2):
                            in2 = in1 and first2 <= i2 < first2 + length2
                            if not (in2 or whole):
                                continue
                            for i3 in range(size3):
                                row = (((i0 * size1 + i1) * size2 + i2) * size3 + i3) * run * FLOAT_BYTES
                                p_row, m_row = p + row, m + row
                                if in2 and first3 <= i3 < first3 + length3:
                                    place = ((i0 - first0) * length1 + i1 - first1) * length2 + i2 - first2
                                    g_row = g + (place * length3 + i3 - first3) * length * FLOAT_BYTES
                                    update_run(1, p_row + left, m_row + left, g_row, length, rates)
                                    if whole:
                                        update_run(0, p_row, m_row, 0, first, rates)
                                        update_run(0, p_row + right, m_row + right, 0, beyond, rates)
                                elif whole:
                                    update_run(0, p_row, m_row, 0, run, rates)

    return compile_kernel(kernel)
