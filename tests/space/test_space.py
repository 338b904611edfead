"""The resolved space: sizes, paths, presence, fingerprints, architectures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tsdsl
from tsdsl.check.stored import space_from_dict
from tsdsl.errors import FileError, SpaceError, UsageError
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture, problems, read_architecture
from tsdsl.space.decided import canonical
from tsdsl.space.resolve import resolve

AUTO = (Path(tsdsl.__file__).parent.parent / "spaces" / "auto_tsnet.tsspace").read_text(encoding="utf-8")


def space_of(text: str) -> tsdsl.Space:
    resolved = resolve(SourceFile("x", text))
    assert [d for d in resolved.diagnostics if d.severity == "error"] == []
    return resolved.spaces[0].space


NESTED = """tsspace 1
space s {
  classes = 4
  size    = 32
  stream a {
    frames = 4
    stage 0 { group conv3d(kernel = {1x3x3, 3x3x3}, channels = 8) }
  }
  attention a {
    after = stage[0].group[1]
    op    = {none, glore(nodes = {8, 16, 24}), se}
  }
}
"""


def test_step_sizes_are_exact(auto_tsnet: tsdsl.Space) -> None:
    sizes = [auto_tsnet.count_architectures(step.decisions) for step in auto_tsnet.steps]
    dense_alone = 66_939_072_779_460_046_749_696
    assert sizes == [3_305_633_223_677_039_345_664_000, dense_alone * 4**10, 4096]
    assert auto_tsnet.cardinality == sizes[0] * sizes[1] * sizes[2]


def test_a_nested_decision_counts_only_under_its_alternative() -> None:
    space = space_of(NESTED)
    assert space.cardinality == 2 * (1 + 3 + 1)
    nested = space.decision_by_path["attention.a.stage0.group1.op.glore.nodes"]
    assert nested.parent is not None
    assert (nested.parent.path, nested.parent.value) == ("attention.a.stage0.group1.op", "glore")


def test_decision_paths_are_those_of_the_language(auto_tsnet: tsdsl.Space) -> None:
    paths = set(auto_tsnet.decision_by_path)
    assert {
        "sparse.stage1.group2.channels",
        "dense.stage3.group4.t",
        "fusion.stage2.group1.op",
        "attention.sparse.stage3.group2.op",
    } <= paths
    assert "dense.stage1.group1.channels" not in paths  # one value is a constant


def test_fusion_has_the_ten_places_with_a_successor(auto_tsnet: tsdsl.Space) -> None:
    places = [(slot.stage, slot.group) for slot in auto_tsnet.fusions]
    assert places == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (3, 4), (4, 1), (4, 2)]


def test_parts_come_in_step_by_step(auto_tsnet: tsdsl.Space) -> None:
    assert auto_tsnet.present_after(1) == {"sparse"}
    two = auto_tsnet.present_after(2)
    assert {"sparse", "dense", "fusion.stage1.group1"} <= two
    assert not any(part.startswith("attention") for part in two)
    assert auto_tsnet.present_after(3) == set(auto_tsnet.parts) == auto_tsnet.present_after(None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Table 1 (a)", "# another comment"),
        ("domain temporal  = {1, 3, 5}", "domain temporal  = {5, 1, 3}"),
        ("space auto_tsnet", "space other_name"),
        ("target = 1.4 GFLOPs", "target = 1.5 GFLOPs"),
        ("epochs = 800", "epochs = 3"),
        ("model S { size = 182 }", "model S { size = 183 }"),
        ("    group mb(channels = 32 .. 48 by 8, stride = 2)\n", "group mb(stride=2 channels={32,40,48})"),
    ],
)
def test_the_fingerprint_ignores_what_is_not_meaning(old: str, new: str, auto_tsnet: tsdsl.Space) -> None:
    assert old in AUTO
    assert space_of(AUTO.replace(old, new)).fingerprint == auto_tsnet.fingerprint


def test_renaming_a_domain_keeps_the_fingerprint(auto_tsnet: tsdsl.Space) -> None:
    text = AUTO.replace("temporal", "taps")
    assert space_of(text).fingerprint == auto_tsnet.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("channels = 64 .. 88 by 8", "channels = 64 .. 96 by 8"),
        ("merge = concat", "merge = sum"),
        ("frames = 32", "frames = 16"),
        ("features = 2048", "features = 1024"),
        ("search = attention", "search = attention.sparse"),
    ],
)
def test_the_fingerprint_changes_with_the_meaning(old: str, new: str, auto_tsnet: tsdsl.Space) -> None:
    text = AUTO.replace(old, new).replace(", time_strided_sample, time_to_channel", "")
    plain = AUTO.replace(", time_strided_sample, time_to_channel", "")
    assert space_of(text).fingerprint != space_of(plain).fingerprint


def test_a_space_survives_json(auto_tsnet: tsdsl.Space) -> None:
    again = space_from_dict(json.loads(json.dumps(auto_tsnet.to_dict())))
    assert again == auto_tsnet
    assert again.fingerprint == auto_tsnet.fingerprint


def test_the_graph_joins_groups_and_slots(auto_tsnet: tsdsl.Space) -> None:
    graph = auto_tsnet.graph
    assert list(graph.successors("fusion.stage1.group1")) == ["sparse.stage1.group2"]
    assert list(graph.predecessors("fusion.stage1.group1")) == ["dense.stage1.group1"]
    assert list(graph.successors("sparse.stage4.group3")) == ["attention.sparse.stage4.group3"]


def test_several_pairs_of_streams_have_fusions_of_their_own() -> None:
    streams = "".join(
        f"  stream {name} {{\n    frames = {frames}\n    stage 0 {{\n      group conv3d(kernel = 1x3x3, channels = 8)\n"
        "      group conv3d(kernel = 1x3x3, channels = 8)\n    }\n  }\n"
        for name, frames in (("slow", 2), ("fast", 8), ("flow", 4))
    )
    fusions = "".join(
        f"  fusion {name} -> slow {{\n    after = stage[0].group[1]\n    op    = {{none, time_strided_conv}}\n  }}\n"
        for name in ("fast", "flow")
    )
    space = space_of(f"tsspace 1\nspace s {{\n  classes = 4\n  size = 8\n{streams}{fusions}}}\n")
    assert [slot.path for slot in space.fusions] == [
        "fusion.fast_to_slow.stage0.group1",
        "fusion.flow_to_slow.stage0.group1",
    ]


def sample() -> Architecture:
    space = space_of(NESTED)
    path = "attention.a.stage0.group1.op"
    return Architecture(
        space="s",
        fingerprint=space.fingerprint,
        decisions={"a.stage0.group1.kernel": "1x3x3", path: "glore", f"{path}.glore.nodes": 16},
    )


def test_a_complete_architecture_has_no_problems() -> None:
    assert problems(space_of(NESTED), sample()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a.stage0.group1.kernel": "5x5x5"}, "is not one of its choices (1x3x3, 3x3x3)"),
        ({"a.stage0.group1.kernel": None}, "decision a.stage0.group1.kernel is missing"),
        ({"attention.a.stage0.group1.op": "se"}, "does not exist under the other decisions"),
        ({"b.channels": 3}, "b.channels is not a decision"),
    ],
)
def test_problems_name_the_decision(changes: dict[str, object], message: str) -> None:
    merged = {**sample().decisions, **changes}
    decisions = {path: value for path, value in merged.items() if value is not None}
    found = problems(space_of(NESTED), sample().model_copy(update={"decisions": decisions}))
    assert any(message in problem for problem in found)


def test_canonical_decisions_take_the_values_of_the_space(auto_tsnet: tsdsl.Space) -> None:
    decisions = {d.path: d.values[0] for d in auto_tsnet.decisions}
    as_float = {path: float(v) if isinstance(v, int) else v for path, v in decisions.items()}
    result = canonical(auto_tsnet, as_float)
    assert {path: type(v) for path, v in result.items()} == {path: type(v) for path, v in decisions.items()}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"space": 1}', "\x00"])
def test_a_foreign_file_is_no_architecture(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"a\.json"):
        read_architecture(path)


def test_load_names_every_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.tsspace"
    path.write_text(AUTO.replace("frames = 32", "frames = 30").replace("classes = 400", "clases = 400"))
    with pytest.raises(SpaceError) as raised:
        tsdsl.load(path)
    assert {d.code for d in raised.value.diagnostics} >= {"TS105"}  # type: ignore[attr-defined]


def test_load_asks_which_space_of_several(tmp_path: Path) -> None:
    path = tmp_path / "two.tsspace"
    path.write_text(NESTED + NESTED.replace("tsspace 1", "").replace("space s", "space other"))
    assert tsdsl.load(path, "other").name == "other"
    with pytest.raises(UsageError, match="s, other"):
        tsdsl.load(path)


def test_shipped_spaces_load_by_name() -> None:
    assert tsdsl.load("std:auto_tsnet").name == "auto_tsnet"
    with pytest.raises(FileError, match="no such shipped space"):
        tsdsl.load("std:unknown")
