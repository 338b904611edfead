"""The architecture with the best score within a FLOPs target, exactly where that is affordable.

Own design. FLOPs and the score, such as log P, are sums of tables over few decisions, so variable elimination gives
for any partial architecture both its least possible FLOPs and the best of score - price * FLOPs over its
completions. The latter, plus price * target, bounds the score of every completion within the target. With
the price that makes the bound tightest, a best-first search needs few nodes as a rule.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.elimination import elimination_order, one_table
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Array, Axis, Varying
from tsdsl.searching.budget.flops import StepFlops
from tsdsl.searching.distribution.factorised import Distribution
from tsdsl.space.parts import Value

Road = Literal["argmax", "exact", "node limit", "best seen"]

NODE_LIMIT = 100_000
MAX_PRICES = 40
TOLERANCE = 1e-9
LEAST_LOG = -1e6
BARRED = -1e12


@dataclass(frozen=True)
class Found:
    """The architecture, and how it was found.

    `argmax`: the most probable of all, which is within the target. `exact`: the most probable within
    the target, proven. `node limit`: the best found when the search was cut off; nothing within the target
    is more probable by more than `gap_nats`. `best seen`: the most accurate of those that a baseline measured.
    Thompson sampling has the mean of its posterior in place of log P, and the gap in the unit of scores.
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


def log_probability_factors(distribution: Distribution, free: FreeSpace) -> list[Varying]:
    """log P as tables. A decision that does not exist adds 0 at its first value and is barred elsewhere."""
    logs = distribution.log_probabilities()
    factors: list[Varying] = []
    for decision in distribution.variables.decisions:
        own = np.maximum(logs[decision.path].numpy(), LEAST_LOG)
        absent = np.full(own.shape, BARRED)
        absent[0] = 0.0
        factors.append(free.over_existence(decision, own, absent))
    return factors


@dataclass(frozen=True)
class Best:
    """The best architecture within the target, and how it was found; `gap` is how much better any other may be."""

    decisions: dict[str, Value]
    macs: int
    score: float
    road: Literal["argmax", "exact", "node limit"]
    gap: float = 0.0


@dataclass(frozen=True, eq=False)
class _Problem:
    """One score and target; the same order of elimination serves every price and the least FLOPs."""

    scores: Sequence[Varying]
    flops: StepFlops
    target_macs: int

    @cached_property
    def barred_scores(self) -> list[Varying]:
        """The score, with what the constraints do not allow barred."""
        barred = [Varying(t.scope, np.where(t.table > 0, 0.0, BARRED)) for t in rules_of(self.flops.free).tables]
        return [*self.scores, *barred]

    @cached_property
    def order(self) -> list[Axis]:
        return elimination_order([*self.barred_scores, *self.flops.factors])

    @cached_property
    def least(self) -> Eliminated:
        """Minus the FLOPs, maximised; exact integers."""
        return eliminate(self.order, [Varying(f.scope, -f.table) for f in self.flops.factors])

    def lagrangian(self, price: float) -> Eliminated:
        """score - price * (FLOPs / target - 1), maximised: a bound for all within the target."""
        scaled = [Varying(f.scope, f.table * (-price / self.target_macs)) for f in self.flops.factors]
        return eliminate(self.order, [*self.barred_scores, *scaled, Varying((), np.asarray(price))])

    def architecture(self, indices: Mapping[str, int]) -> dict[str, Value]:
        """Value indices as an architecture, without decisions that do not exist."""
        variables = self.flops.variables
        chosen = dict(variables.fixed)
        for decision in variables.decisions:
            if variables.exists(decision, chosen):
                chosen[decision.path] = decision.values[indices[decision.path]]
        return chosen

    def score(self, architecture: Mapping[str, Value]) -> float:
        """The score of an architecture."""
        return self.flops.total(self.scores, architecture)

    def is_within(self, architecture: Mapping[str, Value]) -> bool:
        return self.flops.macs(architecture) <= self.target_macs and self.flops.allows(architecture)


