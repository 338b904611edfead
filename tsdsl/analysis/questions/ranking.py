"""A number for each architecture and back, so that a space can be split, listed or drawn from.

Own design: mixed radix in the order of the space, the last decision fastest. A decision's radix is the number of ways
to decide what is nested below its value. Under constraints, the order is that of the edges of the trellis of allowed
architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tsdsl.analysis.paths.constrained import TooWide
from tsdsl.analysis.paths.feasible import uniform
from tsdsl.analysis.paths.trellis import Trellis
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Array
from tsdsl.space.parts import Decision, Value


@dataclass(frozen=True, eq=False)
class Ranking:
    """The architectures of a free space as the integers from 0 up to `total`, exclusive.

    Raises:
        TooWide: there are too many constraints on costs to number what they allow.
    """

    free: FreeSpace

    @cached_property
    def _allowed(self) -> _Allowed | None:
        return _allowed(self.free) if rules_of(self.free) else None

    @cached_property
    def _children(self) -> Mapping[str, Mapping[int, tuple[Decision, ...]]]:
        """For each free decision and value index, the free decisions that exist directly below."""
        found: dict[str, dict[int, list[Decision]]] = {}
        for decision in self.free.decisions:
            above = self.free.ancestors(decision)
            if above:
                axis, indices = above[0]
                for index in indices:
                    found.setdefault(axis.path, {}).setdefault(index, []).append(decision)
        return {path: {i: tuple(below) for i, below in by_value.items()} for path, by_value in found.items()}

    @cached_property
    def _roots(self) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.free.decisions if not self.free.ancestors(decision))

    @cached_property
    def _ways(self) -> Mapping[str, tuple[int, ...]]:
        """For each free decision and value, the number of ways to decide what exists below."""
        ways: dict[str, tuple[int, ...]] = {}
        for decision in reversed(self.free.decisions):
            below = self._children.get(decision.path, {})
            found = []
            for index in range(len(decision.values)):
                product = 1
                for child in below.get(index, ()):
                    product *= sum(ways[child.path])
                found.append(product)
            ways[decision.path] = tuple(found)
        return ways

    @cached_property
    def total(self) -> int:
        """The exact number of architectures."""
        if self._allowed is not None:
            return int(self._allowed.to_go[0][0])
        product = 1
        for root in self._roots:
            product *= sum(self._ways[root.path])
        return product

    def rank(self, architecture: Mapping[str, Value]) -> int:
        """The number of an architecture.

        Raises:
            KeyError: a decision that exists is missing.
            ValueError: a decision has a value that the space does not list, or a constraint is not satisfied.
        """
        row = self.free.row(architecture)
        if self._allowed is not None:
            return self._allowed.rank(row, self.free)

        def of(decision: Decision) -> int:
            index = row[self.free.columns[decision.path]]
            number = 0
            for child in self._children.get(decision.path, {}).get(index, ()):
                number = number * sum(self._ways[child.path]) + of(child)
            return sum(self._ways[decision.path][:index]) + number

        number = 0
        for root in self._roots:
            number = number * sum(self._ways[root.path]) + of(root)
        return number

    def row(self, rank: int) -> list[int]:
        """The value indices of the architecture with this number.

        Raises:
            UsageError: there is none.
        """
        if not 0 <= rank < self.total:
            raise UsageError(f"no architecture has the number {rank}", help=f"they have 0 to {self.total - 1}")
        if self._allowed is not None:
            return self._allowed.row(rank, self.free)
        row = [0] * len(self.free.decisions)

        def split(decisions: tuple[Decision, ...], number: int) -> None:
            for decision in reversed(decisions):
                ways = self._ways[decision.path]
                number, own = divmod(number, sum(ways))
                index = 0
                while own >= ways[index]:
                    own -= ways[index]
                    index += 1
                row[self.free.columns[decision.path]] = index
                split(self._children.get(decision.path, {}).get(index, ()), own)

        split(self._roots, rank)
        return row

    def unrank(self, rank: int) -> dict[str, Value]:
        """The architecture with this number.

        Raises:
            UsageError: there is none.
        """
        return self.free.architecture(self.row(rank))


@dataclass(frozen=True, eq=False)
class _Allowed:
    """The paths of a trellis in the order of their edges; `to_go` counts the paths from each state to the end."""

    trellis: Trellis
    to_go: Sequence[Array]

    def rank(self, row: Sequence[int], free: FreeSpace) -> int:
        """The number of the path that an index row is."""
        number, state = 0, 0
        for stage, after in zip(self.trellis.stages, self.to_go[1:], strict=True):
            flat = 0
            for axis in stage.scope:
                flat = flat * axis.size + row[free.columns[axis.path]]
            leaving = np.flatnonzero(stage.source == state)
            leaving = leaving[np.argsort(stage.flat[leaving], kind="stable")]
            at = np.flatnonzero(stage.flat[leaving] == flat)
            if not at.size:
                raise ValueError("the architecture does not satisfy the constraints of its space")
            number += sum(after[stage.target[leaving[: at[0]]]].tolist())
            state = int(stage.target[leaving[at[0]]])
        return number

    def row(self, rank: int, free: FreeSpace) -> list[int]:
        """The index row of the path with this number."""
        row, state = [0] * len(free.decisions), 0
        for stage, after in zip(self.trellis.stages, self.to_go[1:], strict=True):
            leaving = np.flatnonzero(stage.source == state)
            leaving = leaving[np.argsort(stage.flat[leaving], kind="stable")]
            for edge in leaving.tolist():
                state = int(stage.target[edge])
                if rank < after[state]:
                    break
                rank -= int(after[state])
            for axis in stage.scope:
                row[free.columns[axis.path]] = int(stage.values(axis)[edge])
        return row


def _allowed(free: FreeSpace) -> _Allowed:
    found = uniform(free)
    if found.least is not None or found.most is not None:
        # Multiply-adds are not added up here, so a window of them is a constraint like any other.
        found = uniform(free, "params")
    if not found.is_exact:
        raise TooWide(
            "there are too many constraints on costs to number the architectures that they allow",
            help="number the architectures without constraints on costs, or sample allowed ones (`tsdsl sample`)",
        )
    counts: list[Array] = [np.array([1], dtype=object)]
    for stage in reversed(found.wider.stages):
        before = np.array([0] * stage.num_sources, dtype=object)
        np.add.at(before, stage.source, counts[-1][stage.target])
        counts.append(before)
    return _Allowed(found.wider, counts[::-1])
