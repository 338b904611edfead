"""Groups that were resolved before: spaces, places and diagnostics are those of a text that is resolved in full."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

import pytest

from support.printed import printed
from support.random_derivations import in_two_files, valid_derivation
from support.random_edits import edited
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.parts import DecisionRef, Group
from tsdsl.space.resolve import Read, Resolved, resolve
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import MOST_DOMAINS_DEEP
from tsdsl.space.resolve.parts.selectors import all_selected, selectors, selects
from tsdsl.syntax import ast, parser, remembered
from tsdsl.syntax.parser import parse

SPACES = Path(__file__).parent.parent.parent / "spaces"
DECLARED = """tsspace 1
domain inner = {8, 16}
domain widths = {inner, 24}
block mb = mbconv3d(t = {1, 3}, k = 3, expansion = 2)
space s {
  classes = 4
  size = 16
  shared width = {8, 16}
  block wide = conv3d(kernel = {1x1x1, 1x3x3}, channels = widths)
  stream a {
    frames = 4
    stage 0 {
      group wide()
      group mb(channels = widths) * 2
      group mb(channels = width)
      group mb(channels = {8, 16}, stride = 2, t = 1)
      group mb(channels = {8, 16})
    }
  }
  step 1 { search = a }
}
space t from s {
  fix a.stage[0].group[2].t = 1
  free group[5].channels = {8, 24}
}
"""


def resolved_in_full(source: SourceFile, read: Read) -> Resolved:
    """What is resolved where no group is remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser._Driver, "undisturbed", lambda driver: None)
        patch.setattr(remembered, "group_text", lambda text: None)
        return resolve(source, read)


def agrees(source: SourceFile, read: Read = read_source) -> Resolved:
    found, reference = resolve(source, read), resolved_in_full(source, read)
    assert found.diagnostics == reference.diagnostics
    assert found.file == reference.file
    assert [repr(one.space) for one in found.spaces] == [repr(one.space) for one in reference.spaces]
    assert [list(one.origins.items()) for one in found.spaces] == [list(r.origins.items()) for r in reference.spaces]
    assert [len(one.origins) for one in found.spaces] == [len(one.origins) for one in reference.spaces]
    return found


def groups_of(resolved: Resolved, space: int = 0) -> dict[str, Group]:
    return {group.path: group for stream in resolved.spaces[space].space.streams for group in stream.groups}


@pytest.mark.parametrize("seed", range(30))
def test_a_text_that_is_edited_again_and_again_is_resolved_as_one_that_was_never_seen(seed: int) -> None:
    draw = Random(seed)
    shipped = sorted(SPACES.glob("*.tsspace"))
    right = DECLARED if seed % 3 == 0 else printed(valid_derivation(draw))
    if seed < len(shipped):
        right = shipped[seed].read_text(encoding="utf-8")
    assert agrees(SourceFile("edited.tsspace", right)).spaces
    text = right
    for _ in range(14):
        text = edited(draw, text)
        if not agrees(SourceFile("edited.tsspace", text)).spaces and draw.random() < 0.6:
            text = right


@pytest.mark.parametrize("seed", range(8))
def test_groups_of_a_file_that_is_imported_are_placed_in_it(seed: int) -> None:
    draw = Random(seed)
    importing, base = map(printed, in_two_files(valid_derivation(draw)))
    for _ in range(6):
        agrees(SourceFile("importing.tsspace", edited(draw, importing)), partial(SourceFile, text=base))
        changed = edited(draw, base)
        agrees(SourceFile("importing.tsspace", importing), partial(SourceFile, text=changed))
    found = agrees(SourceFile("importing.tsspace", importing), partial(SourceFile, text=base))
    sources = {span.source.name for span in found.spaces[0].origins.values() if span.source is not None}
    assert len(sources) == 1


def test_a_group_is_the_same_object_until_its_text_its_place_or_what_it_names_changes() -> None:
    before = groups_of(agrees(SourceFile("x", DECLARED)))
    moved = groups_of(agrees(SourceFile("x", DECLARED.replace("tsspace 1", "tsspace 1\n# one more line"))))
    assert [path for path in before if moved[path] is not before[path]] == []
    other = groups_of(agrees(SourceFile("x", DECLARED.replace("widths) * 2", "widths) * 3"))))
    assert [path for path in before if other[path] is not before[path]] == ["a.stage0.group2"]
    wider = groups_of(agrees(SourceFile("x", DECLARED.replace("inner = {8, 16}", "inner = {8, 32}"))))
    assert [path for path in before if wider[path] == before[path]] == [f"a.stage0.group{n}" for n in (1, 2, 3, 4, 5)]
    larger = groups_of(agrees(SourceFile("x", DECLARED.replace("t = {1, 3}", "t = 3"))))
    changed = [path for path in before if larger[path] is not before[path]]
    assert changed == [f"a.stage0.group{n}" for n in (2, 3, 4, 5)]


