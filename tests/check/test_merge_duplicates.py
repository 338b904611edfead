"""What one text causes at several places, or in several spaces, is told once, where it is written."""

from __future__ import annotations

import pytest

from tsdsl.check.check import check
from tsdsl.check.merge_duplicates import item_of
from tsdsl.source import SourceFile, Span

SPACE = """tsspace 1
space base {
  classes = 5
  size = 32
  stream one {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = 8, stride = 2)
      group conv3d(kernel = 1x3x3, channels = 8)
    }
  }
  attention one {
    after = stage[0]
    op = {none, se(ratio = {0.125, 0.0625})}
  }
  step 1 "all" { search = one, attention  target = 9 GFLOPs }
}
space derived from base {
  size = 40
}
"""


def test_a_text_at_several_places_and_in_a_derived_space_is_one_diagnostic() -> None:
    found = check(SourceFile("x.tsspace", SPACE)).diagnostics
    assert sorted(d.code for d in found) == ["TS405", "TS410"]
    (idle,) = (d for d in found if d.code == "TS410")
    assert "group1" in idle.message
    assert idle.notes == ("the same text causes this at `attention.one.stage0.group2`",)


def test_what_only_a_derived_space_has_is_told_there() -> None:
    text = SPACE.replace("target = 9 GFLOPs", "target = 200 KFLOPs").replace("size = 40", "size = 12")
    found = {d.code: d for d in check(SourceFile("x.tsspace", text)).diagnostics}
    assert text[found["TS405"].span.start : found["TS405"].span.end] == "derived"


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        ("{8, 16, 24}", 16, "16"),
        ("{ 0.50 , 1 }", 0.5, "0.50"),
        ("{none, glore(nodes = {8, 16}), se}", "glore", "glore(nodes = {8, 16})"),
        ("{none, glore(nodes = {8, 16}), se}", "se", "se"),
        ("{1x3x3, 3x3x3,}", "3x3x3", "3x3x3"),
        ("{8 .. 24 by 8, 32}", 8, "{8 .. 24 by 8, 32}"),
        ("{wide, 32}", 8, "{wide, 32}"),
        ("8 .. 24 by 8", 8, "8 .. 24 by 8"),
    ],
)
def test_the_item_of_a_choice_that_a_value_is(written: str, value: int | float | str, expected: str) -> None:
    text = f"x = {written}"
    span = item_of(text, Span(4, len(text)), value)
    assert text[span.start : span.end] == expected
