"""Facts under a distribution, and draws within a window, agree with enumeration."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

import tsdsl
from support.small_spaces import everything, random_space, seeds
from tsdsl.analysis.questions.bounds import extremes
from tsdsl.analysis.questions.budget_sampling import conditioned, uniform_within
from tsdsl.analysis.questions.probability import (
    Probabilities,
    expected_macs,
    marginals_within,
    probability_within,
)
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Array
from tsdsl.source import SourceFile
from tsdsl.space.parts import Value
from tsdsl.space.resolve import resolve

SEEDS = seeds(range(6), range(6, 12))
DRAWS = 20_000


@cache
def free_space(seed: int) -> FreeSpace:
    return FreeSpace(CostTable(Blueprint(random_space(seed))))


def random_probabilities(seed: int) -> dict[str, Array]:
    draw = np.random.default_rng(seed)
    return {d.path: draw.dirichlet(np.ones(len(d.values))) for d in free_space(seed).decisions}


def probability(seed: int, probabilities: Probabilities, one: dict[str, Value]) -> float:
    """P(A): the product over the decisions that exist."""
    by_path = random_space(seed).decision_by_path
    return math.prod(probabilities[path][by_path[path].values.index(value)] for path, value in one.items())


@cache
def enumerated(seed: int) -> tuple[list[dict[str, Value]], Array, Array]:
    """Every architecture, its multiply-adds and its probability under `random_probabilities`."""
    listed = everything(random_space(seed))
    macs = np.array([free_space(seed).table.macs(one) for one in listed])
    return listed, macs, np.array([probability(seed, random_probabilities(seed), one) for one in listed])


def window(seed: int) -> tuple[int, int]:
    """From the 20th to the 60th percentile of the costs."""
    macs = np.sort(enumerated(seed)[1])
    return int(macs[len(macs) // 5]), int(macs[len(macs) * 3 // 5])


@pytest.mark.parametrize("seed", SEEDS)
def test_moments_equal_enumeration(seed: int) -> None:
    _, macs, weights = enumerated(seed)
    if not random_space(seed).requires:
        assert weights.sum() == pytest.approx(1.0)
    weights = weights / weights.sum()  # of what constraints allow
    found = expected_macs(free_space(seed), random_probabilities(seed))
    mean = float(macs @ weights)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.variance == pytest.approx(float((macs - mean) ** 2 @ weights), rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_probability_of_a_window_equals_enumeration(seed: int) -> None:
    _, macs, weights = enumerated(seed)
    least, most = window(seed)
    within = float(weights[(macs >= least) & (macs <= most)].sum())
    probabilities = random_probabilities(seed)
    for bins in (64, 1 << 22):
        low, high = probability_within(free_space(seed), probabilities, least, most, bins)
        assert low <= within * (1 + 1e-12)
        assert within <= high * (1 + 1e-12)
    assert high - low < 1e-8
    assert probability_within(free_space(seed), probabilities, most=int(macs.min()) - 1) == (0.0, 0.0)
    assert probability_within(free_space(seed), probabilities) == pytest.approx((weights.sum(),) * 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_marginals_within_a_window_equal_enumeration(seed: int, weighted: bool) -> None:
    listed, macs, weights = enumerated(seed)
    least, most = window(seed)
    inside = np.where((macs >= least) & (macs <= most), weights if weighted else 1.0, 0.0)
    inside /= inside.sum()
    given = random_probabilities(seed) if weighted else None
    for bins in (64, 1 << 22):
        found = marginals_within(free_space(seed), least, most, given, bins)
        assert set(found) == {d.path for d in free_space(seed).decisions}
        for decision in free_space(seed).decisions:
            marginal = found[decision.path]
            for index, value in enumerate(decision.values):
                share = sum(s for s, one in zip(inside, listed, strict=True) if one.get(decision.path) == value)
                assert marginal.at_least[index] - 1e-12 <= share <= marginal.at_most[index] + 1e-12
                assert marginal.at_least[index] <= marginal.share[index] <= marginal.at_most[index]
                if bins > 64:
                    assert marginal.share[index] == pytest.approx(share, abs=1e-8)


def test_marginals_of_an_empty_window_are_none() -> None:
    assert marginals_within(free_space(0), most=1) == {}


def goodness_of_fit(observed: Array, expected: Array) -> float:
    """Pearson's chi-square as standard deviations from its mean (Wilson and Hilferty's approximation)."""
    assert expected.min() > 4
    degrees = len(expected) - 1
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))


def drawn_ranks(seed: int, sampler: object, count: int) -> Array:
    ranking = Ranking(free_space(seed))
    batches = sampler.rows(np.random.default_rng(seed))  # type: ignore[attr-defined]
    ranks: list[int] = []
    while len(ranks) < count:
        ranks += [ranking.rank(free_space(seed).architecture(row)) for row in next(batches).tolist()]
    return np.bincount(ranks[:count], minlength=ranking.total)


@pytest.mark.parametrize("bins", [5, 300, None])
@pytest.mark.parametrize("seed", SEEDS[:5])
def test_draws_within_a_window_are_uniform(seed: int, bins: int | None) -> None:
    least, most = window(seed)
    ranking = Ranking(free_space(seed))
    macs = np.array([free_space(seed).table.macs(ranking.unrank(n)) for n in range(ranking.total)])
    inside = (macs >= least) & (macs <= most)
    count = max(4000, 8 * int(inside.sum()))
    observed = drawn_ranks(seed, uniform_within(free_space(seed), least, most, bins), count)
    assert observed[~inside].sum() == 0
    expected = np.full(int(inside.sum()), count / inside.sum())
    assert abs(goodness_of_fit(observed[inside], expected)) < 4


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_conditioned_draws_follow_the_distribution(seed: int) -> None:
    least, most = window(seed)
    ranking = Ranking(free_space(seed))
    listed = [ranking.unrank(number) for number in range(ranking.total)]
    given = random_probabilities(seed)
    weights = np.array([probability(seed, given, one) for one in listed])
    macs = np.array([free_space(seed).table.macs(one) for one in listed])
    weights = np.where((macs >= least) & (macs <= most), weights, 0.0)
    weights /= weights.sum()
    observed = drawn_ranks(seed, conditioned(free_space(seed), given, least, most, 100), DRAWS)
    assert observed[weights == 0].sum() == 0
    common = weights * DRAWS > 5
    rest = DRAWS - observed[common].sum(), DRAWS - (weights * DRAWS)[common].sum()
    observed_cells = np.append(observed[common], rest[0] if rest[1] > 5 else [])
    expected_cells = np.append((weights * DRAWS)[common], rest[1] if rest[1] > 5 else [])
    assert abs(goodness_of_fit(observed_cells, expected_cells)) < 4


def test_counts_that_overflow_a_word_leave_draws_uniform(auto_tsnet: tsdsl.Space) -> None:
    free = FreeSpace(CostTable(Blueprint(auto_tsnet)))
    sampler = uniform_within(free, 0, 10**12, bins=1)
    batches = sampler.rows(np.random.default_rng(0))
    rows = np.concatenate([next(batches) for _ in range(12)])
    assert len(rows) > 6000  # next to nothing is lost to rounding
    for column, decision in enumerate(free.decisions):
        observed = np.bincount(rows[:, column], minlength=len(decision.values))
        expected = np.full(len(decision.values), len(rows) / len(decision.values))
        assert ((observed - expected) ** 2 / expected).sum() < 30


def test_missing_probabilities_are_named() -> None:
    with pytest.raises(UsageError, match="has 0 probabilities"):
        expected_macs(free_space(0), {})


def test_marginals_of_more_architectures_than_a_float_holds_are_shares() -> None:
    group = "group mbconv3d(t = {1, 3, 5}, k = {3, 5}, expansion = 1.5 .. 6.0 by 0.75, channels = 32 .. 48 by 8)"
    stages = "".join(f"stage {n} {{ " + "\n".join([group] * 10) + " }\n" for n in range(18))
    text = f"tsspace 1\nspace long {{ classes = 10 size = 32 stream s {{ frames = 4\n{stages} }} }}"
    space = resolve(SourceFile("long", text)).spaces[0].space
    assert space.cardinality > 10**330
    free = FreeSpace(CostTable(Blueprint(space)))
    low, high = extremes(free.table, "macs")
    found = marginals_within(free, most=(low + high) // 2, bins=300)
    for marginal in found.values():
        assert marginal.share.sum() == pytest.approx(1.0)
        assert (marginal.at_least <= marginal.share).all()
        assert (marginal.share <= marginal.at_most).all()
    # In the middle of the chain, where all is alike, larger values cost more and are rarer.
    shares = found["s.stage9.group5.expansion"].share
    assert (np.diff(shares) < 0).all()
    # So narrow a window that a distribution gives it less than a float can hold.
    uniform = {d.path: np.full(len(d.values), 1 / len(d.values)) for d in free.decisions}
    rare = marginals_within(free, most=low, probabilities=uniform, bins=300)
    assert all(marginal.share.sum() == pytest.approx(1.0) for marginal in rare.values())
    assert probability_within(free, uniform, most=low, bins=300)[0] == 0.0