SHARED = """tsspace 1
space s {
  classes = 4
  size = 16
  shared width = {8, 16}
  shared size_of_kernel = {3, 5}
  shared single = {8}
  block mb = mbconv3d(t = {1, 3}, k = size_of_kernel, expansion = {1, 2}, channels = width)
  stream a {
    frames = 4
    stage 0 {
      group mb(t = size_of_kernel)
      group mb(channels = single)
      group mb() * 2
      group mb(channels = single, stride = 2)
      group conv3d(kernel = 1x3x3, channels = width)
    }
  }
  attention a { after = stage[0].group[2]  op = {none, glore(nodes = width)} }
  step 1 { search = a, attention }
}
space t from s {
}
"""


@pytest.mark.parametrize(
    "change",
    [
        ("space t from s {", "space t from s { fix shared.width = 8"),
        ("space t from s {", "space t from s { free shared.width = {8, 24}"),
        ("space t from s {", "space t from s { shared width = {16, 24, 32}"),
        ("space t from s {", "space t from s { fix a.stage[0].group[3].channels = 8"),
        ("space t from s {", "space t from s { free a.stage[0].group[3].channels = size_of_kernel"),
        ("space t from s {", "space t from s { fix group[1].k = 3 fix group[2].k = 5"),
        ("search = a", "search = a.stage[0].group[5]"),
        ("group mb()", "group mb(expansion = width)"),
        ("t = {1, 3}", "t = width"),
        ("shared width = {8, 16}", "shared width = {8, 16.5}"),
        ("shared width = {8, 16}", "domain width = {8, 16}"),
        ("shared single = {8}", "shared single = width"),
        ("shared single = {8}", "shared single = 8"),
        ("shared single = {8}", ""),
        ("group conv3d(kernel = 1x3x3", "group conv3d(kernel = width"),
        ("stride = 2", "stride = width"),
        ("stride = 2", "stride = single"),
    ],
)
def test_shared_decisions_are_shared_by_groups_that_are_remembered(change: tuple[str, str]) -> None:
    assert len(agrees(SourceFile("x", SHARED)).spaces) == 2
    agrees(SourceFile("x", SHARED.replace(*change)))
    draw = Random(0)
    for _ in range(6):
        agrees(SourceFile("x", edited(draw, SHARED.replace(*change))))
    found = agrees(SourceFile("x", SHARED))
    assert groups_of(found)["a.stage0.group3"].attributes["channels"] == DecisionRef(decision="shared.width")


def test_what_a_group_names_may_be_declared_anew_in_each_space() -> None:
    text = DECLARED.replace("from s {", "from s {\n  block mb = conv3d(kernel = 3x1x1, stride = 2)")
    text = text.replace("  fix a.stage[0].group[2].t = 1\n", "")
    found = agrees(SourceFile("x", text.replace(", t = 1)", ")")))
    assert groups_of(found, 0)["a.stage0.group2"].operator == "mbconv3d"
    assert groups_of(found, 1)["a.stage0.group2"].operator == "conv3d"


@pytest.mark.parametrize("deep", [MOST_DOMAINS_DEEP - 1, MOST_DOMAINS_DEEP, MOST_DOMAINS_DEEP + 20])
def test_domains_made_of_one_another_mean_the_same_whichever_is_asked_for_first(deep: int) -> None:
    chain = "\n".join(f"domain d{n} = d{n + 1}" for n in range(deep)) + f"\ndomain d{deep} = {{8, 16}}\n"
    groups = "\n".join(f"group mb(channels = d{n})" for n in (deep - 1, deep // 2, 0, deep))
    text = DECLARED.replace("domain inner", f"{chain}domain inner").replace("group wide()", groups)
    agrees(SourceFile("x", text))
    agrees(SourceFile("x", text.replace("size = 16", chain.replace("domain", "  domain"))))


def test_a_group_that_lacks_an_attribute_is_told_at_its_block_where_no_group_has_it() -> None:
    text = DECLARED.partition("space t")[0].replace(", expansion = 2)", ")")
    (told,) = agrees(SourceFile("x", text)).diagnostics
    assert "nor any of its 4 groups" in told.message
    some = agrees(SourceFile("x", text.replace("stride = 2, t = 1", "expansion = 2")))
    assert [d.code for d in some.diagnostics] == ["TS106"] * 3


@pytest.mark.parametrize("seed", range(20))
def test_all_that_a_selector_matches_is_what_it_matches_one_by_one(seed: int) -> None:
    draw = Random(seed)
    words = ["a", "b", "stage", "group", "stage[1]", "group[2]", "stage[1..2]", "group[*]", "t", "op", "shared"]
    names = ["a", "b", "stage1", "stage2", "group1", "group2", "group30", "t", "op", "shared", "stage", "group"]
    paths = [".".join(draw.choices(names, k=draw.randint(1, 5))) for _ in range(200)]
    for _ in range(40):
        written = ".".join(draw.choices([*words, "stage1", "group2"], k=draw.randint(1, 3)))
        source = SourceFile("x", f"tsspace 1 space s {{ x = {written} }}")
        attribute = parse(source).file.spaces[0].items[0]
        if not isinstance(attribute, ast.Attribute):
            continue
        for selector in selectors(Context(source), attribute.value, "x") or ():
            assert list(all_selected(selector, paths)) == [path for path in paths if selects(selector, path)]
