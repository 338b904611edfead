"""One pass of SGD with momentum over shared weights with gradients in boxes, as a kernel that numba compiles."""

from __future__ import annotations

import functools
import itertools
from array import array
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tsdsl.lowering.kernels.cpu.compiled import JOBS, compile_kernel, jobs_of, run_kernel, version
from tsdsl.lowering.kernels.cpu.update_vectors import update_run
from tsdsl.lowering.kernels.cpu.vectors import FLOAT_BYTES, NUMBER_BYTES, fields_at, number_at

AXES = 5
RATES_BYTES = 5 * FLOAT_BYTES
Box = tuple[tuple[int, int], ...]
"""For each axis the first index and the length."""


# Where the entries are, how many, where the rates are, and whether whole weights are moved.
Numbers = namedtuple("Numbers", "entries count rates whole")
# A weight: addresses, the number of its rates, and for each axis its size, and first index and length of the box. The
# gradient is as large as the box.
Entry = namedtuple(
    "Entry",
    "weight momentum gradient rates size0 first0 length0 size1 first1 length1 size2 first2 length2"
    " size3 first3 length3 size4 first4 length4",
)
ENTRY_BYTES = len(Entry._fields) * NUMBER_BYTES


def update(entries: Sequence[Entry], rates: Sequence[tuple[float, ...]], *, whole: bool) -> None:
    """Moves weights by their gradients; `whole`, also what lies outside of the boxes by momentum and decay.

    Rates are learning rate, weight decay, momentum, and the factors of gradient and momentum in a step.
    """
    table = array("q", itertools.chain.from_iterable(entries))
    factors = array("f", itertools.chain.from_iterable(rates))
    numbers = Numbers(table.buffer_info()[0], len(entries), factors.buffer_info()[0], int(whole))
    run_kernel(_update_kernel(version()), jobs_of(len(entries)), numbers)


def entry(weight: Tensor, momentum: Tensor, gradient: Tensor, rates: int, box: Box) -> Entry:
    """The entry of a contiguous weight, which must stay alive, as must its momentum and gradient."""
    addresses = (weight.data_ptr(), momentum.data_ptr(), gradient.data_ptr())
    return Entry(*addresses, rates, *_axes(tuple(weight.shape), box))


@functools.lru_cache(maxsize=2**14)
def _axes(sizes: tuple[int, ...], box: Box) -> tuple[int, ...]:
    """Size, first index and length for each axis; those that the box takes whole are joined to the one before."""
    joined: list[tuple[int, int, int]] = []
    for size, (first, length) in zip(sizes, box, strict=True):
        if joined and length == size:
            joined[-1] = (joined[-1][0] * size, joined[-1][1] * size, joined[-1][2] * size)
        else:
            joined.append((size, first, length))
    padded = [(1, 0, 1)] * (AXES - len(joined)) + joined
    return tuple(number for axis in padded for number in axis)


@functools.cache
def _update_kernel(version: int) -> Any:
    def kernel(numbers, job):
        s = fields_at(numbers, Numbers, version)
        for number in range(job, s.count, number_at(numbers, JOBS)):
            e = fields_at(s.entries + number * ENTRY_BYTES, Entry, version)
            rates = s.rates + e.rates * RATES_BYTES
            left, right = e.first4 * FLOAT_BYTES, (e.first4 + e.length4) * FLOAT_BYTES
            beyond = e.size4 - e.first4 - e.length4
            for i0 in range(e.size0):
                in0 = e.first0 <= i0 < e.first0 + e.length0
                for i1 in range(e.size1):
                    in1 = in0 and e.first1 <= i1 < e.first1 + e.length1
                    for i2 in range(e.size2):
                        in2 = in1 and e.first2 <= i2 < e.first2 + e.length2
                        if not (in2 or s.whole):
                            continue
                        for i3 in range(e.size3):
                            row = (((i0 * e.size1 + i1) * e.size2 + i2) * e.size3 + i3) * e.size4 * FLOAT_BYTES
                            p_row, m_row = e.weight + row, e.momentum + row
                            if in2 and e.first3 <= i3 < e.first3 + e.length3:
                                place = ((i0 - e.first0) * e.length1 + i1 - e.first1) * e.length2 + i2 - e.first2
                                g_row = e.gradient + (place * e.length3 + i3 - e.first3) * e.length4 * FLOAT_BYTES
                                update_run(1, p_row + left, m_row + left, g_row, e.length4, rates)
                                if s.whole:
                                    update_run(0, p_row, m_row, 0, e.first4, rates)
                                    update_run(0, p_row + right, m_row + right, 0, beyond, rates)
                            elif s.whole:
                                update_run(0, p_row, m_row, 0, e.size4, rates)

    return compile_kernel(kernel)
