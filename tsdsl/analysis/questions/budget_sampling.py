"""Architectures within a window of cost, drawn exactly uniformly or as a distribution has them.

Own design. The counts before each stage are kept while costs are added up in bins; a draw walks back from
the end. Bins round costs down, so the window is widened by the largest error that this makes, and what is
outside after all is rejected on its exact cost. Counts are integers rounded up where they would overflow:
a draw that falls into the excess is rejected too, so what remains is uniform without any approximation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from tsdsl.analysis.paths.arithmetic import Arithmetic, Real, Rounded
from tsdsl.analysis.paths.feasible import Feasible, feasible, uniform
from tsdsl.analysis.paths.histogram import Lattice, Layer, bins_for, even_lattice, layers
from tsdsl.analysis.paths.trellis import Trellis
from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import RunError, UsageError
from tsdsl.operators.varying import Array
from tsdsl.records import dataclass

SAMPLING_BINS = 16_384
SAMPLING_WORK = 400_000_000
ROWS_A_BATCH = 512
CELLS_AT_ONCE = 1 << 20
BATCHES_IN_VAIN = 400


@dataclass(frozen=True, eq=False)
class WindowSampler:
    """Draws assignments of a trellis with `least` <= cost <= `most`, in proportion to their weights.

    Where the trellis holds more than the space's constraints allow, `is_exact` is false, and they are checked.
    """

    free: FreeSpace
    trellis: Trellis
    costs: BatchCosts
    least: int
    most: int
    arithmetic: Arithmetic
    bins: int | None = None
    is_exact: bool = True

    @cached_property
    def lattice(self) -> Lattice:
        """Even bins, rounded down; exact where there are few enough costs."""
        bins = self.bins or bins_for(self.trellis, SAMPLING_BINS, SAMPLING_WORK)
        return even_lattice(self.trellis, self._slack, bins, "down")

    @property
    def _slack(self) -> int:
        return max(0, min(self.most, self.trellis.most) - self.trellis.constant)

    @cached_property
    def _layers(self) -> Sequence[Layer]:
        return layers(self.lattice, self.arithmetic, self._slack, len(self.trellis.stages))

    @cached_property
    def _ends(self) -> tuple[int, Array]:
        """The first bin of the widened window, and the counts in its bins, added up."""
        width = self.lattice.widths[0]
        first = max(0, -(-(self.least - self.trellis.constant - self.lattice.largest_error) // width))
        counts: Array = np.cumsum(self._layers[-1].rows[0, first : self._slack // width + 1])
        return first, counts

    @property
    def is_surely_empty(self) -> bool:
        """Whether no cost is in the window, as far as bins can tell; with exact bins it is certain."""
        if self.least > self.most or self.least > self.trellis.most or self.most < self.trellis.least:
            return True
        counts = self._ends[1]
        return counts.size == 0 or counts[-1] == 0

    @cached_property
    def _edges(self) -> Sequence[Sequence[Array]]:
        """For each stage and target the edges that lead there."""
        found = []
        for stage in self.trellis.stages:
            order = np.argsort(stage.target, kind="stable")
            ends = np.searchsorted(stage.target[order], np.arange(stage.num_targets + 1))
            found.append([order[begin:end] for begin, end in pairwise(ends.tolist())])
        return found

    def rows(self, generator: np.random.Generator) -> Iterator[Array]:
        """Batches of index rows within the window, without end; some may be empty.

        Raises:
            UsageError: nothing is within the window.
            RunError: batch after batch was outside the window, so it holds next to nothing.
        """
        if self.is_surely_empty:
            raise UsageError(
                f"nothing has between {self.least:,} and {self.most:,} multiply-adds",
                help=f"there are from {self.trellis.least:,} to {self.trellis.most:,}",
            )
        in_vain = 0
        while True:
            drawn = self._walk(generator)
            costs = self.costs(drawn)
            kept = drawn[(costs >= self.least) & (costs <= self.most)]
            if not self.is_exact:
                kept = kept[rules_of(self.free).allow(self.free, kept)]
            in_vain = 0 if len(kept) else in_vain + 1
            if in_vain > BATCHES_IN_VAIN:
                raise RunError(
                    f"{in_vain * ROWS_A_BATCH:,} draws in a row were outside the window",
                    help="widen the window",
                )
            yield kept

    def _walk(self, generator: np.random.Generator) -> Array:
        """One batch from the widened window, less the draws that fell into rounding."""
        first, cumulative = self._ends
        drawn = self._below(generator, np.repeat(cumulative[-1:], ROWS_A_BATCH))
        bins = first + np.searchsorted(cumulative, drawn, side="right")
        path = _Walk(np.zeros_like(bins), np.minimum(bins, first + cumulative.size - 1))
        for number in reversed(range(len(self.trellis.stages))):
            path = self._back(generator, number, path)
        values = np.zeros((len(path.state), len(self.free.decisions)), dtype=np.int32)
        for stage, edge in zip(self.trellis.stages, path.edges, strict=True):
            for axis in stage.scope:
                values[:, self.free.columns[axis.path]] = stage.values(axis)[edge]
        return values

    def _back(self, generator: np.random.Generator, number: int, path: _Walk) -> _Walk:
        """Every draw one stage further back; those that fell into rounding are dropped."""
        rows = self._layers[number].rows
        stage, shifts = self.trellis.stages[number], self.lattice.shifts[number]
        chosen = np.full(path.state.size, -1, dtype=np.int64)
        for target in np.unique(path.state).tolist():
            edges = self._edges[number][target]
            all_here = np.flatnonzero(path.state == target)
            at_once = max(1, CELLS_AT_ONCE // edges.size)
            for here in (all_here[begin : begin + at_once] for begin in range(0, all_here.size, at_once)):
                before = path.bin[here, None] - shifts[edges]
                there = (before >= 0) & (before < rows.shape[1])
                worth = rows[stage.source[edges], np.where(there, before, 0)]
                worth *= there * stage.weight[edges].astype(rows.dtype)
                cumulative = np.cumsum(worth, axis=1)
                pick = self._pick(generator, number, cumulative, path.state[here], path.bin[here])
                found = pick < edges.size
                chosen[here[found]] = edges[pick[found]]
        kept = chosen >= 0
        edge = chosen[kept]
        return _Walk(
            stage.source[edge],
            path.bin[kept] - shifts[edge],
            (edge, *(earlier[kept] for earlier in path.edges)),
        )

    def _pick(
        self, generator: np.random.Generator, number: int, cumulative: Array, state: Array, position: Array
    ) -> Array:
        """For each draw the place in its row of cumulative worths; beyond the end where it fell into rounding."""
        after = self._layers[number + 1]
        high = after.rows[state, position] << np.uint64(after.halvings) if self._is_integer else cumulative[:, -1]
        drawn = self._below(generator, high)
        picks: Array = (cumulative <= drawn[:, None]).sum(axis=1)
        return picks

    @property
    def _is_integer(self) -> bool:
        return self.arithmetic.dtype is np.uint64

    def _below(self, generator: np.random.Generator, high: Array) -> Array:
        """For each number a uniform one from 0 up to it, exclusive."""
        if self._is_integer:
            return generator.integers(0, high, dtype=np.uint64)
        return generator.random(high.size) * high


@dataclass(frozen=True, slots=True)
class _Walk:
    """Draws on their way back: the state and bin that each is at, and the edges that it took from there on."""

    state: Array
    bin: Array
    edges: tuple[Array, ...] = ()


def _clipped(found: Feasible, least: int, most: int) -> tuple[int, int]:
    low, high = found.clipped(least, most)
    return least if low is None else low, most if high is None else high


def uniform_within(free: FreeSpace, least: int, most: int, bins: int | None = None) -> WindowSampler:
    """Draws architectures with least <= multiply-adds <= most, each with the same probability."""
    found = uniform(free)
    least, most = _clipped(found, least, most)
    return WindowSampler(free, found.wider, BatchCosts(free), least, most, Rounded(up=True), bins, found.is_exact)


def conditioned(
    free: FreeSpace, probabilities: Mapping[str, Array], least: int, most: int, bins: int | None = None
) -> WindowSampler:
    """Draws from a factorised distribution, conditioned on least <= multiply-adds <= most.

    `probabilities` has for each free decision the probability of each value, given that it exists. The
    distribution is exact up to the rounding of 64-bit sums.
    """
    found = feasible(free, free.probabilities(probabilities))
    least, most = _clipped(found, least, most)
    return WindowSampler(free, found.wider, BatchCosts(free), least, most, Real(), bins, found.is_exact)
