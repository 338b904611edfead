"""FLOPs by table and the most probable architecture within a target, against brute force."""

from __future__ import annotations

import math

import pytest
import torch

import tsdsl
from support.enumeration import every_architecture, random_distribution
from tsdsl.check.check import check
from tsdsl.errors import UsageError
from tsdsl.network.cost import network_cost
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.flops import StepFlops, step_flops
from tsdsl.searching.budget.within_target import most_probable_within
from tsdsl.searching.distribution.factorised import step_variables
from tsdsl.source import SourceFile
from tsdsl.space.model import Space


def setting(space: Space, step: int | None) -> StepFlops:
    found = {d.path: d.values[-1] for d in space.decisions if d.parent is None}
    variables = step_variables(space, step, {} if step is None else found)
    return step_flops(Blueprint(space), step, variables)


@pytest.mark.parametrize("step", [1, 2, 3, None])
def test_macs_by_table_equal_those_of_the_laid_out_network(tiny: Space, step: int | None) -> None:
    flops = setting(tiny, step)
    for architecture in every_architecture(flops.variables):
        network = Blueprint(tiny).network(architecture, step)
        assert flops.macs(architecture) == network_cost(network).macs


@pytest.mark.parametrize("step", [1, 2, 3, None])
def test_expected_and_least_flops_equal_enumeration(tiny: Space, step: int | None) -> None:
    flops = setting(tiny, step)
    distribution = random_distribution(flops.variables, 5)
    architectures = every_architecture(flops.variables)
    expected = sum(math.exp(distribution.log_probability(a)) * flops.macs(a) for a in architectures)
    assert flops.expected(distribution) == pytest.approx(expected)
    assert flops.least() == min(map(flops.macs, architectures))


@pytest.mark.parametrize("step", [1, 3, None])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_the_most_probable_within_the_target_equals_brute_force(tiny: Space, step: int | None, share: float) -> None:
    flops = setting(tiny, step)
    architectures = every_architecture(flops.variables)
    macs = sorted(map(flops.macs, architectures))
    target = macs[int(share * len(macs))]
    for seed in range(4):
        distribution = random_distribution(flops.variables, seed, spread=0.7)
        within = [a for a in architectures if flops.macs(a) <= target]
        best = max(map(distribution.log_probability, within))
        found = most_probable_within(distribution, flops, target)
        assert found.log_probability == pytest.approx(best, abs=1e-7)
        assert found.macs == flops.macs(found.decisions) <= target
        assert found.decisions in architectures
        assert found.road in ("argmax", "exact")


def nested_twice(steps: str = "") -> Space:
    """An operator exists where there is a block, and a kernel where it is that operator."""
    group = "group {conv3d(kernel = {1x3x3, 3x3x3}), max_pool3d(kernel = 1x3x3)}(channels = {4, 8}) * 0 .. 1"
    stream = f"stream one {{ frames = 4  stage 0 {{ group conv3d(kernel = 1x3x3, channels = {{8, 12}})  {group} }} }}"
    text = f"tsspace 1 space s {{ classes = 3  size = 8  {stream}  {steps} }}"
    return check(SourceFile("nested", text)).spaces[0].space


def test_a_decision_under_an_absent_one_weighs_nothing() -> None:
    flops = setting(nested_twice(), None)
    architectures = every_architecture(flops.variables)
    for seed in range(8):
        distribution = random_distribution(flops.variables, seed)
        for target in map(flops.macs, architectures):
            within = [a for a in architectures if flops.macs(a) <= target]
            best = max(map(distribution.log_probability, within))
            found = most_probable_within(distribution, flops, target)
            assert found.log_probability == pytest.approx(best, abs=1e-7)


def test_what_is_under_a_block_that_an_earlier_step_left_out_is_not_searched() -> None:
    group = "one.stage[0].group[2]"
    searched = f"one.stage[0].group[1], {group}.op, {group}.op.conv3d.kernel, {group}.channels"
    steps = f'step 1 "depth" {{ search = {group}.repeat }}  step 2 "rest" {{ search = {searched} }}'
    variables = step_variables(nested_twice(steps), 2, {"one.stage0.group2.repeat": 0})
    assert [decision.path for decision in variables.decisions] == ["one.stage0.group1.channels"]


def test_an_arg_max_within_the_target_is_taken_as_it_is(tiny: Space) -> None:
    flops = setting(tiny, 1)
    distribution = random_distribution(flops.variables, 2)
    found = most_probable_within(distribution, flops, 10**9)
    assert (found.road, found.decisions) == ("argmax", distribution.most_probable())
    assert most_probable_within(distribution, flops, None) == found


def test_an_unreachable_target_is_refused_with_the_true_minimum(tiny: Space) -> None:
    flops = setting(tiny, 1)
    distribution = random_distribution(flops.variables)
    with pytest.raises(UsageError, match=f"the smallest has {flops.least():,}"):
        most_probable_within(distribution, flops, flops.least() - 1)
    found = most_probable_within(distribution, flops, flops.least())
    assert found.macs == flops.least()


def test_at_the_node_limit_the_best_found_is_within_the_target_and_the_gap_is_stated(tiny: Space) -> None:
    flops = setting(tiny, None)
    target = (flops.least() * 3) // 2
    gaps = []
    for seed in range(8):
        distribution = random_distribution(flops.variables, seed, spread=0.7)
        exact = most_probable_within(distribution, flops, target)
        cut = most_probable_within(distribution, flops, target, node_limit=0)
        assert cut.macs <= target
        assert exact.log_probability <= cut.log_probability + cut.gap_nats + 1e-7
        gaps.append(cut.gap_nats)
    assert max(gaps) > 0


def test_a_space_of_published_size_is_solved_exactly() -> None:
    space = tsdsl.load("std:auto_tsnet")
    variables = step_variables(space, 1, {})
    flops = step_flops(Blueprint(space), 1, variables)
    distribution = random_distribution(variables, 1, spread=0.3)
    found = most_probable_within(distribution, flops, space.step(1).target_macs)
    assert found.road == "exact"
    samples = distribution.sample(500, torch.Generator().manual_seed(0))
    within = [a for a in samples if flops.macs(a) <= 1_400_000_000]
    assert all(distribution.log_probability(a) < found.log_probability for a in within)
