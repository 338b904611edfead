"""Architectures under a factorised distribution: moments of the cost, and shares within a window.

`probabilities` has for each free decision an array: the probability of each value, given that it exists.
Without it every architecture has the same weight. Results are exact, or between two rigorous bounds where the
costs are too many for a table of them. Own design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import frexp, ldexp
from typing import Literal

import numpy as np

from tsdsl.analysis.paths.arithmetic import Real
from tsdsl.analysis.paths.feasible import feasible, uniform
from tsdsl.analysis.paths.histogram import Lattice, bins_for, bundled, even_lattice, layers, mass_within
from tsdsl.analysis.paths.semiring import MOMENTS, fold
from tsdsl.analysis.paths.trellis import Stage, Trellis
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.operators.varying import Array

BINS = 4096
WORK = 150_000_000
ROUNDING = 1e-9

Probabilities = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean and variance of a cost."""

    mean: float
    variance: float


@dataclass(frozen=True, eq=False, slots=True)
class Marginal:
    """For each value of a decision, the share of what is within the window that has it.

    `share` is between the bounds, which are equal up to rounding where it is exact. Shares of a decision sum
    to the share in which it exists.
    """

    share: Array
    at_least: Array
    at_most: Array


def expected_macs(free: FreeSpace, probabilities: Probabilities) -> Moments:
    """The mean and variance of the multiply-adds of what is allowed, exact up to 64-bit rounding.

    With too many constraints on costs, they are those of everything that may be allowed.
    """
    trellis = feasible(free, free.probabilities(probabilities)).wider
    mean, variance = fold(trellis, MOMENTS)
    return Moments(trellis.constant + mean, variance)


def probability_within(
    free: FreeSpace,
    probabilities: Probabilities,
    least: int | None = None,
    most: int | None = None,
    bins: int | None = None,
) -> tuple[float, float]:
    """Two bounds of the probability that least <= multiply-adds <= most and all constraints are satisfied.

    None leaves an end open.
    """
    found = feasible(free, free.probabilities(probabilities))
    window = found.wider.window(*found.clipped(least, most))
    if window is None:
        return 0.0, 0.0
    under, within = window
    holds_all = under < 0 and within + found.wider.constant >= found.wider.most
    if holds_all and not rules_of(free):
        return 1.0, 1.0

    def masses(rounding: Literal["down", "up"]) -> tuple[float, float]:
        trellis = found.wider if rounding == "down" else found.narrower
        if trellis is None:
            return 0.0, 0.0
        towards = "down" if holds_all else rounding  # nothing can be rounded out of a window that holds all costs
        lattice = even_lattice(trellis, within, bins or bins_for(trellis, BINS, WORK), towards)
        layer = layers(lattice, Real(), within, len(trellis.stages) - 1)[-1]
        return mass_within(lattice, layer, under), mass_within(lattice, layer, within)

    (under_most, within_most), (under_least, within_least) = masses("down"), masses("up")
    at_least, at_most = within_least - under_most, within_most - under_least
    return max(0.0, at_least * (1 - ROUNDING)), min(1.0, at_most * (1 + ROUNDING))


def marginals_within(
    free: FreeSpace,
    least: int | None = None,
    most: int | None = None,
    probabilities: Probabilities | None = None,
    bins: int | None = None,
) -> dict[str, Marginal]:
    """For each free decision the shares of its values among what is within the window; empty where nothing is."""
    left = uniform(free) if probabilities is None else feasible(free, free.probabilities(probabilities))
    trellis, window = left.wider, left.wider.window(*left.clipped(least, most))
    if window is None:
        return {}
    high = _value_sums(free, trellis, window, "down", bins)
    low = _value_sums(free, trellis, window, "up", bins)
    found = {}
    for path, upper_sums in high.items():
        # Both in units of about all there is within, so that products of two stay in range.
        unit = upper_sums.exponent + frexp(upper_sums.all_within)[1]
        most_under, most_within, all_under, all_within = upper_sums.over(unit)
        least_under, least_within, least_all_under, least_all_within = low[path].over(unit)
        upper = (most_within - least_under) * (1 + ROUNDING)
        lower = np.maximum(0.0, least_within - most_under) * (1 - ROUNDING)
        others_upper = np.maximum(0.0, (all_within - most_within) - (least_all_under - least_under)) * (1 + ROUNDING)
        others_lower = np.maximum(0.0, (least_all_within - least_within) - (all_under - most_under)) * (1 - ROUNDING)
        middle = np.sqrt(np.maximum(0.0, lower * upper))
        absent = np.sqrt(max(0.0, _absent(most_within, all_within) - _absent(least_under, least_all_under)))
        absent *= np.sqrt(max(0.0, _absent(least_within, least_all_within) - _absent(most_under, all_under)))
        share = middle / max(middle.sum() + absent, np.finfo(float).tiny)
        bounds = _ratio(lower, others_upper), _ratio(upper, others_lower)
        found[path] = Marginal(np.clip(share, *bounds), *bounds)
    return found


