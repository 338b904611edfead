"""Extremes over a space, a part and fixed decisions equal enumeration, and their witnesses reach them."""

from __future__ import annotations

import random

import pytest

from support.small_spaces import everything, random_space
from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.space.parts import Value

SEEDS = range(5)


def cost_of(blueprint: Blueprint, one: dict[str, Value], part: str | None) -> tuple[int, int]:
    """(multiply-adds, parameters) of a part, counted on the network of one architecture."""
    nodes = [node for node in blueprint.network(one).nodes if part is None or node.part == part]
    costs = [plain(node_cost(node)) for node in nodes]
    return sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)


@pytest.mark.parametrize("part", [None, "sparse", "dense", "fusion.stage0.group1", "head"])
@pytest.mark.parametrize("seed", SEEDS)
def test_extremes_under_fixed_decisions_equal_enumeration(seed: int, part: str | None) -> None:
    space = random_space(seed)
    draw = random.Random(seed)
    listed = everything(space)
    picked = draw.choice(listed)
    fixed = {path: picked[path] for path in draw.sample(sorted(picked), 1)}
    kept = [one for one in listed if all(path not in one or one[path] == fixed[path] for path in fixed)]
    sampled = draw.sample(kept, min(60, len(kept)))
    free = FreeSpace(CostTable(Blueprint(space)), fixed)
    for position, quantity in enumerate(("macs", "params")):
        costs = [cost_of(free.table.blueprint, one, part)[position] for one in sampled]
        for sense, best in (("min", min(costs)), ("max", max(costs))):
            bound = extreme(free, sense, quantity, part)  # type: ignore[arg-type]
            assert dict(bound.witness) in kept
            assert cost_of(free.table.blueprint, dict(bound.witness), part)[position] == bound.value
            # Only part of a large space is counted layer by layer; no sample may be beyond the extreme.
            assert bound.value <= best if sense == "min" else bound.value >= best
            if len(sampled) == len(kept):
                assert bound.value == best


@pytest.mark.parametrize("step", [1, 2, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_with_each_value_equals_enumeration(seed: int, step: int | None) -> None:
    space = random_space(seed)
    table = CostTable(Blueprint(space), step)
    listed = [(table.macs(one), one) for one in everything(space, step)]
    for path, least_of in least_by_value(FreeSpace(table)).items():
        for value, least in least_of.items():
            assert least == min(macs for macs, one in listed if one.get(path) == value)
