"""A choice is a decision where it changes something: attributes that matter only with a value of another one."""

from __future__ import annotations

import json

import tsdsl
from support.enumeration_checks import Enumerated, checks
from support.space_uses import networks
from tsdsl.analysis.comparison.compare import compare
from tsdsl.check.check import check
from tsdsl.source import SourceFile
from tsdsl.space.parts import Value

TEXT = """tsspace 1
space s {{
  classes = 3
  size    = 8
  shared excite = {{none, all}}
  stream slow {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = 8)
      group {group}
    }}
  }}
  stream fast {{
    frames = 4
    stage 0 {{ group conv3d(kernel = 1x3x3, channels = 8) }}
  }}
  fusion fast -> slow {{ after = stage[0]  op = {op}  merge = {merge} }}
  head {{ features = 4  dropout = 0 }}
  step 1 "all" {{ search = slow, fast, fusion }}
}}
"""
MB = "mbconv3d(t = 1, k = 3, expansion = 1, channels = 8, "
RATIOS = "time_strided_conv(kernel = 1x1x1, ratio = {0.5, 1})"
GROUP, SLOT = "slow.stage0.group2", "fusion.stage0.group1"


def space_of(group: str = MB + "se = none)", op: str = "none", merge: str = "concat", more: str = "") -> tsdsl.Space:
    checked = check(SourceFile("x", TEXT.format(group=group, op=op, merge=merge) + more))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[-1].space


def existence(space: tsdsl.Space) -> dict[str, tuple[str, tuple[Value, ...]] | None]:
    """For each decision its parent with the values at which it exists."""
    return {d.path: (d.parent.path, d.parent.values) if d.parent is not None else None for d in space.decisions}


def assert_is_exact(space: tsdsl.Space) -> None:
    """Every fact equals enumeration, every architecture runs, and JSON brings the space back."""
    assert {name for name, is_right in checks(Enumerated(space, None, 1)) if not is_right} == set()
    assert {name for name, holds in networks(space, 1, ()) if not holds} == set()
    assert tsdsl.Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


def test_the_width_of_a_squeeze_is_decided_where_there_is_one() -> None:
    space = space_of(MB + "se = {none, all, alternate}, se_ratio = {0.2, 1})")
    assert existence(space)[f"{GROUP}.se_ratio"] == (f"{GROUP}.se", ("all", "alternate"))
    assert space.cardinality == 1 + 2 * 2
    assert_is_exact(space)


def test_the_ratio_of_a_fusion_is_decided_where_it_concatenates() -> None:
    space = space_of(op=f"{{none, {RATIOS}}}", merge="{concat, sum}")
    found = existence(space)
    assert found[f"{SLOT}.op.time_strided_conv.ratio"] == (f"{SLOT}.merge", ("concat",))
    assert space.cardinality == 1 + (2 + 1)
    assert_is_exact(space)


def test_a_decision_has_one_parent_so_that_a_merge_of_several_operators_leaves_the_ratio_to_its_operator() -> None:
    space = space_of(op=f"{{none, {RATIOS}, time_strided_sample}}", merge="{concat, sum}")
    assert existence(space)[f"{SLOT}.op.time_strided_conv.ratio"] == (f"{SLOT}.op", ("time_strided_conv",))


def test_an_attribute_behind_the_braces_is_decided_with_the_alternatives_that_read_it() -> None:
    alternatives = "{mbconv3d(t = 1, expansion = 1), conv3d(kernel = 1x3x3), none}"
    space = space_of(f"{alternatives}(channels = {{8, 16}}, k = {{3, 5}}, act = {{relu, none}})")
    found = existence(space)
    assert found[f"{GROUP}.k"] == (f"{GROUP}.op", ("mbconv3d",))
    assert found[f"{GROUP}.act"] == found[f"{GROUP}.channels"] == (f"{GROUP}.op", ("mbconv3d", "conv3d"))
    assert space.cardinality == 2 * 2 * 2 + 2 * 2 + 1
    assert_is_exact(space)


def test_a_fixed_operator_leaves_nothing_of_what_only_others_read() -> None:
    base = "{conv3d(kernel = 1x3x3), max_pool3d(kernel = 1x3x3)}(channels = {8, 16})"
    fixed = space_of(base, more="space t from s { fix slow.stage[0].group[2].op = max_pool3d }\n")
    assert fixed.decisions == ()
    both = compare(space_of(base), fixed)
    assert (both.old.cardinality, both.in_both) == (3, 1)


def test_an_attribute_that_an_alternative_sets_itself_is_not_read_by_it() -> None:
    space = space_of("{mbconv3d(t = 1, expansion = 1, k = 3), bottleneck3d(t = 1)}(channels = 8, k = {3, 5})")
    assert existence(space)[f"{GROUP}.k"] == (f"{GROUP}.op", ("bottleneck3d",))


def test_blocks_with_each_decide_alike() -> None:
    space = space_of(MB + "se = {none, all}, se_ratio = {0.2, 1}) * 1 .. 2 each")
    assert existence(space)[f"{GROUP}.block2.se_ratio"] == (f"{GROUP}.block2.se", ("all",))
    assert space.cardinality == 3 + 3 * 3


def test_what_a_shared_decision_gives_an_effect_exists_with_it() -> None:
    space = space_of(MB + "se = excite, se_ratio = {0.2, 1})")
    assert existence(space)[f"{GROUP}.se_ratio"] == ("shared.excite", ("all",))
    assert space.cardinality == 1 + 2


def test_a_fixed_value_takes_what_had_an_effect_without_it_along() -> None:
    base = MB + "se = {none, all}, se_ratio = {0.2, 1})"
    fixed = space_of(base, more="space t from s { fix slow.stage[0].group[2].se = none }\n")
    assert fixed.decisions == ()
    both = compare(space_of(base), fixed)
    assert (both.old.cardinality, both.in_both) == (3, 1)