def _absent(by_value: Array, total: float) -> float:
    """The weight of what a decision does not exist in; 0 where the difference is mere rounding."""
    difference = total - float(by_value.sum())
    return difference if difference > ROUNDING * total else 0.0


def _ratio(part: Array, rest: Array) -> Array:
    whole = part + rest
    shares: Array = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


@dataclass(frozen=True, eq=False, slots=True)
class _Sums:
    """Weight by value below the window and up to its end, and both over all values, in units of 2^`exponent`."""

    under: Array
    within: Array
    all_under: float
    all_within: float
    exponent: int

    def over(self, unit: int) -> tuple[Array, Array, float, float]:
        """The same four in units of 2^`unit`."""
        by = self.exponent - unit
        under, within = np.ldexp(self.under, by), np.ldexp(self.within, by)
        return under, within, ldexp(self.all_under, by), ldexp(self.all_within, by)


def _value_sums(
    free: FreeSpace, trellis: Trellis, window: tuple[int, int], rounding: Literal["down", "up"], bins: int | None
) -> dict[str, _Sums]:
    """For each decision the weights of its values below the window and up to its end."""
    under, within = window
    lattice = even_lattice(trellis, within, bins or bins_for(trellis, BINS, WORK), rounding)
    forward = layers(lattice, Real(), within, len(trellis.stages))
    backward = layers(_reversed(lattice), Real(), within, len(trellis.stages))
    last_bin = within // lattice.widths[0]
    found: dict[str, _Sums] = {}
    for number, stage in enumerate(trellis.stages):
        decided = [d for d in free.decisions if d.path not in found and _covers(free, stage, d.path)]
        if not decided:
            continue
        to_end = np.zeros((stage.num_targets, last_bin + 1))
        behind = backward[len(trellis.stages) - 1 - number]
        after = behind.rows[:, : last_bin + 1]
        to_end[:, : after.shape[1]] = after
        to_end = np.cumsum(to_end, axis=1)
        sums = [
            _edge_sums(stage, lattice.shifts[number], forward[number].rows, to_end, end // lattice.widths[0])
            for end in (under, within)
        ]
        for decision in decided:
            exists = np.ones(stage.flat.size, dtype=bool)
            for axis, index in free.ancestors(decision):
                exists &= np.isin(stage.values(axis), index)
            values = stage.values(free.axes[decision.path])[exists]
            by_value = [np.bincount(values, total[exists], len(decision.values)) for total in sums]
            totals = float(sums[0].sum()), float(sums[1].sum())
            exponent = forward[number].exponent + behind.exponent
            found[decision.path] = _Sums(by_value[0], by_value[1], *totals, exponent)
    return found


def _covers(free: FreeSpace, stage: Stage, path: str) -> bool:
    """Whether the value of a decision, and whether it exists, follows from a stage's edges."""
    decision = free.table.blueprint.space.decision_by_path[path]
    return {free.axes[path], *(axis for axis, _ in free.ancestors(decision))} <= set(stage.scope)


def _edge_sums(stage: Stage, shift: Array, before: Array, to_end: Array, last_bin: int) -> Array:
    """For each edge the weight of all paths through it that end in a bin up to `last_bin`."""
    if last_bin < 0:
        return np.zeros(stage.flat.size)
    bundle = bundled(stage, shift, np.float64)
    # In reverse, the rest of a path lines up with its beginning.
    from_end = np.ascontiguousarray(to_end[:, last_bin::-1])
    sums = np.empty(bundle.shift.size)
    edges = zip(bundle.source.tolist(), bundle.target.tolist(), bundle.shift.tolist(), strict=True)
    length = before.shape[1]
    for number, (source, target, moved) in enumerate(edges):
        remaining = from_end[target, moved : moved + length]
        sums[number] = before[source, : remaining.size] @ remaining
    return sums[bundle.member] * stage.weight


def _reversed(lattice: Lattice) -> Lattice:
    """The same paths from end to start; for lattices of one width."""
    stages = [
        Stage(s.scope, s.flat, s.target, s.source, s.cost, s.weight, s.num_targets, s.num_sources)
        for s in reversed(lattice.trellis.stages)
    ]
    trellis = Trellis(tuple(stages), lattice.trellis.constant)
    return Lattice(trellis, lattice.widths, lattice.shifts[::-1], lattice.rounding)
