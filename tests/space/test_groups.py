"""Groups of a space: the names they use, what they lack, and the selectors that match them."""

from __future__ import annotations

from random import Random

import pytest

from tsdsl.source import SourceFile
from tsdsl.space.parts import Group
from tsdsl.space.resolve import Resolved, resolve
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selection.selectors import all_selected, selectors, selects
from tsdsl.syntax import ast
from tsdsl.syntax.parser import parse

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


def groups_of(resolved: Resolved, space: int = 0) -> dict[str, Group]:
    return {group.path: group for stream in resolved.spaces[space].space.streams for group in stream.groups}


def test_what_a_group_names_may_be_declared_anew_in_each_space() -> None:
    text = DECLARED.replace("from s {", "from s {\n  block mb = conv3d(kernel = 3x1x1, stride = 2)")
    text = text.replace("  fix a.stage[0].group[2].t = 1\n", "")
    found = resolve(SourceFile("x", text.replace(", t = 1)", ")")))
    assert groups_of(found, 0)["a.stage0.group2"].operator == "mbconv3d"
    assert groups_of(found, 1)["a.stage0.group2"].operator == "conv3d"


def test_a_group_that_lacks_an_attribute_is_told_at_its_block_where_no_group_has_it() -> None:
    text = DECLARED.partition("space t")[0].replace(", expansion = 2)", ")")
    (told,) = resolve(SourceFile("x", text)).diagnostics
    assert "nor in any of its 4 groups" in told.message
    some = resolve(SourceFile("x", text.replace("stride = 2, t = 1", "expansion = 2")))
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
