"""Exact costs and bounds: tables equal layer-by-layer counts, bounds equal enumeration."""

from __future__ import annotations

import itertools
import random
from itertools import pairwise

import pytest

import tsdsl
from tsdsl.analysis.questions.bounds import bound
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.analysis.questions.summary import dead_choices, network_report, part_rows, space_report
from tsdsl.analysis.tables.cost_table import CostTable, architecture_cost
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.architecture import problems
from tsdsl.space.decided import canonical
from tsdsl.space.parts import Scale, Value
from tsdsl.space.resolve import resolve

SMALL = """tsspace 1
space s {{
  classes = 5
  size    = 17
  stream sparse {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = {{1x3x3, 3x3x3}}, channels = {{8, 12}}, stride = 2)
      group mbconv3d(t = {{1, 3}}, k = 3, expansion = {{1.3, 2.7}}, channels = {{8, 20}}, {convention}) * 2
    }}
  }}
  stream dense {{
    frames = 8
    stage 0 {{
      group conv3d(kernel = 3x3x3, channels = {{4, 6}}, stride = 2)
      group mbconv3d(t = 3, k = 3, expansion = 2, channels = 6)
    }}
  }}
  fusion dense -> sparse {{
    after = stage[0].group[1]
    op    = {{none, time_strided_conv(ratio = {{1, 1.5}}), time_strided_sample, time_to_channel}}
  }}
  attention sparse {{
    after = stage[0].group[2]
    op    = {{none, glore(nodes = {{4, 8}}), nonlocal(pool = 2), se}}
  }}
  step 1 "sparse" {{
    search = sparse
  }}
  step 2 "rest" {{
    search = dense, fusion, attention
  }}
}}
"""
CONVENTIONS = (
    "expand_from = input, shortcut = identity",
    "expand_from = output, shortcut = projection, se = alternate, act = swish",
    "expand_from = input, shortcut = projection, se = all",
)


@pytest.fixture(params=CONVENTIONS, ids=lambda text: text.split(",")[1].strip())
def small(request: pytest.FixtureRequest) -> tsdsl.Space:
    resolved = resolve(SourceFile("x", SMALL.format(convention=request.param)))
    assert resolved.diagnostics == ()
    return resolved.spaces[0].space


def everything(space: tsdsl.Space, step: int | None) -> list[dict[str, Value]]:
    """All architectures, by enumeration."""
    present = space.present_after(step)
    decisions = [d for d in space.decisions if space.is_of(d.path, present)]
    found = {}
    for values in itertools.product(*(d.values for d in decisions)):
        one = canonical(space, dict(zip([d.path for d in decisions], values, strict=True)), step)
        found[tuple(one.items())] = one
    return list(found.values())


@pytest.mark.parametrize("step", [1, 2, None])
def test_counts_and_bounds_equal_enumeration(small: tsdsl.Space, step: int | None) -> None:
    blueprint = Blueprint(small)
    table = CostTable(blueprint, step)
    architectures = everything(small, step)
    if step is None:
        assert len(architectures) == small.cardinality
    macs = [table.macs(one) for one in architectures]
    params = [table.params(one) for one in architectures]
    for quantity, values in (("macs", macs), ("params", params)):
        for sense, best in (("min", min(values)), ("max", max(values))):
            found = bound(table, quantity, sense)  # type: ignore[arg-type]
            assert found.value == best
            witness = architecture_cost(blueprint, found.witness, step)
            assert witness[0 if quantity == "macs" else 1] == best
    for one in random.Random(0).sample(architectures, min(60, len(architectures))):
        counted = architecture_cost(blueprint, one, step)
        assert (table.macs(one), table.params(one)) == counted[:2]


