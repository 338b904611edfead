"""Depths, operators and blocks as decisions: what exists where, exact counts, derivation, storage, comparison."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

import tsdsl
from support.deep_spaces import TEXT, spaces
from tsdsl.analysis.comparison.compare import compare
from tsdsl.network.layout import Blueprint
from tsdsl.network.spec import problems
from tsdsl.space.parts import Value


def existence(space: tsdsl.Space) -> dict[str, tuple[Value, ...] | None]:
    """For each decision the values of its parent at which it exists."""
    return {d.path: d.parent.values if d.parent is not None else None for d in space.decisions}


def test_once_for_all_has_the_published_number_of_architectures() -> None:
    assert tsdsl.load("std:once_for_all").cardinality == (9**2 + 9**3 + 9**4) ** 5


def test_a_decision_exists_where_it_changes_something() -> None:
    found = existence(spaces()["base"])
    group, blocks, last = (f"s.stage1.group{number}" for number in (1, 2, 3))
    assert found[f"{group}.op"] is None
    assert found[f"{group}.repeat"] == found[f"{group}.channels"] == ("mb", "bottleneck3d")
    assert found[f"{group}.op.mb.k"] == ("mb",)
    assert found[f"{blocks}.channels"] is None
    assert found[f"{blocks}.block2.op"] is None
    assert found[f"{blocks}.block3.op"] == (3,)
    assert found[f"{last}.k"] == (1, 2)


def test_the_first_block_of_each_is_never_none() -> None:
    values = {d.path: d.values for d in spaces()["base"].decisions}
    assert values["s.stage1.group2.block1.op"] == ("mb", "conv3d")
    assert values["s.stage1.group2.block2.op"] == ("mb", "conv3d", "none")


def test_the_count_is_a_sum_over_depths_and_a_product_over_blocks() -> None:
    first = 2 * 2 * (4 + 1) + 1  # depths, channels, decisions of the operators; and `none`
    block1, block = 4 + 1, 4 + 1 + 1
    each = 2 * (block1 * block + block1 * block * block)
    assert spaces()["base"].cardinality == 2 * first * each * (1 + 4 + 4)


def test_single_blocks_and_depths_are_fixed_and_freed() -> None:
    found = {d.path: d.values for d in spaces()["derived"].decisions}
    gone = {"s.stage1.group1.op", "s.stage1.group2.repeat", "s.stage1.group2.block2.op"}
    assert gone.isdisjoint(found)
    assert "s.stage1.group2.block1.op.mb.k" not in found
    assert found["s.stage1.group1.op.mb.t"] == (1, 3)
    assert found["s.stage1.group2.block3.op"] == ("mb", "bottleneck3d")
    assert found["s.stage1.group3.repeat"] == (1, 2, 3)


@pytest.mark.parametrize("name", ["base", "derived"])
def test_a_stored_space_comes_back(name: str) -> None:
    space = spaces()[name]
    assert tsdsl.Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert problems(Blueprint(space).whole, space) == []


def test_the_order_of_alternatives_does_not_change_the_fingerprint() -> None:
    other = TEXT.replace("{mb, bottleneck3d(t = 3), none}", "{none, bottleneck3d(t = 3), mb}")
    assert spaces(other)["base"].fingerprint == spaces()["base"].fingerprint
    deeper = TEXT.replace("* {1, 2}", "* {1, 3}")
    assert spaces(deeper)["base"].fingerprint != spaces()["base"].fingerprint


ABSENT = """tsspace 1
space s {
  classes = 4
  size    = 16
  block mb = mbconv3d(t = {1, 3}, k = 3, expansion = 2)
  stream one {
    frames = 4
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = {8, 16}, stride = 2)
      group {mb, conv3d(kernel = 1x1x1), none}(channels = {8, 16}) * 1 .. 2
      group {mb, conv3d(kernel = 1x1x1)}(channels = {8, 16}) * 0 .. 1
      group mb(channels = 8) * 0 .. 2
      group mb(channels = 8) * 0 .. 2 each
    }
  }
}
space t from s { fix ONE }
"""


def test_the_operator_of_a_group_that_may_have_no_block_exists_where_it_has_one() -> None:
    found = existence(spaces(ABSENT.replace("ONE", "one.stage[0].group[1].channels = 8"))["s"])
    assert found["one.stage0.group3.repeat"] is None
    assert found["one.stage0.group3.op"] == found["one.stage0.group3.channels"] == (1,)


@pytest.mark.parametrize(
    ("fix", "part"),
    [
        ("group[2].op = none", Fraction(1, 1 + 2 * 2 * (2 + 1))),
        ("group[2].op = conv3d", Fraction(2 * 2, 1 + 2 * 2 * (2 + 1))),
        ("group[2].op = mb", Fraction(2 * 2 * 2, 1 + 2 * 2 * (2 + 1))),
        ("group[3].repeat = 0", Fraction(1, 1 + 2 * (2 + 1))),
        ("group[4].repeat = 0", Fraction(1, 1 + 2 + 2)),
        ("group[5].repeat = 0", Fraction(1, 1 + 2 + 2 * 2)),
        ("group[5].repeat = 1", Fraction(2, 1 + 2 + 2 * 2)),
    ],
)
def test_a_group_fixed_at_nothing_leaves_nothing_to_decide(fix: str, part: Fraction) -> None:
    found = spaces(ABSENT.replace("ONE", f"one.stage[0].{fix}"))
    base, derived = found["s"], found["t"]
    assert derived.cardinality == base.cardinality * part
    assert compare(base, derived).in_both == compare(derived, base).in_both == derived.cardinality
    assert tsdsl.Space.from_dict(json.loads(json.dumps(derived.to_dict()))) == derived
    assert problems(Blueprint(derived).whole, derived) == []


def test_an_architecture_without_the_group_does_not_decide_its_operator() -> None:
    space = spaces(ABSENT.replace("ONE", "one.stage[0].group[1].channels = 8"))["s"]
    seen = set()
    for one in tsdsl.Space.of(space).sample(30):
        network = Blueprint(space).network(one.decisions)
        assert ("one.stage0.group3" in network.by_name) == ("one.stage0.group3.op" in one.decisions)
        seen.add("one.stage0.group3.op" in one.decisions)
    assert seen == {True, False}


def test_a_narrower_depth_is_a_subset() -> None:
    narrower = compare(spaces()["base"], spaces(TEXT.replace("* 0 .. 2", "* 1 .. 2"))["base"])
    assert narrower.in_both == spaces()["base"].cardinality * 8 // 9
    assert [change.path for change in narrower.settings] == ["s.stage1.group3.repeat"]


def test_a_model_multiplies_chosen_depths() -> None:
    text = TEXT.replace("* 0 .. 2\n    }\n  }\n", "* 0 .. 2\n    }\n  }\n  model L { depth = 2x }\n")
    space = spaces(text)["base"]
    scaled = Blueprint(space, scale=space.models[0])
    decisions = next(tsdsl.Space.of(space).sample(1, seed=3)).decisions
    chosen = {**decisions, "s.stage1.group3.repeat": 1, "s.stage1.group3.t": 1, "s.stage1.group3.k": 3}
    nodes = {node.name: len(node.blocks) for node in scaled.network(chosen).nodes}
    assert nodes["s.stage1.group3"] == 2
