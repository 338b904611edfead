"""Every exact fact about a small space beside what enumeration says, by the name of the fact.

Costs of single architectures are counted layer by layer on their networks, not looked up.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

import tsdsl
from support.constraint_reference import Measured, measured
from support.live_tensors import measured_peak_bytes
from support.small_spaces import blueprint_of, everything
from tsdsl.analysis.paths.trellis import UNREACHABLE
from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.questions.budget_sampling import WindowSampler, conditioned, uniform_within
from tsdsl.analysis.questions.cost_histogram import cost_distribution
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.questions.front import front
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.questions.peaks import SENSES, peak_extreme
from tsdsl.analysis.questions.probability import Marginal, expected_macs, marginals_within, probability_within
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.questions.summary import dead_choices
from tsdsl.analysis.tables.constraints import looked_up
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.operators.varying import Array, Varying
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.budget.within_target import most_probable_within
from tsdsl.searching.distribution.factorised import Distribution, step_variables
from tsdsl.space.parts import Value

FINE = 1 << 28  # bins of cost: more than there are costs
ROUNDING = 1e-9
LEAST_EXPECTED = 5.0
Decisions = dict[str, Value]


@dataclass(frozen=True, eq=False)
class Enumerated:
    """All architectures of a space after a step, and what each of them costs."""

    space: tsdsl.Space
    step: int | None
    seed: int

    @cached_property
    def free(self) -> FreeSpace:
        return FreeSpace(CostTable(blueprint_of(self.space), self.step))

    @cached_property
    def listed(self) -> list[Decisions]:
        return everything(self.space, self.step)

    @cached_property
    def _measured(self) -> list[Measured]:
        return [measured(self.free.table.blueprint, one, self.step) for one in self.listed]

    def costs(self, position: int, part: str | None = None) -> Array:
        """The multiply-adds (0) or parameters (1) of all architectures."""
        rows = [one.parts.values() if part is None else [one.parts.get(part, (0, 0))] for one in self._measured]
        return np.array([sum(costs[position] for costs in row) for row in rows])

    @cached_property
    def macs(self) -> Array:
        return self.costs(0)

    @cached_property
    def params(self) -> Array:
        return self.costs(1)

    @cached_property
    def peaks(self) -> Array:
        return np.array([one.peak_bytes for one in self._measured])

    @cached_property
    def probabilities(self) -> dict[str, Array]:
        """Random ones for each free decision."""
        draw = np.random.default_rng(self.seed)
        return {d.path: draw.dirichlet(np.ones(len(d.values))) for d in self.free.decisions}

    @cached_property
    def weights(self) -> Array:
        """P(A) of each architecture, the product over the free decisions that exist."""
        index = {d.path: {v: i for i, v in enumerate(d.values)} for d in self.free.decisions}
        return np.array(
            [
                math.prod(p[index[path][one[path]]] for path, p in self.probabilities.items() if path in one)
                for one in self.listed
            ]
        )

    @cached_property
    def window(self) -> tuple[int, int]:
        """From about the 20th to the 60th percentile of the multiply-adds."""
        macs = np.sort(self.macs)
        return int(macs[len(macs) // 5]), int(macs[len(macs) * 3 // 5])

    @cached_property
    def inside(self) -> Array:
        least, most = self.window
        return np.asarray((self.macs >= least) & (self.macs <= most))


def checks(of: Enumerated) -> Iterator[tuple[str, bool]]:
    """(name of the fact, whether it equals enumeration) for every fact; a name may come several times."""
    for found in (_bounds, _counts, _spread, _numbers, _under_alpha, _marginals, _dead_choices, _arg_max, _front):
        yield from found(of)


def _bounds(of: Enumerated) -> Iterator[tuple[str, bool]]:
    parts = [None, *sorted({node.part for node in of.free.table.network.nodes})]
    for part in parts:
        for position, quantity in enumerate(("macs", "params")):
            costs = of.costs(position, part)
            for sense in SENSES:
                bound = extreme(of.free, sense, quantity, part)  # type: ignore[arg-type]
                end = int(costs.min() if sense == "min" else costs.max())
                reached = dict(bound.witness) in of.listed and costs[of.listed.index(dict(bound.witness))] == end
                name = "bounds" if part is None else "bounds of a part"
                yield name, bound.value == end and bound.is_exact
                yield f"witnesses of {name}", bool(reached)
    draw = random.Random(of.seed)
    number = draw.randrange(len(of.listed))
    picked = of.listed[number]
    network = of.free.table.blueprint.network(picked, of.step)
    yield "bytes of activations as torch allocates", measured_peak_bytes(network) == of.peaks[number]
    names = sorted(set(picked) & set(of.free.axes))
    fixed = {path: picked[path] for path in draw.sample(names, min(2, len(names)))}
    kept = [i for i, one in enumerate(of.listed) if all(one.get(path, value) == value for path, value in fixed.items())]
    free = FreeSpace(of.free.table, fixed)
    for where, of_what, costs in (("", of.free, range(len(of.listed))), (" under fixed decisions", free, kept)):
        for sense in SENSES:
            bound = peak_extreme(of_what, sense)
            peaks = of.peaks[list(costs)]
            end = int(peaks.min() if sense == "min" else peaks.max())
            yield f"peak of activations{where}", bound.value == end and bound.is_exact
            yield (
                f"witnesses of the peak of activations{where}",
                dict(bound.witness) in of.listed and of.peaks[of.listed.index(dict(bound.witness))] == end,
            )
    for sense in SENSES:
        bound = extreme(free, sense)
        yield (
            "bounds under fixed decisions",
            bound.value == (of.macs[kept].min() if sense == "min" else of.macs[kept].max()),
        )
    yield "counts under fixed decisions", counts(free).within() == len(kept)


def _counts(of: Enumerated) -> Iterator[tuple[str, bool]]:
    draw = random.Random(of.seed)
    for quantity, costs in (("macs", of.macs), ("params", of.params)):
        counted = counts(of.free, quantity)  # type: ignore[arg-type]
        yield "count of all architectures", counted.totals.is_exact and counted.within() == len(of.listed)
        for _ in range(3):
            low, high = sorted(draw.choices(range(int(costs.min()) - 9, int(costs.max()) + 9), k=2))
            within = int(((costs >= low) & (costs <= high)).sum())
            yield "count within a window", counted.within(low, high) == within
            rough = counted.bracket(low, high, bins=64)
            yield "bracket of a window holds the count", rough.at_least <= within <= rough.at_most


def _spread(of: Enumerated) -> Iterator[tuple[str, bool]]:
    counted = counts(of.free)
    macs, total = np.sort(of.macs), len(of.listed)
    for share in (Fraction(1, 10), Fraction(1, 2), Fraction(19, 20)):
        true = int(macs[math.ceil(share * total) - 1])
        yield "quantile", counted.quantile(share) == true
        low, high = counted.quantiles([share], 40)[0]
        yield "bracket of a quantile holds it", low <= true <= high
    edges = np.linspace(int(macs[0]), int(macs[-1]), 9).astype(int).tolist()
    up_to = counted.brackets(edges, FINE)
    true_up_to = [int((macs <= edge).sum()) for edge in edges]
    yield "histogram", all(b.at_least == b.at_most == n for b, n in zip(up_to, true_up_to, strict=True))
    spread = cost_distribution(of.free.table, 12)
    own = [int((macs <= edge).sum()) for edge in spread.edges]
    own[0] = 0
    shares = [(later - earlier) / total for earlier, later in pairwise(own)] if spread.is_spread else [1.0]
    close = max(abs(a - b) for a, b in zip(spread.shares, shares, strict=True)) <= 2 * spread.uncertainty + ROUNDING
    yield "distribution of the cost", close


def _numbers(of: Enumerated) -> Iterator[tuple[str, bool]]:
    ranking = Ranking(of.free)
    numbers = [ranking.rank(one) for one in of.listed]
    yield "rank", ranking.total == len(of.listed) and sorted(numbers) == list(range(len(of.listed)))
    yield "unrank", all(ranking.unrank(n) == one for n, one in zip(numbers, of.listed, strict=True))
    rows = np.array([of.free.row(one) for one in of.listed])
    yield "costs of a batch", np.array_equal(BatchCosts(of.free)(rows), of.macs)
    yield "costs of a batch", np.array_equal(BatchCosts(of.free, "params")(rows), of.params)


def _close(found: float, true: float) -> bool:
    return math.isclose(found, true, rel_tol=1e-7, abs_tol=ROUNDING)


def _under_alpha(of: Enumerated) -> Iterator[tuple[str, bool]]:
    weights = of.weights / of.weights.sum()
    found = expected_macs(of.free, of.probabilities)
    mean = float(of.macs @ weights)
    yield "expectation under alpha", _close(found.mean, mean)
    yield (
        "variance under alpha",
        math.isclose(found.variance, float((of.macs - mean) ** 2 @ weights), rel_tol=1e-6, abs_tol=1e-9 * mean * mean),
    )
    within = float(of.weights[of.inside].sum())
    for bins in (64, FINE):
        low, high = probability_within(of.free, of.probabilities, *of.window, bins)
        yield "bracket of P(within) holds it", low <= within * (1 + ROUNDING) and within <= high * (1 + ROUNDING)
    yield "P(within)", _close(low, within) and _close(high, within)


def _marginals(of: Enumerated) -> Iterator[tuple[str, bool]]:
    for name, weights in (("uniform", np.ones(len(of.listed))), ("under alpha", of.weights)):
        inside = np.where(of.inside, weights, 0.0)
        inside /= inside.sum()
        given = of.probabilities if name == "under alpha" else None
        found = marginals_within(of.free, *of.window, given, FINE)
        same = set(found) == {d.path for d in of.free.decisions}
        for decision in of.free.decisions:
            same = same and _same_shares(of, found[decision.path], decision.path, decision.values, inside)
        yield f"conditional marginals, {name}", same


def _same_shares(of: Enumerated, found: Marginal, path: str, values: tuple[Value, ...], inside: Array) -> bool:
    true = [sum(s for s, one in zip(inside, of.listed, strict=True) if one.get(path) == value) for value in values]
    return bool(np.allclose(found.share, true, rtol=0, atol=1e-7))


def _dead_choices(of: Enumerated) -> Iterator[tuple[str, bool]]:
    least = least_by_value(of.free)
    true_least: dict[str, list[int]] = {}
    for decision in of.free.decisions:
        having = [of.macs[[one.get(decision.path) == value for one in of.listed]] for value in decision.values]
        true_least[decision.path] = [int(costs.min()) if costs.size else UNREACHABLE for costs in having]
    yield "least cost with each value", all(list(least[path].values()) == true for path, true in true_least.items())
    budget = int(np.sort(of.macs)[len(of.macs) // 10])
    dead = {
        d.path: [value for value, least_of in zip(d.values, true_least[d.path], strict=True) if least_of > budget]
        for d in of.free.decisions
    }
    found = dead_choices(of.space, budget, of.step)
    yield "dead choices", dict(found) == {path: values for path, values in dead.items() if values}


def _arg_max(of: Enumerated) -> Iterator[tuple[str, bool]]:
    if of.step not in (None, 1) or not of.free.decisions:
        return
    variables = step_variables(of.space, of.step, {})
    flops = step_flops(of.free.table.blueprint, of.step, variables)
    logits = torch.cat([torch.from_numpy(np.log(of.probabilities[d.path])) for d in variables.decisions])
    distribution = Distribution(variables, logits)
    for share in (0.0, 0.3, 0.8):
        target = int(np.sort(of.macs)[int(share * (len(of.macs) - 1))])
        best = float(of.weights[of.macs <= target].max())
        found = most_probable_within(distribution, flops, target)
        index = of.listed.index(found.decisions) if found.decisions in of.listed else -1
        is_best = index >= 0 and math.isclose(of.weights[index], best, rel_tol=1e-7)
        yield "constrained arg-max", is_best and found.macs == of.macs[index] <= target


def random_scores(free: FreeSpace, seed: int) -> list[Varying]:
    """A table for each decision and for some pairs of neighbours; for odd seeds of whole numbers, so that sums tie."""
    draw = np.random.default_rng(seed)

    def table(*shape: int) -> Array:
        return draw.integers(0, 4, shape) if seed % 2 else draw.normal(size=shape)

    sizes = {d.path: len(d.values) for d in free.decisions}
    scores = [free.over_existence(d, table(sizes[d.path]), np.zeros(sizes[d.path])) for d in free.decisions]
    for pair in pairwise(free.axes.values()):
        if draw.random() < 0.3:
            scope = tuple(sorted(pair))
            scores.append(Varying(scope, table(*(axis.size for axis in scope))))
    return scores


def best_within(of: Enumerated, scores: list[Varying]) -> tuple[Array, Array]:
    """The costs at which the best score of at most as many multiply-adds grows, and those scores."""
    rows = np.array([of.free.row(one) for one in of.listed])
    total = sum((looked_up(of.free, table, rows) for table in scores), np.zeros(len(rows)))
    order = np.lexsort((-total, of.macs))
    best = np.maximum.accumulate(total[order])
    is_new = np.concatenate([[True], best[1:] > best[:-1] + ROUNDING])
    return of.macs[order][is_new], best[is_new]


def is_front(of: Enumerated, scores: list[Varying]) -> bool:
    """Whether the front is complete, has nothing else, and its architectures are allowed and as good as it says."""
    macs, best = best_within(of, scores)
    found = front(of.free, scores)
    same = found.gap == 0 and np.array_equal(found.macs, macs) and np.allclose(found.scores, best, rtol=0, atol=1e-7)
    own = sum((looked_up(of.free, table, found.rows) for table in scores), np.zeros(len(found.rows)))
    numbers = [of.listed.index(found.architecture(point)) for point in range(len(found.macs))]
    return bool(same and np.allclose(own, found.scores, rtol=0, atol=1e-7) and np.array_equal(of.macs[numbers], macs))


def _front(of: Enumerated) -> Iterator[tuple[str, bool]]:
    for seed in (2 * of.seed, 2 * of.seed + 1):
        yield "best score within every budget", is_front(of, random_scores(of.free, seed))


def deviations(of: Enumerated, draws: int) -> Iterator[tuple[str, float]]:
    """(kind of sampling, Pearson's chi-square against enumeration in standard deviations from its mean).

    By Wilson and Hilferty's approximation. Draws out of the window count as infinitely far.
    """
    samplers = {
        "uniform within a window": (uniform_within(of.free, *of.window, bins=100), np.ones(len(of.listed))),
        "alpha conditioned on a window": (conditioned(of.free, of.probabilities, *of.window, bins=100), of.weights),
    }
    for name, (sampler, weights) in samplers.items():
        expected = np.where(of.inside, weights, 0.0)
        expected *= draws / expected.sum()
        observed = _drawn(of, sampler, draws)
        if observed[~of.inside].any():
            yield name, math.inf
            continue
        common = expected >= LEAST_EXPECTED
        cells = [(observed[common], expected[common])]
        if expected[~common].sum() >= LEAST_EXPECTED:
            cells.append((observed[~common].sum(keepdims=True), expected[~common].sum(keepdims=True)))
        seen, wanted = (np.concatenate([cell[side] for cell in cells]) for side in (0, 1))
        degrees = len(seen) - 1
        if degrees > 0:
            statistic = float(((seen - wanted) ** 2 / wanted).sum())
            spread = 2 / (9 * degrees)
            yield name, ((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)


def _drawn(of: Enumerated, sampler: WindowSampler, draws: int) -> Array:
    """How often each architecture is drawn."""
    index = {tuple(of.free.row(one)): number for number, one in enumerate(of.listed)}
    batches = sampler.rows(np.random.default_rng(of.seed))
    seen: list[int] = []
    while len(seen) < draws:
        seen += [index[tuple(row)] for row in next(batches).tolist()]
    return np.bincount(seen[:draws], minlength=len(of.listed))
