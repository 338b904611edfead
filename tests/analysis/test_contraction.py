"""Extremes by contraction are those of elimination, and its regret bounds what any one decision adds."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tsdsl
from support.small_spaces import random_space
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.tables import contraction
from tsdsl.analysis.tables.contraction import extremes
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import optima
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.model import Space


def tables_of(space: Space) -> list[CostTable]:
    """The costs after each step and of the whole, constraints aside."""
    free = Blueprint(replace(space, requires=()))
    return [CostTable(free, step) for step in (*(step.index for step in space.steps), None)]


@pytest.mark.parametrize("seed", range(14))
def test_random_spaces_have_the_extremes_and_regrets_of_elimination(seed: int) -> None:
    for table in tables_of(random_space(seed)):
        for quantity in ("macs", "params"):
            found = extremes(table.network.nodes, quantity, table.standing)
            least, most = optima(table.factors(quantity))
            assert found is not None
            assert (found.least, found.most) == (least.value, most.value)
            by_value = least_by_value(FreeSpace(table), quantity)
            dearest = max((cost for costs in by_value.values() for cost in costs.values()), default=found.least)
            assert dearest <= found.least + found.regret * table.blueprint.space.nesting


def test_the_shipped_space_has_the_extremes_of_elimination(auto_tsnet: tsdsl.Space) -> None:
    for table in tables_of(auto_tsnet):
        found = extremes(table.network.nodes, "macs", table.standing)
        assert found is not None
        assert (found.least, found.most) == tuple(best.value for best in optima(table.factors("macs")))


def test_what_is_too_wide_to_contract_is_eliminated(auto_tsnet: tsdsl.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = CostTable(Blueprint(auto_tsnet), 2).extremes("macs")
    monkeypatch.setattr(contraction, "MOST_ENTRIES", 10)
    contraction._alone.cache_clear()
    contraction._together.cache_clear()
    table = CostTable(Blueprint(auto_tsnet), 2)
    assert extremes(table.network.nodes, "macs", table.standing) is None
    assert table.extremes("macs") == expected
    assert not table.leaves_every_choice(10**18)


@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("number", range(3))
def test_a_target_has_a_dead_choice_exactly_where_one_takes_more(number: int, short: int) -> None:
    text = read_source("std:tiny").text
    space = check(SourceFile("tiny", text)).spaces[0].space
    step = space.steps[number]
    table = CostTable(Blueprint(space), step.index)
    least = least_by_value(FreeSpace(table))
    costs = sorted({cost for path in step.decisions for cost in least[path].values()})
    target = costs[-1] - short
    written = f"target = {target / 1e6:.6f} MFLOPs"
    before = {1: "target = 8 MFLOPs", 2: "target = 20 MFLOPs", 3: "target = 25 MFLOPs"}[step.index]
    assert before in text
    found = {d.code for d in check(SourceFile("tiny", text.replace(before, written))).diagnostics}
    assert ("TS406" in found) == bool(short)
