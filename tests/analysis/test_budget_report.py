"""What a budget leaves is told exactly for small spaces, and as a bracket where asked to be fast."""

from __future__ import annotations

import pytest

import tsdsl
from support.small_spaces import everything, random_space
from tsdsl.analysis.questions.bounds import bound
from tsdsl.analysis.questions.summary import budget_report, step_report
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.network.layout import Blueprint


@pytest.mark.parametrize("step", [1, None])
@pytest.mark.parametrize("seed", range(6))
def test_the_report_of_a_budget_equals_enumeration(seed: int, step: int | None) -> None:
    space = random_space(seed)
    table = CostTable(Blueprint(space), step)
    costs = [(table.macs(one), one) for one in everything(space, step)]
    budget = sorted(macs for macs, _ in costs)[len(costs) // 3]
    within = [one for macs, one in costs if macs <= budget]
    report = budget_report(Blueprint(space), step, budget, fast=False)
    assert report["at_least"] == report["at_most"] == str(len(within))
    assert report["total"] == str(len(costs))
    assert report["share"] == pytest.approx(len(within) / len(costs))
    for path, rows in report["marginals"].items():
        for row in rows:
            share = sum(one.get(path) == row["value"] for one in within) / len(within)
            assert row["at_least"] - 1e-9 <= share <= row["at_most"] + 1e-9
            assert (share == 0) == (row["value"] in report["dead_choices"].get(path, []))


def test_a_budget_below_or_above_everything_says_so() -> None:
    space = random_space(0)
    table = CostTable(Blueprint(space))
    low, high = bound(table, "macs", "min").value, bound(table, "macs", "max").value
    nothing = budget_report(Blueprint(space), None, low - 1, fast=True)
    assert (nothing["reachable"], nothing["at_most"], nothing["share"], nothing["marginals"]) == (False, "0", 0.0, {})
    everyone = budget_report(Blueprint(space), None, high, fast=True)
    assert (everyone["binding"], everyone["at_least"], everyone["share"]) == (False, str(space.cardinality), 1.0)


def test_fast_brackets_what_is_otherwise_exact(auto_tsnet: tsdsl.Space) -> None:
    blueprint = Blueprint(auto_tsnet)
    fast = budget_report(blueprint, 1, 900_000_000, fast=True)
    slow = budget_report(blueprint, 1, 900_000_000, fast=False)
    assert int(fast["at_least"]) < int(slow["at_least"]) == int(slow["at_most"]) < int(fast["at_most"])
    assert fast["share"] == pytest.approx(slow["share"], rel=1e-3)


def test_each_step_tells_how_much_is_within_its_target(auto_tsnet: tsdsl.Space) -> None:
    within = step_report(Blueprint(auto_tsnet), 1)["within_target"]
    assert int(within["at_least"]) <= 12_047_960_224_668_342_828_006 <= int(within["at_most"])
    assert within["share"] == pytest.approx(0.0036447, rel=1e-3)
