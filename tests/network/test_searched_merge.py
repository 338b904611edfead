"""A searched `merge`: every architecture is that of the space with its merge written out, and every fact is exact."""

from __future__ import annotations

import json

import pytest
import torch

import tsdsl
from support.enumeration_checks import Enumerated, checks
from support.small_spaces import everything
from tsdsl.analysis.comparison.compare import compare
from tsdsl.analysis.questions.summary import part_rows
from tsdsl.check.check import check
from tsdsl.drawing.graph_parts import architecture_graph, space_graph
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Supernet, extract
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint, Network
from tsdsl.network.spec import problems
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Value

TEXT = """tsspace 1
space s {{
  classes = 3
  size    = 8
  {first}
  stream slow {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {slow}, stride = 2)
      group conv3d(kernel = 1x1x1, channels = {slow})
      group conv3d(kernel = 1x1x1, channels = 4)
    }}
  }}
  stream fast {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {fast}, stride = 2)
      group conv3d(kernel = 1x1x1, channels = 4)
      group conv3d(kernel = 1x1x1, channels = 2)
    }}
  }}
  fusion fast -> slow {{ after = {after}  op = {op}  merge = {merge} }}
  head {{ features = 4  dropout = 0 }}
}}
{second}
"""
CONV = "{none, time_strided_conv(kernel = 1x1x1, ratio = {0.5, 1})}"
PLAIN = {
    "first": "",
    "slow": "{4, 8}",
    "fast": "{2, 4}",
    "after": "stage[0]",
    "op": CONV,
    "merge": "{concat, sum}",
    "second": "",
}
OF_EQUAL_WIDTHS = {
    "slow": "4",
    "fast": "4",
    "op": "{none, time_strided_conv(kernel = {1x1x1, 3x1x1}), time_strided_sample}",
}
ALWAYS = {"after": "stage[0].group[1]", "op": "time_strided_conv"}
SHARED = {"first": "shared how = {sum, concat}  shared what = {none, time_strided_conv}", "op": "what", "merge": "how"}
MERGE = "fusion.stage0.group1.merge"


def space_of(**parts: str) -> tsdsl.Space:
    checked = check(SourceFile("x", TEXT.format(**PLAIN | parts)))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[-1].space


def described(network: Network) -> list[tuple[object, ...]]:
    """The nodes of a network, without the part of a name that tells a sum where the slot may also concatenate."""
    return [(n.name.replace(".sum", ""), n.shape, n.merge, n.own, plain(node_cost(n))) for n in network.nodes]


@pytest.mark.parametrize("parts", [{}, OF_EQUAL_WIDTHS, ALWAYS], ids=["conv", "equal widths", "always"])
def test_every_architecture_is_that_of_the_space_with_its_merge_written_out(parts: dict[str, str]) -> None:
    space = space_of(**{"after": "stage[0].group[1]"} | parts)
    blueprint = Blueprint(space)
    assert problems(blueprint.whole, space) == []
    others = {word: Blueprint(space_of(**{"after": "stage[0].group[1]"} | parts | {"merge": word})) for word in WORDS}
    seen = set()
    for one in everything(space):
        merge = str(one.get(MERGE, "concat"))
        other = {path: value for path, value in one.items() if path != MERGE}
        assert described(blueprint.network(one)) == described(others[merge].network(other))
        seen.add((merge, MERGE in one))
    assert seen == {("concat", True), ("sum", True)} | (
        {("concat", False)} if "none" in parts.get("op", CONV) else set()
    )


WORDS = ("concat", "sum")


@pytest.mark.parametrize("parts", [{"fast": "4"}, OF_EQUAL_WIDTHS, SHARED], ids=["conv", "equal widths", "shared"])
def test_every_exact_fact_equals_enumeration(parts: dict[str, str]) -> None:
    of = Enumerated(space_of(**parts), None, 0)
    assert {name for name, is_right in checks(of) if not is_right} == set()


