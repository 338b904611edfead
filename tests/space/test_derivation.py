"""Imports, derived spaces and shared decisions: what the resolved space has, beside the case files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.check.check import check
from tsdsl.check.load import load
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space

BASE = (Path(__file__).parent.parent / "cases" / "imported" / "base.tsspace").read_text(encoding="utf-8")
SHARED = """tsspace 1
space s {
  classes = 4
  size    = 32
  shared width = {8, 16, 24}
  shared op    = {none, glore(nodes = {4, 8})}
  stream a {
    frames = 4
    stage 0 { group conv3d(kernel = {1x3x3, 3x3x3}, channels = width) }
  }
  stream b {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = width) }
  }
  attention a, b { after = stage[0]  op = op }
  step 1 { search = a }
  step 2 { search = b }
  step 3 { search = attention }
}
"""


def space_of(text: str, name: str | None = None) -> Space:
    checked = check(SourceFile("x", text))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return next(r.space for r in checked.spaces if name in (None, r.space.name))


def derived(items: str) -> Space:
    return space_of(f"{BASE}\nspace derived from base {{\n{items}\n}}\n", "derived")


def test_a_derived_space_without_changes_means_the_same() -> None:
    assert derived("").fingerprint == space_of(BASE).fingerprint


def test_fix_makes_a_decision_a_constant_and_its_architectures_stay_architectures_of_the_base() -> None:
    base, space = space_of(BASE), derived("fix sparse.stage[1].group[*].channels = 8\nfix attention.sparse = glore")
    assert space.streams[0].groups[1].attributes["channels"] == 8
    assert base.cardinality == 2 * 2 * (2 * 2 * 2) * 2 * 4 * (1 + 2 + 1) ** 2
    assert space.cardinality == 2 * (2 * 2) * 2 * 4 * 2 * (1 + 2 + 1)
    nodes = space.decision_by_path["attention.sparse.stage1.group1.op.glore.nodes"]
    assert nodes.parent is None


def test_free_gives_constants_choices_and_fills_in_defaults() -> None:
    space = derived("free dense.stage[1].group[1].channels = {4, 8}\nfree dense.stage[1].group[1].act = {relu, hswish}")
    assert space.decision_by_path["dense.stage1.group1.channels"].values == (4, 8)
    assert space.decision_by_path["dense.stage1.group1.act"].values == ("relu", "hswish")


def test_the_last_override_wins_and_a_fix_narrows_what_was_freed() -> None:
    freed = "free sparse.stage[1].group[1].channels = {24, 32}"
    assert (
        derived(f"{freed}\nfix sparse.stage[1].group[1].channels = 32").streams[0].groups[1].attributes["channels"]
        == 32
    )
    space = derived(f"fix sparse.stage[1].group[1].channels = 8\n{freed}")
    assert space.decision_by_path["sparse.stage1.group1.channels"].values == (24, 32)


def test_a_block_or_domain_of_the_same_name_changes_every_use() -> None:
    space = derived("domain temporal = {1, 3, 5}")
    assert space.decision_by_path["dense.stage1.group1.t"].values == (1, 3, 5)


def test_what_is_left_out_is_left_out_of_steps_and_models() -> None:
    space = derived("without = attention, fusion")
    assert (space.fusions, space.attentions) == ((), ())
    assert [(step.index, step.names) for step in space.steps] == [(1, ("sparse",)), (2, ("dense",))]
    assert space.models[1].without == ()
    alone = derived("without = dense")
    assert [stream.name for stream in alone.streams] == ["sparse"]
    assert [slot.stream for slot in alone.attentions] == ["sparse"]
    assert [step.index for step in alone.steps] == [1, 3]


def test_streams_slots_steps_and_models_of_the_same_name_are_replaced_in_their_place() -> None:
    space = derived(
        "stream sparse { frames = 2  stage 0 { group conv3d(kernel = 1x3x3, channels = {8, 16}, stride = 2)"
        "  group conv3d(kernel = 1x3x3, channels = 8) } }\n"
        "fusion dense -> sparse { after = stage[0]  op = {none, time_to_channel}  merge = concat }\n"
        "attention sparse { after = stage[0].group[2]  op = {none, se} }\n"
        "step 1 { search = sparse  epochs = 7 }\nmodel S { size = 48 }"
    )
    assert [stream.name for stream in space.streams] == ["sparse", "dense"]
    assert [slot.path for slot in space.fusions] == ["fusion.stage0.group1"]
    assert [slot.path for slot in space.attentions] == [
        "attention.dense.stage1.group1",
        "attention.sparse.stage0.group2",
    ]
    assert space.steps[0].epochs == 7
    assert [(model.name, model.size) for model in space.models] == [("S", 48), ("S_dagger", 48)]


def test_a_fix_of_the_base_does_not_reach_into_a_replaced_stream() -> None:
    text = f"""{BASE}