def best_within(
    flops: StepFlops, scores: Sequence[Varying], target_macs: int | None, node_limit: int = NODE_LIMIT
) -> Best:
    """The architecture with the largest sum of score tables that has at most `target_macs` and is allowed.

    A decision that does not exist must add nothing at its first value, and be barred at the others.

    Raises:
        UsageError: no architecture is within the target; the message gives the true minimum.
        RunError: the decisions are too entangled for an exact answer.
    """
    problem = _Problem(scores, flops, flops.most() if target_macs is None else target_macs)
    free = problem.lagrangian(0.0)
    best = problem.architecture(free.decide())
    if problem.is_within(best):
        return Best(best, flops.macs(best), problem.score(best), "argmax")
    if rules_of(flops.free):
        cheapest = dict(extreme(flops.free, "min").witness)
    else:
        cheapest = problem.architecture(problem.least.decide())
    if not problem.is_within(cheapest):
        raise unreachable(problem.target_macs, flops.macs(cheapest))
    bound, feasible = _tightest_bound(problem, free, cheapest)
    start = max([cheapest, *feasible], key=problem.score)
    return _best_first(problem, bound, start, node_limit)


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
    found = best_within(flops, log_probability_factors(distribution, flops.free), target_macs, node_limit)
    log = distribution.log_probability(found.decisions)
    return Found(found.decisions, found.macs, log, found.road, found.gap)


def unreachable(target_macs: int, least_macs: int) -> UsageError:
    """The error for a target below every architecture."""
    return UsageError(
        f"no architecture of this step is within its target of {target_macs:,} FLOPs: the smallest has {least_macs:,}",
        help=f"raise the step's target to {least_macs:,} FLOPs or more, or give the step smaller choices",
    )


def _tightest_bound(
    problem: _Problem, free: Eliminated, cheapest: dict[str, Value]
) -> tuple[Eliminated, list[dict[str, Value]]]:
    """The elimination at the price with the least bound, and the architectures within the target that turned up.

    The bound is a convex function of the price, made of one line for each architecture. The next price is where the
    lines of the best above and of the best within the target cross, until no line lies above that point.
    """
    feasible: list[dict[str, Value]] = []
    tried = [free]

    def line(architecture: dict[str, Value]) -> tuple[float, float]:
        """(score, slope) of an architecture's line."""
        return problem.score(architecture), 1.0 - problem.flops.macs(architecture) / problem.target_macs

    above, within = line(problem.architecture(free.decide())), line(cheapest)
    for _ in range(MAX_PRICES):
        rise = within[1] - above[1]
        price = (above[0] - within[0]) / rise if rise > 0 else 0.0
        if price <= 0:
            # What is above the target is not allowed, or costs no more: there are no lines to go by.
            price = 2.0 ** len(tried)
        tried.append(problem.lagrangian(price))
        architecture = problem.architecture(tried[-1].decide())
        crossing = above[0] + price * above[1]
        if problem.is_within(architecture):
            feasible.append(architecture)
            within = line(architecture)
        elif problem.flops.macs(architecture) > problem.target_macs:
            above = line(architecture)
        if tried[-1].best <= crossing + TOLERANCE:
            break
    return min(tried, key=lambda eliminated: eliminated.best), feasible


def _best_first(problem: _Problem, bound: Eliminated, start: dict[str, Value], node_limit: int) -> Best:
    """Best-first search over the decisions in the buckets' order, from a first architecture on."""
    flops = problem.flops
    best, best_score = start, problem.score(start)
    paths = [bucket.path for bucket in bound.buckets]
    where = {path: index for index, path in enumerate(paths)}
    scopes = [[where[path] for path in bucket.scope] for bucket in bound.buckets]
    cost_scopes = [[where[path] for path in bucket.scope] for bucket in problem.least.buckets]
    # (minus bound, tie-breaker, least FLOPs, value indices so far)
    heap: list[tuple[float, int, int, tuple[int, ...]]] = [(-bound.best, 0, -round(problem.least.best), ())]
    ticket = expanded = 0
    while heap and -heap[0][0] > best_score + TOLERANCE:
        if expanded >= node_limit:
            return Best(best, flops.macs(best), best_score, "node limit", -heap[0][0] - best_score)
        negative, _, macs, chosen = heapq.heappop(heap)
        expanded += 1
        depth = len(chosen)
        if depth == len(paths):
            architecture = problem.architecture(dict(zip(paths, chosen, strict=True)))
            score = problem.score(architecture)
            if score > best_score and problem.is_within(architecture):
                best, best_score = architecture, score
            continue
        gains = bound.buckets[depth].table[tuple(chosen[index] for index in scopes[depth])]
        costs = problem.least.buckets[depth].table[tuple(chosen[index] for index in cost_scopes[depth])]
        top_gain, top_cost = gains.max(), costs.max()
        for value in range(len(gains)):
            child_bound = -negative + float(gains[value] - top_gain)
            child_macs = macs + int(top_cost - costs[value])
            if child_bound > best_score + TOLERANCE and child_macs <= problem.target_macs:
                # Among equals the newest first, so that a complete architecture turns up soon.
                ticket += 1
                heapq.heappush(heap, (-child_bound, -ticket, child_macs, (*chosen, value)))
    return Best(best, flops.macs(best), best_score, "exact")
