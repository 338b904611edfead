"""The most probable architecture within a FLOPs target, exactly where that is affordable.

Own design. FLOPs and log P are sums of tables over few decisions, so variable elimination gives for
any partial architecture both its least possible FLOPs and the best of log P - price * FLOPs over its
completions. The latter, plus price * target, bounds log P of every completion within the target. With
the price that makes the bound tightest, a best-first search needs few nodes as a rule.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.elimination import elimination_order, one_table
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Array, Axis, Varying
from tsdsl.search.budget.flops import StepFlops
from tsdsl.search.distribution.factorised import Distribution
from tsdsl.space.parts import Value

Road = Literal["argmax", "exact", "node limit", "best seen"]

NODE_LIMIT = 100_000
BISECTIONS = 40
TOLERANCE_NATS = 1e-9
LEAST_LOG = -1e6
BARRED = -1e12


@dataclass(frozen=True)
class Found:
    """The architecture, and how it was found.

    `argmax`: the most probable of all, which is within the target. `exact`: the most probable within
    the target, proven. `node limit`: the best found when the search was cut off; nothing within the target
    is more probable by more than `gap_nats`. `best seen`: the most accurate of those that a baseline measured.
    """

    decisions: dict[str, Value]
    macs: int
    log_probability: float
    road: Road
    gap_nats: float = 0.0


@dataclass(frozen=True, eq=False)
class Bucket:
    """One eliminated decision: the summed table over `scope` and, as last axis, its own values."""

    path: str
    scope: tuple[str, ...]
    table: Array


@dataclass(frozen=True, eq=False)
class Eliminated:
    """The best total over all architectures, and the buckets in the order in which to decide again."""

    best: float
    buckets: tuple[Bucket, ...]

    def decide(self) -> dict[str, int]:
        """The value indices of one best architecture."""
        chosen: dict[str, int] = {}
        for bucket in self.buckets:
            row = bucket.table[tuple(chosen[path] for path in bucket.scope)]
            chosen[bucket.path] = int(np.argmax(row))
        return chosen


def eliminate(order: Sequence[Axis], factors: Sequence[Varying]) -> Eliminated:
    """Maximise the sum of the factors by eliminating the decisions in this order.

    Raises:
        RunError: a table would be too large.
    """
    remaining = list(factors)
    buckets: list[Bucket] = []
    for axis in order:
        touched = [factor for factor in remaining if axis in factor.scope]
        remaining = [factor for factor in remaining if axis not in factor.scope]
        total = one_table([Varying((axis,), np.zeros(axis.size, dtype=np.int64)), *touched])
        position = total.scope.index(axis)
        scope = total.scope[:position] + total.scope[position + 1 :]
        remaining.append(Varying(scope, np.asarray(total.table.max(axis=position))))
        table = np.moveaxis(total.table, position, -1)
        buckets.append(Bucket(axis.path, tuple(other.path for other in scope), table))
    return Eliminated(sum(factor.table.item() for factor in remaining), tuple(reversed(buckets)))


def log_probability_factors(distribution: Distribution, axes: Mapping[str, Axis]) -> list[Varying]:
    """log P as tables. A decision that does not exist adds 0 at its first value and is barred elsewhere."""
    searched = {decision.path: decision for decision in distribution.variables.decisions}
    factors: list[Varying] = []
    for path, logs in distribution.log_probabilities().items():
        own = np.maximum(logs.numpy(), LEAST_LOG)
        parent = searched[path].parent
        if parent is None or parent.path not in searched:
            factors.append(Varying((axes[path],), own))
            continue
        absent = np.full(own.shape, BARRED)
        absent[0] = 0.0
        rows = [own if value == parent.value else absent for value in searched[parent.path].values]
        factors.append(Varying((axes[parent.path], axes[path]), np.stack(rows)))
    return factors


@dataclass(frozen=True, eq=False)
class _Problem:
    """One distribution and target; the same order of elimination serves every price and the least FLOPs."""

    distribution: Distribution
    flops: StepFlops
    target_macs: int
    logs: list[Varying] = field(init=False)

    def __post_init__(self) -> None:
        barred = [Varying(t.scope, np.where(t.table > 0, 0.0, BARRED)) for t in rules_of(self.flops.free).tables]
        logs = log_probability_factors(self.distribution, self.flops.axes)
        object.__setattr__(self, "logs", [*logs, *barred])

    @cached_property
    def order(self) -> list[Axis]:
        return elimination_order([*self.logs, *self.flops.factors])

    @cached_property
    def least(self) -> Eliminated:
        """Minus the FLOPs, maximised; exact integers."""
        return eliminate(self.order, [Varying(f.scope, -f.table) for f in self.flops.factors])

    def lagrangian(self, price: float) -> Eliminated:
        """log P - price * (FLOPs / target - 1), maximised: a bound for all within the target."""
        scaled = [Varying(f.scope, f.table * (-price / self.target_macs)) for f in self.flops.factors]
        return eliminate(self.order, [*self.logs, *scaled, Varying((), np.asarray(price))])

    def architecture(self, indices: Mapping[str, int]) -> dict[str, Value]:
        """Value indices as an architecture, without decisions that do not exist."""
        variables = self.distribution.variables
        chosen = dict(variables.fixed)
        for decision in variables.decisions:
            if variables.exists(decision, chosen):
                chosen[decision.path] = decision.values[indices[decision.path]]
        return chosen

    def is_within(self, architecture: Mapping[str, Value]) -> bool:
        return self.flops.macs(architecture) <= self.target_macs and self.flops.allows(architecture)


def most_probable_within(
    distribution: Distribution,
    flops: StepFlops,
    target_macs: int | None,
    node_limit: int = NODE_LIMIT,
) -> Found:
    """The most probable architecture with at most `target_macs`, or of all, that the constraints allow.

    Raises:
        UsageError: no architecture is within the target; the message gives the true minimum.
        RunError: the decisions are too entangled for an exact answer.
    """
    best = distribution.most_probable()
    if (target_macs is None or flops.macs(best) <= target_macs) and flops.allows(best):
        return Found(best, flops.macs(best), distribution.log_probability(best), "argmax")
    problem = _Problem(distribution, flops, flops.most() if target_macs is None else target_macs)
    if rules_of(flops.free):
        cheapest = dict(extreme(flops.free, "min").witness)
    else:
        cheapest = problem.architecture(problem.least.decide())
    if not problem.is_within(cheapest):
        raise unreachable(problem.target_macs, flops.macs(cheapest))
    bound, feasible = _tightest_bound(problem)
    start = max([cheapest, *feasible], key=distribution.log_probability)
    return _best_first(problem, bound, start, node_limit)


def unreachable(target_macs: int, least_macs: int) -> UsageError:
    """The error for a target below every architecture."""
    return UsageError(
        f"no architecture of this step is within its target of {target_macs:,} FLOPs: the smallest has {least_macs:,}",
        help=f"raise the step's target to {least_macs:,} FLOPs or more, or give the step smaller choices",
    )


def _tightest_bound(problem: _Problem) -> tuple[Eliminated, list[dict[str, Value]]]:
    """The elimination at the price with the least bound, and the architectures within the target met."""
    feasible: list[dict[str, Value]] = []
    tried: list[Eliminated] = []

    def is_feasible(price: float) -> bool:
        tried.append(problem.lagrangian(price))
        architecture = problem.architecture(tried[-1].decide())
        if problem.is_within(architecture):
            feasible.append(architecture)
            return True
        return False

    low, high = 0.0, 1.0
    # At a price that high FLOPs alone decide, up to rounding: the cheapest architecture is met.
    while not is_feasible(high) and high < 1e9:
        low, high = high, high * 4
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if is_feasible(middle):
            high = middle
        else:
            low = middle
    return min(tried, key=lambda eliminated: eliminated.best), feasible


def _best_first(problem: _Problem, bound: Eliminated, start: dict[str, Value], node_limit: int) -> Found:
    """Best-first search over the decisions in the buckets' order, from a first architecture on."""
    distribution, flops = problem.distribution, problem.flops
    best, best_log = start, distribution.log_probability(start)
    paths = [bucket.path for bucket in bound.buckets]
    where = {path: index for index, path in enumerate(paths)}
    scopes = [[where[path] for path in bucket.scope] for bucket in bound.buckets]
    cost_scopes = [[where[path] for path in bucket.scope] for bucket in problem.least.buckets]
    # (minus bound, tie-breaker, least FLOPs, value indices so far)
    heap: list[tuple[float, int, int, tuple[int, ...]]] = [(-bound.best, 0, -round(problem.least.best), ())]
    ticket = expanded = 0
    while heap and -heap[0][0] > best_log + TOLERANCE_NATS:
        if expanded >= node_limit:
            return Found(best, flops.macs(best), best_log, "node limit", -heap[0][0] - best_log)
        negative, _, macs, chosen = heapq.heappop(heap)
        expanded += 1
        depth = len(chosen)
        if depth == len(paths):
            architecture = problem.architecture(dict(zip(paths, chosen, strict=True)))
            log = distribution.log_probability(architecture)
            if log > best_log and problem.is_within(architecture):
                best, best_log = architecture, log
            continue
        gains = bound.buckets[depth].table[tuple(chosen[index] for index in scopes[depth])]
        costs = problem.least.buckets[depth].table[tuple(chosen[index] for index in cost_scopes[depth])]
        top_gain, top_cost = gains.max(), costs.max()
        for value in range(len(gains)):
            child_bound = -negative + float(gains[value] - top_gain)
            child_macs = macs + int(top_cost - costs[value])
            if child_bound > best_log + TOLERANCE_NATS and child_macs <= problem.target_macs:
                # Among equals the newest first, so that a complete architecture turns up soon.
                ticket += 1
                heapq.heappush(heap, (-child_bound, -ticket, child_macs, (*chosen, value)))
    return Found(best, flops.macs(best), best_log, "exact")
