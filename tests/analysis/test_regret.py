"""The regret of a minimum bounds what any one decision adds to it, and budgets with dead choices are reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.small_spaces import random_space, seeds
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import optima
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source


@pytest.mark.parametrize("seed", seeds(range(6), range(6, 14)))
def test_the_least_with_any_value_is_within_the_regret(seed: int) -> None:
    space = replace(random_space(seed), requires=())
    for step in (*(step.index for step in space.steps), None):
        table = CostTable(Blueprint(space), step)
        least, _ = optima(table.factors("macs"))
        by_value = least_by_value(FreeSpace(table), "macs")
        dearest = max((cost for costs in by_value.values() for cost in costs.values()), default=int(least.value))
        assert dearest <= least.value + least.regret * space.nesting
        assert table.leaves_every_choice(int(least.value + least.regret * space.nesting))


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