space one from base {{
  fix dense.stage[1].group[1].t = 1
}}
space two from one {{
  stream dense {{ frames = 8  stage 0 {{ group conv3d(kernel = 3x3x3, channels = 4, stride = 2) }}
    stage 1 {{ group mbconv3d(t = {{3, 5}}, k = 3, expansion = 2, channels = 4, stride = 2) }} }}
}}
"""
    assert space_of(text, "two").decision_by_path["dense.stage1.group1.t"].values == (3, 5)


def test_a_shared_decision_is_one_decision_everywhere() -> None:
    space = space_of(SHARED)
    assert [d.path for d in space.decisions][:2] == ["shared.width", "shared.op"]
    # Each of the two slots has nodes of its own where both hold glore.
    assert space.cardinality == 3 * 2 * (1 + 2 * 2)
    first = {"shared.width": 16, "shared.op": "none", "a.stage0.group1.kernel": "1x3x3"}
    assert canonical(space, first) == first


def test_a_shared_decision_belongs_to_the_first_step_that_names_a_place_of_it() -> None:
    space = space_of(SHARED)
    assert [step.decisions[:1] for step in space.steps] == [("shared.width",), (), ("shared.op",)]
    named = space_of(SHARED.replace("step 2 { search = b }", "step 2 { search = b, shared.width }"))
    assert [step.decisions for step in named.steps][:2] == [("a.stage0.group1.kernel",), ("shared.width",)]


def test_a_shared_decision_can_be_fixed_and_freed_in_a_derived_space() -> None:
    fixed = space_of(SHARED + "space t from s { fix shared.width = 16\n fix shared.op = none }", "t")
    assert [stream.groups[0].attributes["channels"] for stream in fixed.streams] == [16, 16]
    assert [slot.alternatives[0].operator for slot in fixed.attentions] == ["none", "none"]
    freed = space_of(SHARED + "space t from s { free shared.width = {32, 40} }", "t")
    assert freed.decision_by_path["shared.width"].values == (32, 40)


def test_shipped_spaces_can_be_derived_from_by_name() -> None:
    space = space_of('tsspace 1\nimport "std:tiny"\nspace mine from tiny { fix fusion = none }', "mine")
    assert len(space.decisions) == len(load("std:tiny").decisions) - 2


def test_an_import_outside_of_the_project_is_refused_even_through_a_link(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside.tsspace"
    (project / "inner").mkdir(parents=True)
    (project / "pyproject.toml").write_text("")
    outside.write_text(BASE)
    (project / "link.tsspace").symlink_to(outside)
    (project / "beside.tsspace").write_text(BASE)
    for written, is_allowed in (
        ("../../outside.tsspace", False),
        ("../link.tsspace", False),
        ("../beside.tsspace", True),
    ):
        file = project / "inner" / "a.tsspace"
        file.write_text(f'tsspace 1\nimport "{written}"\nspace a from base {{ size = 40 }}\n')
        found = check(read_source(file)).diagnostics
        assert [d.code for d in found] == ([] if is_allowed else ["TS107"])


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00\x01", None])
def test_an_import_that_is_no_space_is_one_diagnostic(tmp_path: Path, content: bytes | None) -> None:
    other, file = tmp_path / "other.tsspace", tmp_path / "a.tsspace"
    other.mkdir() if content is None else other.write_bytes(content)
    file.write_text('tsspace 1\nimport "other.tsspace"\nspace a from other { size = 40 }\n')
    found = check(read_source(file)).diagnostics
    assert len(found) == 1
    assert found[0].code in ("TS107", "TS101")
    assert "did you mean" not in (found[0].help or "")


def test_a_mistake_far_down_in_an_imported_file_is_told_in_a_short_one() -> None:
    twice = SHARED.replace("{1x3x3, 3x3x3}", "{1x3x3, 1x3x3}")
    checked = check(SourceFile("y", 'tsspace 1\nimport "x"\nspace t from s {}\n'), lambda name: SourceFile(name, twice))
    assert [d.code for d in checked.diagnostics] == ["TS107"]


def test_files_that_import_each_other_are_told(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.tsspace").write_text(
            f'tsspace 1\nimport "{other}.tsspace"\nspace {name} from {other} {{ size = 40 }}\n'
        )
    found = check(read_source(tmp_path / "a.tsspace")).diagnostics
    assert [d.code for d in found] == ["TS108"]
    assert "`b.tsspace` leads back" in found[0].message
    assert [label.message for label in found[0].labels] == ["through this import"]


def test_texts_come_from_the_reader_that_is_given(tmp_path: Path) -> None:
    texts = {str(tmp_path / "base.tsspace"): BASE}
    source = SourceFile(
        str(tmp_path / "a.tsspace"), 'tsspace 1\nimport "base.tsspace"\nspace a from base { size = 40 }\n'
    )
    checked = check(source, lambda name: SourceFile(name, texts[name]))
    assert [r.space.name for r in checked.spaces] == ["a"]


def test_a_long_chain_of_derivations_is_refused_without_a_crash() -> None:
    chain = [f"space s{n} from {f's{n - 1}' if n else 'base'} {{ size = 40 }}\n" for n in range(400)]
    for order in (chain, chain[::-1]):
        assert "TS202" in {d.code for d in check(SourceFile("x", BASE + "".join(order))).diagnostics}
