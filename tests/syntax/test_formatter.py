"""Formatting: canonical, idempotent, and never a change of meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.source import SourceFile
from tsdsl.syntax.formatter import format_text, formatted
from tsdsl.syntax.grammar.lexer import lex

ROOT = Path(__file__).parent.parent.parent
FILES = sorted([*(ROOT / "spaces").glob("*.tsspace"), *(ROOT / "tests" / "cases").glob("clean_*.tsspace")])

MESSY = """tsspace 1
space   x{classes=3   size=4
# hi
   stream  a {frames=1
stage 0{ group conv3d( kernel=1x3x3 ,channels={ 1,2 } )*2   # c


}
}
fusion a->b { after=stage [ 1 .. 4 ] . group [ * ] op={ none , time_strided_conv( kernel = 5x1x1 ) } merge=sum }
    step 1   "t"{
search=a
      target = 1.4    GFLOPs
}
}
"""
NEAT = """tsspace 1
space x { classes = 3  size = 4
  # hi
  stream a { frames = 1
    stage 0 { group conv3d(kernel = 1x3x3, channels = {1, 2}) * 2  # c
    }
  }
  fusion a -> b { after = stage[1..4].group[*]  op = {none, time_strided_conv(kernel = 5x1x1)}  merge = sum }
  step 1 "t" {
    search = a
    target = 1.4 GFLOPs
  }
}
"""


def test_layout_is_canonical() -> None:
    assert format_text(SourceFile("x", MESSY)) == NEAT


def test_equal_signs_of_consecutive_lines_are_aligned() -> None:
    text = "tsspace 1\nspace x {\n  classes = 3\n  size = 4\n\n  domain a = {1}\n  domain long = {2}\n}\n"
    lines = format_text(SourceFile("x", text)).splitlines()
    assert lines[2:4] == ["  classes = 3", "  size    = 4"]
    assert lines[5:7] == ["  domain a    = {1}", "  domain long = {2}"]


def test_an_empty_line_that_is_left_out_does_not_keep_equal_signs_apart() -> None:
    text = NEAT.replace(
        "group conv3d(kernel = 1x3x3, channels = {1, 2})",
        "group conv3d(\n\n kernel = 1x3x3,\n\n act = relu,\nchannels = 8)",
    )
    text = text.replace(
        "conv3d(\n\n kernel = 1x3x3,", "conv3d(kernel =\n1x3x3\n, stride = 2, frame_stride = 1) group mb(\n\nt =\n3,"
    )
    once = format_text(SourceFile("x", text))
    assert format_text(SourceFile("x", once)) == once


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_formatting_is_idempotent_and_keeps_every_token(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    once = format_text(SourceFile("x", text))
    assert format_text(SourceFile("x", once)) == once
    assert [t[:2] for t in lex(once) if t.type != "WS"] == [t[:2] for t in lex(text) if t.type != "WS"]


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name == "spaces"], ids=lambda path: path.stem)
def test_shipped_spaces_are_canonical(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(SourceFile("x", text)) == text


def test_carriage_returns_become_newlines_and_mean_the_same() -> None:
    assert format_text(SourceFile("x", NEAT.replace("\n", "\r\n"))) == NEAT


def test_a_file_keeps_the_line_ends_that_most_of_its_lines_have() -> None:
    windows = NEAT.replace("\n", "\r\n")
    assert formatted(SourceFile("x", windows)) == windows
    assert formatted(SourceFile("x", windows.replace("\r\n", "\n", 1))) == windows
    assert formatted(SourceFile("x", NEAT.replace("\n", "\r\n", 1))) == NEAT


def test_a_text_with_syntax_errors_is_not_formatted() -> None:
    with pytest.raises(ValueError, match="syntax errors"):
        format_text(SourceFile("x", "tsspace 1 space {"))
