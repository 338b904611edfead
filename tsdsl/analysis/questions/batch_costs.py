"""Exact costs of many architectures at once: index rows in, 64-bit integers out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np

from tsdsl.analysis.tables.cost_table import Quantity
from tsdsl.analysis.tables.elimination import one_table
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.operators.varying import Array, Varying
from tsdsl.records import dataclass

CELLS_AT_ONCE = 1 << 20
LARGEST_JOINT_TABLE = 1 << 15


@dataclass(frozen=True, eq=False)
class BatchCosts:
    """The multiply-adds or parameters, of everything or of a part, of architectures of a free space, by look-up."""

    free: FreeSpace
    quantity: Quantity = "macs"
    part: str | None = None

    @cached_property
    def _tables(self) -> Sequence[tuple[Sequence[int], Sequence[int], Array]]:
        """(columns, strides, entries) of few tables, which cost fewer look-ups than many."""
        found = []
        for factor in joined(self.free.costs(self.quantity, self.part)):
            sizes = [axis.size for axis in factor.scope]
            strides = [prod(sizes[position + 1 :]) for position in range(len(sizes))]
            columns = [self.free.columns[axis.path] for axis in factor.scope]
            found.append((columns, strides, np.ascontiguousarray(factor.table, dtype=np.int64).ravel()))
        return found

    def __call__(self, rows: Array) -> Array:
        """The cost of each row of value indices (architectures x free decisions); shape (architectures,)."""
        total = np.empty(len(rows), dtype=np.int64)
        at_once = max(1, CELLS_AT_ONCE // max(1, rows.shape[1]))
        for begin in range(0, len(rows), at_once):
            block = np.ascontiguousarray(rows[begin : begin + at_once].T, dtype=np.int32)
            part = total[begin : begin + at_once]
            part.fill(0)
            for columns, strides, entries in self._tables:
                if not columns:
                    part += entries[0]
                    continue
                index = block[columns[-1]]
                for column, stride in zip(columns[:-1], strides[:-1], strict=True):
                    index = index + block[column] * np.int32(stride)
                part += entries[index]
        return total


def joined(factors: Sequence[Varying]) -> list[Varying]:
    """The same sum as fewer tables: those that share decisions, joined while the result stays small."""
    result: list[Varying] = []
    for factor in sorted(factors, key=lambda f: (f.scope[:1], -f.table.size)):
        best = None
        for position, other in enumerate(result):
            union = {*factor.scope, *other.scope}
            size = prod(axis.size for axis in union)
            is_coupled = len(union) < len(factor.scope) + len(other.scope) or not factor.scope
            if is_coupled and size <= LARGEST_JOINT_TABLE and (best is None or size < best[0]):
                best = (size, position)
        if best is None:
            result.append(factor)
        else:
            result[best[1]] = one_table([result[best[1]], factor])
    return result
