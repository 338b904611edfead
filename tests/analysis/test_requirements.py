"""Constraints that are too wide for a table: exact, as a bracket, or as a window, beside enumeration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tsdsl
from support.small_spaces import everything, random_space, seeds
from tsdsl.analysis.paths import constrained, feasible
from tsdsl.analysis.questions.bounds import extreme, extremes
from tsdsl.analysis.questions.budget_sampling import uniform_within
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.questions.probability import marginals_within
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.analysis.tables import constraints as requirements
from tsdsl.analysis.tables.constraints import violated
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.units import giga

CONSTRAINED = seeds((2, 5, 8), (11, 14, 17))


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is small enough for a table of what is allowed."""
    monkeypatch.setattr(requirements, "LARGEST_ALLOWED_TABLE", 0)
    feasible.uniform.cache_clear()


def free_space(seed: int, step: int | None = None) -> FreeSpace:
    return FreeSpace(CostTable(Blueprint(random_space(seed)), step))


def satisfying(text: str) -> tsdsl.Space:
    checked = check(SourceFile("x", text))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[0].space


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("step", [1, 2, None])
@pytest.mark.parametrize("seed", CONSTRAINED)
def test_sums_along_a_trellis_leave_what_enumeration_leaves(seed: int, step: int | None) -> None:
    free, listed = free_space(seed, step), everything(random_space(seed), step)
    macs = sorted(free.table.macs(one) for one in listed)
    params = sorted(free.table.params(one) for one in listed)
    counted = counts(free)
    middle = macs[len(macs) // 2]
    assert counted.totals.at_least <= len(macs) <= counted.totals.at_most
    assert counted.within() == len(macs)
    assert counted.within(most=middle) == sum(one <= middle for one in macs)
    assert counts(free, "params").within(most=params[0]) == sum(one == params[0] for one in params)
    assert extreme(free, "min", "params").value == params[0]
    for sense, end in (("min", macs[0]), ("max", macs[-1])):
        bound = extreme(free, sense)  # type: ignore[arg-type]
        assert not violated(free, bound.witness)
        assert bound.value == free.table.macs(bound.witness)
        assert bound.value == end or not bound.is_exact


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("seed", CONSTRAINED)
def test_brackets_hold_the_truth_and_samples_satisfy_every_constraint(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most_edges in (200, 2000):
        monkeypatch.setattr(constrained, "MAX_EDGES", most_edges)
        feasible.uniform.cache_clear()
        free = free_space(seed)
        listed = {tuple(one.items()) for one in everything(random_space(seed))}
        macs = [free.table.macs(dict(one)) for one in listed]
        found = counts(free).bracket(most=max(macs))
        assert found.at_least <= len(listed) <= found.at_most
        drawn = list(sample_architectures(random_space(seed), 40, seed=1))
        assert {tuple(one.decisions.items()) for one in drawn} <= listed
        bound = extreme(free, "max")
        assert bound.value <= max(macs)
        assert tuple(bound.witness.items()) in listed


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("seed", CONSTRAINED)
def test_numbers_of_architectures_are_those_that_satisfy(
    seed: int, is_wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_wide:  # a window of multiply-adds among them is no table then
        monkeypatch.setattr(requirements, "LARGEST_ALLOWED_TABLE", 0)
    feasible.uniform.cache_clear()
    free = free_space(seed)
    ranking, listed = Ranking(free), everything(random_space(seed))
    assert ranking.total == len(listed)
    numbers = sorted(ranking.rank(one) for one in listed)
    assert numbers == list(range(len(listed)))
    assert all(ranking.unrank(ranking.rank(one)) == one for one in listed[:20])


def test_a_bound_on_all_multiply_adds_is_counted_and_drawn_as_a_window() -> None:
    text = 'tsspace 1\nimport "std:tiny"\nspace a from tiny {\n  require flops <= 20 MFLOPs\n}\n'
    space, tiny = satisfying(text), tsdsl.load("std:tiny")
    free, base = FreeSpace(CostTable(Blueprint(space))), FreeSpace(CostTable(Blueprint(tiny)))
    within, of_base = counts(free).totals, counts(base).bracket(most=20_000_000)
    assert (within.at_least, within.at_most) == (of_base.at_least, of_base.at_most)
    costs = [free.table.macs(one.decisions) for one in sample_architectures(space, 200, seed=3)]
    assert max(costs) <= 20_000_000
    bound = extreme(free, "max")
    assert 19_900_000 < bound.value <= 20_000_000
    assert extreme(free, "min") == extreme(base, "min")
    shares = marginals_within(free)
    narrow = marginals_within(base, most=20_000_000)
    assert all(np.array_equal(shares[path].share, narrow[path].share) for path in shares)
    with pytest.raises(UsageError, match=r"satisfies|between"):
        next(uniform_within(free, 21_000_000, 30_000_000).rows(np.random.default_rng(0)))


def test_where_a_window_is_too_fine_to_number_the_error_says_what_to_do() -> None:
    text = 'tsspace 1\nimport "std:tiny"\nspace a from tiny {\n  require flops <= 20 MFLOPs\n}\n'
    with pytest.raises(constrained.TooWide, match="too many constraints on costs to number") as raised:
        Ranking(FreeSpace(CostTable(Blueprint(satisfying(text))))).total  # noqa: B018
    assert "tsdsl sample" in (raised.value.help or "")


def test_an_architecture_tells_which_constraints_it_does_not_satisfy() -> None:
    text = """tsspace 1
space a {
  classes = 4
  size    = 16
  stream one {
    frames = 2
    stage 0 { group conv3d(kernel = {1x3x3, 3x3x3}, channels = {8, 16}) }
  }
  require one.stage[0].group[1].channels < 16
  require one.stage[0].group[1].kernel != 3x3x3
}
"""
    free = FreeSpace(CostTable(Blueprint(satisfying(text))))
    both = {"one.stage0.group1.kernel": "3x3x3", "one.stage0.group1.channels": 16}
    assert violated(free, both) == [
        "require one.stage[0].group[1].channels < 16",
        "require one.stage[0].group[1].kernel != 3x3x3",
    ]
    assert violated(free, {"one.stage0.group1.kernel": "1x3x3", "one.stage0.group1.channels": 8}) == []


def test_a_target_missed_because_of_constraints_says_what_would_be_reached_without() -> None:
    text = 'tsspace 1\nimport "std:tiny"\nspace large from tiny { require sparse.flops >= 9 MFLOPs }\n'
    (missed,) = [d for d in check(SourceFile("s.tsspace", text)).diagnostics if d.code == "TS404"]
    smallest = extremes(CostTable(Blueprint(tsdsl.load("std:tiny")), 1), "macs")[0]
    assert missed.notes[-1] == f"without the constraints, the smallest would have {giga(smallest)}"


def labelled(text: str, code: str) -> list[str]:
    """The lines at which a diagnostic points, the first one's own place first."""
    source = SourceFile("x", text)
    (found,) = [d for d in check(source).diagnostics if d.code == code]
    return [text[span.start : span.end] for span in (found.span, *(label.span for label in found.labels))]


def test_only_constraints_that_take_part_are_told_to_clash() -> None:
    text = (Path(__file__).parents[1] / "cases" / "TS408_some_that_clash.tsspace").read_text(encoding="utf-8")
    assert labelled(text, "TS408") == [
        "require one.stage[0].group[2].channels < one.stage[0].group[1].channels",
        "require one.stage[0].group[2].channels > 8",
    ]


def test_only_constraints_that_are_too_fine_are_told_to_be() -> None:
    text = (
        'tsspace 1\nimport "std:tiny"\nspace a from tiny {\n  require attention.flops >= 0 FLOPs\n'
        "  require params <= 150 Kparams\n  require sparse.stage[1].group[1].t != 3\n"
        "  require sparse.flops <= 0.6 * flops\n  step 3 { search = attention }\n}\n"
    )
    found = labelled(text, "TS407")
    assert 0 < len(found) <= 2
    assert set(found) <= {"require params <= 150 Kparams", "require sparse.flops <= 0.6 * flops"}
