"""Counts, brackets, quantiles and numbers of architectures equal enumeration; large ones are consistent."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import tsdsl
from support.small_spaces import everything, random_space, seeds
from tsdsl.analysis.paths.arithmetic import Modular, Rounded, from_residues, moduli_beyond
from tsdsl.analysis.paths.feasible import feasible
from tsdsl.analysis.paths.semiring import COUNT, fold
from tsdsl.analysis.paths.trellis import build_trellis
from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.questions.counting import Counts, counts
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Axis, Varying
from tsdsl.space.parts import Value

SEEDS = seeds(range(6), range(6, 12))


@cache
def free_space(seed: int, step: int | None) -> FreeSpace:
    return FreeSpace(CostTable(Blueprint(random_space(seed)), step))


@cache
def all_macs(seed: int, step: int | None) -> list[int]:
    free = free_space(seed, step)
    return sorted(free.table.macs(one) for one in everything(random_space(seed), step))


@pytest.mark.parametrize("step", [1, 2, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_counts_within_any_window_equal_enumeration(seed: int, step: int | None) -> None:
    macs = all_macs(seed, step)
    counted = counts(free_space(seed, step))
    assert counted.total == len(macs)
    draw = random.Random(seed)
    for _ in range(6):
        low, high = sorted(draw.sample(range(macs[0] - 9, macs[-1] + 9), 2))
        low, high = draw.choice([(low, high), (macs[0], high), (low, draw.choice(macs)), (draw.choice(macs),) * 2])
        within = sum(low <= one <= high for one in macs)
        assert counted.within(low, high) == within
        rough = counted.bracket(low, high, bins=64)
        assert rough.at_least <= within <= rough.at_most
    assert counted.within() == counted.within(0, 10**15) == len(macs)
    assert counted.within(macs[-1] + 1) == counted.within(most=macs[0] - 1) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fine_lattice_counts_like_the_table(seed: int) -> None:
    macs = all_macs(seed, None)
    counted = counts(free_space(seed, None))
    threshold = macs[len(macs) // 3]
    # So few bins that the bracket leaves the answer open, and the exact lattice must give it.
    assert counted.within(most=threshold, bins=3) == sum(one <= threshold for one in macs)


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_over_parameters_equal_enumeration(seed: int) -> None:
    free = free_space(seed, None)
    params = sorted(free.table.params(one) for one in everything(random_space(seed)))
    threshold = params[len(params) // 2]
    assert counts(free, "params").within(most=threshold) == sum(one <= threshold for one in params)


@pytest.mark.parametrize("seed", SEEDS)
def test_fixed_decisions_leave_the_architectures_that_agree(seed: int) -> None:
    space = random_space(seed)
    draw = random.Random(seed)
    picked = draw.choice(everything(space))
    fixed = {path: picked[path] for path in draw.sample(sorted(picked), min(3, len(picked)))}
    kept = [one for one in everything(space) if all(path not in one or one[path] == fixed[path] for path in fixed)]
    ranking = Ranking(FreeSpace(CostTable(Blueprint(space)), fixed))
    found = [ranking.unrank(number) for number in range(ranking.total)]
    assert {tuple(one.items()) for one in found} == {tuple(one.items()) for one in kept}
    assert len(found) == len(kept) == counts(ranking.free).total
    macs = sorted(ranking.free.table.macs(one) for one in kept)
    threshold = macs[len(macs) // 2]
    assert counts(ranking.free).within(most=threshold) == sum(one <= threshold for one in macs)


@pytest.mark.parametrize("step", [1, 2, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_number_is_one_architecture_and_back(seed: int, step: int | None) -> None:
    ranking = Ranking(free_space(seed, step))
    listed = [ranking.unrank(number) for number in range(ranking.total)]
    assert {tuple(one.items()) for one in listed} == {
        tuple(one.items()) for one in everything(random_space(seed), step)
    }
    assert [ranking.rank(one) for one in listed] == list(range(ranking.total))
    for beyond in (-1, ranking.total):
        with pytest.raises(UsageError, match="no architecture has the number"):
            ranking.unrank(beyond)


@pytest.mark.parametrize("seed", SEEDS)
def test_costs_of_a_batch_equal_single_ones(seed: int) -> None:
    free = free_space(seed, None)
    ranking = Ranking(free)
    rows = np.array([ranking.row(number) for number in range(ranking.total)])
    singles = [ranking.unrank(number) for number in range(ranking.total)]
    assert BatchCosts(free)(rows).tolist() == [free.table.macs(one) for one in singles]
    assert BatchCosts(free, "params")(rows).tolist() == [free.table.params(one) for one in singles]


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles_enclose_those_of_enumeration(seed: int) -> None:
    macs = all_macs(seed, None)
    shares = [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10)]
    for bins in (40, 1024):
        found = counts(free_space(seed, None)).quantiles(shares, bins)
        for share, (low, high) in zip(shares, found, strict=True):
            assert low <= macs[math.ceil(share * len(macs)) - 1] <= high


@pytest.mark.parametrize("seed", SEEDS)
def test_passes_over_the_trellis_agree_with_enumeration(seed: int) -> None:
    macs = all_macs(seed, None)
    free = free_space(seed, None)
    trellis = feasible(free, free.pins).wider
    assert (trellis.least, trellis.most) == (macs[0], macs[-1])
    assert fold(trellis, COUNT) == len(macs)


def test_a_space_of_one_architecture_has_one() -> None:
    space = random_space(0)
    only: dict[str, Value] = everything(space)[0]
    counted = counts(FreeSpace(CostTable(Blueprint(space)), only))
    assert counted.within() == counted.total == 1
    assert counted.trellis.least == counted.trellis.most == CostTable(Blueprint(space)).macs(only)


def test_an_unknown_fixed_value_is_named() -> None:
    space = random_space(0)
    with pytest.raises(UsageError, match="is not a decision of random with that value"):
        FreeSpace(CostTable(Blueprint(space)), {"nowhere": 3}).decisions  # noqa: B018


def chain(length: int, values: int, seed: int) -> Counts:
    """Random costs between neighbours in a chain, and a count that no machine word holds."""
    draw = np.random.default_rng(seed)
    axes = [Axis(rank, f"d{rank}", values) for rank in range(length)]
    costs = [Varying((a, b), draw.integers(0, 9, (values, values)) * 100) for a, b in pairwise(axes)]
    trellis = build_trellis(costs, [Varying((axis,), np.ones(values, dtype=np.int64)) for axis in axes])
    return Counts(trellis, fold(trellis, COUNT))


@pytest.mark.parametrize("length", [40, 400])
def test_counts_beyond_a_machine_word_are_exact(length: int) -> None:
    counted = chain(length, 4, seed=length)
    assert counted.total == 4**length
    middle = (counted.trellis.least + counted.trellis.most) // 2
    below, above = counted.within(most=middle, bins=64), counted.within(middle + 1, bins=64)
    assert below + above == counted.total
    assert min(below, above) > 2**64
    rough = counted.bracket(most=middle, bins=64)
    assert rough.at_least < below < rough.at_most


def test_residues_give_the_integer_back() -> None:
    number = 3**150
    moduli = moduli_beyond(number)
    assert math.prod(moduli) > number
    assert from_residues([number % modulus for modulus in moduli], moduli) == number
    assert moduli_beyond(5) == [2**64]


def test_modular_addition_takes_weights_of_any_size() -> None:
    modulus = moduli_beyond(2**64)[1]
    total = np.array([modulus - 1], dtype=np.uint64)
    Modular(modulus).add(total, np.array([modulus - 2], dtype=np.uint64), 10**15)
    assert int(total[0]) == (modulus - 1 + (modulus - 2) * 10**15) % modulus


@pytest.mark.parametrize("up", [True, False])
def test_rounded_rows_bound_what_they_stand_for(up: bool) -> None:
    rows = np.array([[1, 2**62 + 1, 2**63 - 1]], dtype=np.uint64)
    prepared, halvings = Rounded(up).prepared(rows, fan_in=1000)
    assert halvings > 0
    assert int(prepared.max()) * 1000 < 2**63
    for before, after in zip(rows[0].tolist(), prepared[0].tolist(), strict=True):
        assert (after << halvings >= before) if up else (after << halvings <= before)
        assert abs((after << halvings) - before) < 1 << halvings


@pytest.mark.parametrize("step", [1, 2, 3, None])
def test_auto_tsnet_is_counted_in_full_and_bracketed(auto_tsnet: tsdsl.Space, step: int | None) -> None:
    counted = counts(FreeSpace(CostTable(Blueprint(auto_tsnet), step)))
    paths = {p for s in auto_tsnet.steps if step is None or s.index <= step for p in s.decisions}
    assert counted.total == auto_tsnet.count_architectures(tuple(paths))
    assert counted.within() == counted.total
    rough = counted.bracket(most=2_500_000_000)
    assert 0 < rough.at_least < rough.at_most < 1.6 * rough.at_least


def test_the_exact_count_of_auto_tsnet_is_in_the_bracket(auto_tsnet: tsdsl.Space) -> None:
    counted = counts(FreeSpace(CostTable(Blueprint(auto_tsnet), 1)))
    rough = counted.bracket(most=1_000_000_000)
    fine = counted.within(most=1_000_000_000)
    assert rough.at_least <= fine <= rough.at_most
    assert counted.within(600_000_000, 900_000_000) + counted.within(900_000_001, 1_000_000_000) == fine