def test_dead_choices_equal_enumeration(small: tsdsl.Space) -> None:
    table = CostTable(Blueprint(small))
    architectures = everything(small, None)
    budget = sorted(table.macs(one) for one in architectures)[len(architectures) // 20]
    within = [one for one in architectures if table.macs(one) <= budget]
    alive = {(path, value) for one in within for path, value in one.items()}
    expected = {(d.path, v) for d in small.decisions for v in d.values} - alive
    assert {(p, v) for p, values in dead_choices(small, budget).items() for v in values} == expected


def test_tables_equal_counted_layers_on_auto_tsnet(auto_tsnet: tsdsl.Space) -> None:
    blueprint = Blueprint(auto_tsnet)
    for step in (1, 2, None):
        table = CostTable(blueprint, step)
        for one in sample_architectures(auto_tsnet, 20, seed=step or 0, step=step):
            assert architecture_cost(blueprint, one.decisions, step)[:2] == (one.flops, one.params)
        for sense in ("min", "max"):
            found = bound(table, "macs", sense)  # type: ignore[arg-type]
            assert architecture_cost(blueprint, found.witness, step)[0] == found.value


def test_the_report_keeps_the_contract(auto_tsnet: tsdsl.Space) -> None:
    report = space_report(auto_tsnet)
    assert report["cardinality"] == str(auto_tsnet.cardinality)
    assert [step["target"] for step in report["steps"]] == [1_400_000_000, 2_000_000_000, 2_500_000_000]
    for step in report["steps"]:
        within = step["within_target"]
        assert within["reachable"]
        assert within["binding"]
        assert 0 < int(within["at_least"]) <= int(within["at_most"]) < int(within["total"])
        assert int(within["at_least"]) <= within["share"] * int(within["total"]) <= int(within["at_most"])
        assert step["params"]["min"] < step["params"]["max"]
    peaks = [step["activation_bytes"] for step in report["steps"]]
    assert peaks[0]["max"] < peaks[1]["max"] <= peaks[2]["max"] == report["activation_bytes"]["max"]
    keys = {"space", "fingerprint", "cardinality", "satisfying", "flops", "params", "activation_bytes", "steps"}
    assert set(report) == keys


def test_rows_tell_shapes_and_cost_ranges(auto_tsnet: tsdsl.Space) -> None:
    rows = {row.name: row for row in part_rows(auto_tsnet)}
    assert str(rows["sparse.stage1.group1"].shape) == "32..48 x 4 x 40 x 40"
    assert str(rows["dense.stage4.group3"].shape) == "32..56 x 32 x 5 x 5"
    assert rows["fusion.stage1.group1"].least_macs == 0
    assert rows["sparse.stage0.group1"].least_macs == 9 * 3 * 24 * 4 * 80 * 80


def test_parts_sum_to_the_total(auto_tsnet: tsdsl.Space) -> None:
    one = next(sample_architectures(auto_tsnet, 1))
    report = network_report(Blueprint(auto_tsnet).network(one.decisions))
    assert sum(part["flops"] for part in report["parts"]) == report["flops"] == one.flops
    assert sum(part["params"] for part in report["parts"]) == report["params"] == one.params


def test_depth_doubles_only_groups_that_repeat(auto_tsnet: tsdsl.Space) -> None:
    one = next(sample_architectures(auto_tsnet, 1)).decisions
    plain = Blueprint(auto_tsnet).network(one)
    deep = Blueprint(auto_tsnet, scale=Scale(name="L", depth=2.0)).network(one)
    blocks = {node.name: len(node.blocks) for node in deep.nodes if node.kind == "group"}
    for node in plain.nodes:
        if node.kind == "group":
            assert blocks[node.name] == (2 * len(node.blocks) if len(node.blocks) > 1 else 1)


def test_a_dagger_leaves_attention_out(auto_tsnet: tsdsl.Space) -> None:
    scale = next(model for model in auto_tsnet.models if model.name == "M_dagger")
    assert scale.size == 256
    present = Blueprint(auto_tsnet, scale=scale).present()
    assert present == auto_tsnet.present_after(2)


def test_samples_stay_within_the_window_and_repeat_with_the_seed(auto_tsnet: tsdsl.Space) -> None:
    window = {"least_macs": 2_400_000_000, "most_macs": 4_000_000_000}
    first = list(sample_architectures(auto_tsnet, 10, seed=3, **window))
    assert first == list(sample_architectures(auto_tsnet, 10, seed=3, **window))
    assert all(2_400_000_000 <= (one.flops or 0) <= 4_000_000_000 for one in first)


def test_an_empty_window_names_the_true_bounds(auto_tsnet: tsdsl.Space) -> None:
    with pytest.raises(UsageError) as raised:
        next(sample_architectures(auto_tsnet, 1, most_macs=1000))
    assert "853,869,440" in (raised.value.help or "")


def test_a_window_around_the_cheapest_gives_the_cheapest(auto_tsnet: tsdsl.Space) -> None:
    low = bound(CostTable(Blueprint(auto_tsnet)), "macs", "min").value
    found = list(sample_architectures(auto_tsnet, 20, most_macs=low + 1))
    assert {one.flops for one in found} == {low}


def test_a_gap_between_two_costs_is_an_empty_window(small: tsdsl.Space) -> None:
    table = CostTable(Blueprint(small))
    costs = sorted({table.macs(one) for one in everything(small, None)})
    below, above = max(pairwise(costs), key=lambda pair: pair[1] - pair[0])
    with pytest.raises(UsageError, match="no architecture of s has between"):
        next(sample_architectures(small, 1, least_macs=below + 1, most_macs=above - 1))
    ends = {one.flops for one in sample_architectures(small, 50, least_macs=below, most_macs=above)}
    assert ends == {below, above}


def test_the_first_samples_do_not_depend_on_how_many_follow(auto_tsnet: tsdsl.Space) -> None:
    for most in (None, 1_400_000_000):
        few = list(sample_architectures(auto_tsnet, 3, seed=5, most_macs=most, step=1))
        assert few == list(sample_architectures(auto_tsnet, 900, seed=5, most_macs=most, step=1))[:3]


def test_samples_are_canonical_architectures_of_the_space(auto_tsnet: tsdsl.Space, small: tsdsl.Space) -> None:
    for space in (auto_tsnet, small):
        for step in (1, 2, None):
            for one in sample_architectures(space, 5, step=step):
                assert problems(space, one) == []
                assert list(one.decisions.items()) == list(canonical(space, one.decisions, step).items())


def test_nested_decisions_are_drawn_uniformly_over_architectures() -> None:
    text = SMALL.format(convention=CONVENTIONS[0])
    space = resolve(SourceFile("x", text)).spaces[0].space
    counts: dict[object, int] = {}
    total = 4000
    for one in sample_architectures(space, total):
        key = (one.decisions["attention.sparse.stage0.group2.op"],)
        counts[key] = counts.get(key, 0) + 1
    expected = total / 5  # none, glore with 4 or 8 nodes, nonlocal, se: five ways
    assert abs(counts[("glore",)] - 2 * expected) < 150
    assert all(abs(counts[(name,)] - expected) < 120 for name in ("none", "nonlocal", "se"))