def test_it_exists_where_the_slot_holds_an_operator() -> None:
    parents = {d.path: d.parent for d in space_of(**OF_EQUAL_WIDTHS).decisions}
    parent = parents[MERGE]
    assert parent is not None
    assert (parent.path, parent.values) == (
        "fusion.stage0.group1.op",
        ("time_strided_conv", "time_strided_sample"),
    )
    assert {d.path: d.parent for d in space_of(**ALWAYS).decisions}[MERGE] is None


@pytest.mark.parametrize("parts", [{}, ALWAYS, SHARED], ids=["conv", "always", "shared"])
def test_a_stored_space_comes_back(parts: dict[str, str]) -> None:
    space = space_of(**parts)
    assert tsdsl.Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert space.fingerprint == space_of(**parts | {"merge": parts.get("merge", "{sum, concat}")}).fingerprint
    assert space.fingerprint != space_of(**parts | {"merge": "concat", "first": ""} | {"op": CONV}).fingerprint


@pytest.mark.parametrize(
    ("second", "values"),
    [
        ("fix fusion.merge = sum", None),
        ("fix fusion = none", None),
        ("fix fusion.stage[0].group[2].merge = sum", ("concat", "sum")),
        ("free fusion.merge = {sum, concat}", ("sum", "concat")),
    ],
)
def test_it_is_fixed_and_freed(second: str, values: tuple[Value, ...] | None) -> None:
    space = space_of(second=f"space t from s {{ {second} }}")
    found = space.decision_by_path.get(MERGE)
    assert (found.values if found is not None else None) == values
    if "sum" in second and values is None:
        assert {slot.merge for slot in space.fusions} == {"sum"}


def test_a_space_with_one_merge_has_a_part_of_the_architectures() -> None:
    both = compare(space_of(), space_of(merge="sum"))
    # each slot: none, a sum, or a concatenation by one of two ratios; what is left of them: none, or a sum
    assert (both.old.cardinality, both.in_both) == (8 * 4 * 4, 8 * 2 * 2)
    slots = [f"fusion.stage0.group{number}" for number in (1, 2)]
    ratios = [(f"{slot}.op.time_strided_conv.ratio", "removed") for slot in slots]
    narrowed = [(f"{slot}.merge", "narrowed") for slot in slots]
    assert sorted((change.path, change.change) for change in both.settings) == sorted(ratios + narrowed)


def test_sums_and_concatenations_have_weights_of_their_own_and_give_the_extracted_models_scores() -> None:
    supernet = Supernet(Blueprint(space_of(**ALWAYS)), seed=0)
    touched = {}
    for merge in WORDS:
        one: dict[str, Value] = {d.path: d.values[-1] for d in supernet.blueprint.space.decisions} | {MERGE: merge}
        model = extract(supernet, one)
        clips = torch.rand(2, 3, 4, 8, 8)
        assert torch.equal(supernet(clips, one), model(clips))
        supernet.zero_grad(set_to_none=True)
        supernet(clips, one).square().sum().backward()
        touched[merge] = {n for n, p in supernet.named_parameters() if p.grad is not None and n.startswith("fusion")}
        architecture = Architecture(space="s", fingerprint=supernet.blueprint.space.fingerprint, decisions=one)
        assert verify_export(export_python(model.network, architecture), model.eval()).difference < 1e-5
    assert all(touched.values())
    assert touched["sum"].isdisjoint(touched["concat"])


def test_pictures_and_tables_show_it() -> None:
    space = space_of()
    assert [link.lines[:3] for link in space_graph(space).links] == [("none", "conv", "merge concat, sum")] * 2
    one: dict[str, Value] = {d.path: d.values[-1] for d in space.decisions}
    architecture = Architecture(space="s", fingerprint=space.fingerprint, decisions=one)
    assert [link.lines[:2] for link in architecture_graph(space, architecture).links] == [("conv", "merge sum")] * 2
    assert ("merge", "concat, sum") in next(
        row for row in part_rows(space) if row.name == "fusion.stage0.group1"
    ).choices
