"""A space that comes back from JSON obeys what the language enforces, and is otherwise refused with the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import tsdsl
from support.printed import printed
from support.random_derivations import valid_derivation
from support.random_spaces import valid_space
from tsdsl.artifacts.locate import read_space
from tsdsl.check.check import check
from tsdsl.check.stored import space_from_dict
from tsdsl.errors import FileError
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source, shipped_names
from tsdsl.space.model import Space

TEXT = """tsspace 1
space small {
  classes = 4
  size = 16
  shared width = {4, 8}
  stream slow {
    frames = 2
    stage 0 { group conv3d(kernel = {1x3x3, 3x3x3}, channels = width, stride = 2) }
    stage 1 { group mbconv3d(t = 3, k = 3, expansion = {1, 2.5}, channels = {4, 8}) * 2 }
  }
  stream fast {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }
    stage 1 { group conv3d(kernel = 1x3x3, channels = width) }
  }
  fusion fast -> slow { after = stage[0].group[1]  op = {none, time_strided_conv(ratio = {1, 2})} }
  attention slow { after = stage[1].group[1]  op = {none, se} }
  head { features = 16  dropout = 0.5 }
  step 1 "first" { search = slow  target = 1 MFLOPs }
  step 2 "then" { search = fast, fusion, attention }
  model M { size = 20  depth = 1.5x  without = attention }
  require params <= 160.5 Kparams
  require flops <= 1.25 * slow.flops + 3e12 FLOPs
  require slow.stage[0].group[1].kernel != 3x3x3
}
"""


def spaces_of(text: str) -> list[Space]:
    checked = check(SourceFile("a.tsspace", text))
    assert not [d for d in checked.diagnostics if d.severity == "error"]
    return [resolved.space for resolved in checked.spaces]


def again(space: Space) -> Space:
    return space_from_dict(json.loads(json.dumps(space.to_dict())))


def same(space: Space, other: Space) -> bool:
    """Whether they are the same to the type of each number, which `==` is not strict about."""
    return json.dumps(space.to_dict()) == json.dumps(other.to_dict())


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_space_comes_back_as_it_was(name: str) -> None:
    for resolved in check(read_source(f"std:{name}")).spaces:
        assert same(again(resolved.space), resolved.space)


def test_shared_decisions_steps_models_and_constraints_come_back_as_they_were() -> None:
    (space,) = spaces_of(TEXT)
    assert same(again(space), space)


def test_a_derived_space_whose_steps_no_text_has_comes_back_as_it_was() -> None:
    derived = """space other from small {
      fix slow.stage[0].group[1].kernel = 1x3x3
      free slow.stage[1].group[1].channels = {8, 16}
      step 3 "late" { search = slow.stage[1].group[1].expansion }
    }
    """
    text = TEXT.replace("  require slow.stage[0].group[1].kernel != 3x3x3\n", "")
    _, space = spaces_of(text + derived)
    assert same(again(space), space)


@pytest.mark.parametrize("draw", [valid_space, valid_derivation])
def test_random_spaces_come_back_as_they_were(draw: Callable[[Random], Any]) -> None:
    for seed in range(20):
        for space in spaces_of(printed(draw(Random(seed)))):
            assert same(again(space), space), seed


@pytest.mark.nightly
def test_two_hundred_random_spaces_come_back_as_they_were() -> None:
    for seed in range(20, 155):
        draw = valid_derivation if seed % 2 else valid_space
        for space in spaces_of(printed(draw(Random(seed)))):
            assert same(again(space), space), seed


SLOW = ("streams", 0, "stages", 0, "groups", 0)
CODE = '__import__("os").system("true")'


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("name",), "a b", r'name: "a b" is not a name of the language'),
        (("name",), "stream", r"name: `stream` is a keyword and cannot be a name"),
        (("name",), "a\nimport", r"name: .* is not a name of the language"),
        (("name",), 1, r"name: Input should be a valid string"),
        (("classes",), 4.0, r"classes: Input should be a valid integer"),
        (("classes",), True, r"classes: Input should be a valid integer"),
        (("classes",), 1, r"classes: `classes` must be between 2 and 1000000, got 1"),
        (("size",), 10**39, r"size: this number is too large"),
        (("streams",), [], r"space `small` has no streams"),
        (("streams", 0, "name"), CODE, r"streams.0.name: .* is not a name of the language"),
        (("streams", 0, "name"), "fast", r"stream `fast` is given twice"),
        (("streams", 0, "frames"), 3, r"frames"),
        ((*SLOW, "path"), "slow.stage0.group2", r'streams.0.stages.0.groups.0.path: expected "slow.stage0.group1"'),
        ((*SLOW, "stage"), 1, r"streams.0.stages.0.groups.0.stage: expected 0, got 1"),
        ((*SLOW, "operator"), "conv4d", r"streams.0.stages.0.groups.0: .*conv4d"),
        ((*SLOW, "repeat"), 2, r"streams.0.stages.0.groups.0.repeat: expected 1, got 2"),
        ((*SLOW, "attributes", "stride"), "x", r"streams.0.stages.0.groups.0: unknown domain `x`"),
        ((*SLOW, "attributes", "stride"), 2.0, r"attributes.stride: expected 2, got 2.0"),
        ((*SLOW, "attributes", "stride"), True, r"streams.0.stages.0.groups.0: "),
        ((*SLOW, "attributes", "stride"), 9, r"`stride` must be between 1 and 8, got 9"),
        ((*SLOW, "attributes", "strid"), 1, r"streams.0.stages.0.groups.0: .*no attribute `strid`"),
        ((*SLOW, "attributes", "kernel"), {"decision": "nowhere.op"}, r"streams.0.stages.0.groups.0: "),
        ((*SLOW, "attributes", "kernel"), "2x3x3", r"streams.0.stages.0.groups.0: "),
        (("streams", 0, "stages", 0, "index"), 1, r"stage 1 .*twice"),
        (("fusions", 0, "path"), "fusion.stage1.group1", r'fusions.0.path: expected "fusion.stage0.group1"'),
        (("fusions", 0, "source"), "nobody", r"fusions.0: .*nobody"),
        (("fusions", 0, "stage"), 1, r"fusions.0: "),
        (("fusions", 0, "merge"), "mul", r"fusions.0.merge.*: Input should be 'concat' or 'sum'"),
        (("attentions", 0, "alternatives", 1, "operator"), "none", r"attentions.0: `op` lists `none` twice"),
        (("head", "attributes", "dropout"), "1x3x3", r"head: "),
        (("decisions", 1, "values"), [1], r"groups.0: `kernel` must be a kernel size"),
        (("decisions", 1, "path"), "a.b", r"decisions|streams"),
        (("decisions", 0, "values"), [8, 8], r"lists 8 twice"),
        (("steps", 0, "index"), 0, r"steps.0.index: expected a number from 1 to 999, got 0"),
        (("steps", 1, "index"), 1, r"steps.1.index: expected a number from 2 to 999, got 1"),
        (("steps", 0, "title"), 'a "b"', r"steps.0.title: "),
        (("steps", 0, "epochs"), 0, r"steps.0.epochs: "),
        (("steps", 0, "target_macs"), -1, r"steps.0.target_macs: "),
        (("steps", 0, "decisions"), ["x"], r"steps.0.decisions: "),
        (("steps", 0, "names"), ["fast"], r"steps.0.names: expected slow"),
        (("steps", 0, "names"), ["slow", "fusion.stage0.group1"], r"fusion.stage0.group1 comes before fast"),
        (("models", 0, "depth"), -1.0, r"models.0: "),
        (("models", 0, "without"), ["nothing"], r"models.0: "),
        (("models", 0, "frames"), 3, r"models.0: "),
        (("requires", 0, "bound"), 1.5, r"requires.0"),
        (("requires", 1, "terms", 0, "of", "quantity"), "params", r"requires.1: "),
        (("requires", 2, "right"), "9x9x9", r"requires.2: `9x9x9` is not among the values of"),
        (("unknown",), 1, r"unknown: Unexpected keyword argument"),
    ],
)
def test_what_the_language_cannot_say_is_refused_with_its_place(
    tmp_path: Path, place: tuple[str | int, ...], value: object, fault: str
) -> None:
    (space,) = spaces_of(TEXT)
    data: Any = json.loads(json.dumps(space.to_dict()))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "space.json"
    path.write_text(json.dumps(data))
    with pytest.raises(FileError, match=f"^{path}: is not a compiled space of this version .*({fault})"):
        read_space(path)


def test_a_message_does_not_repeat_a_name_of_any_length(tmp_path: Path) -> None:
    (space,) = spaces_of(TEXT)
    data: Any = json.loads(json.dumps(space.to_dict()))
    data["streams"][0]["stages"][0]["groups"][0]["attributes"]["stride"] = "a" * 3000
    path = tmp_path / "space.json"
    path.write_text(json.dumps(data))
    with pytest.raises(FileError) as caught:
        read_space(path)
    assert 200 < len(caught.value.message) - len(str(path)) < 400


@pytest.mark.parametrize("value", [True, 4.0, "4", 5])
def test_the_value_of_a_decision_is_of_its_type(value: object) -> None:
    (space,) = spaces_of(TEXT)
    architecture = next(tsdsl.Space.of(space).sample())
    path = "slow.stage1.group1.channels"
    wrong = architecture.model_copy(update={"decisions": {**architecture.decisions, path: value}})
    assert any(path in problem for problem in tsdsl.space.architecture.problems(space, wrong))
