"""Mending: safe fixes alone, suggested ones on request, and never a text that is worse."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tsdsl.check.apply_fixes import apply_fixes, wrong
from tsdsl.check.check import check
from tsdsl.diagnostics import Diagnostic
from tsdsl.diagnostics.fix import edited
from tsdsl.source import SourceFile

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*.tsspace"))
TINY = (Path(__file__).parent.parent.parent / "spaces" / "tiny.tsspace").read_text(encoding="utf-8")


def source_of(path: Path) -> SourceFile:
    return SourceFile(path.name, path.read_text(encoding="utf-8"))


@cache
def diagnostics(name: str, text: str) -> tuple[Diagnostic, ...]:
    """What `check` reports of a text; once, as tests ask several times."""
    return tuple(check(SourceFile(name, text)).diagnostics)


@pytest.mark.parametrize("path", [p for p in CASES if p.stem.startswith("TS")], ids=lambda path: path.stem)
def test_every_safe_fix_of_a_case_removes_what_it_is_of(path: Path) -> None:
    source = source_of(path)
    before = diagnostics(path.name, source.text)
    for diagnostic, fix in ((d, fix) for d in before for fix in d.fixes):
        after = diagnostics(path.name, edited(source.text, fix.edits))
        if fix.applicability == "safe":
            assert wrong(after) < wrong(before), (diagnostic.message, fix)
        else:
            assert after != before, (diagnostic.message, fix)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("suggested", [False, True])
def test_mending_is_never_worse_and_has_an_end(path: Path, suggested: bool) -> None:
    source = source_of(path)
    fixed = apply_fixes(source, suggested=suggested)
    assert wrong(fixed.left) <= wrong(diagnostics(path.name, source.text))
    assert fixed.left == diagnostics(path.name, fixed.source.text)
    if fixed.made:
        assert apply_fixes(fixed.source, suggested=suggested).source.text == fixed.source.text
    assert bool(fixed.made) == (fixed.source.text != source.text)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("classes = 48", "clases = 48"),
        ("classes = 48", 'classes = "48"'),
        ("classes = 48", "classes: 48"),
        ("classes = 48", "classes = = 48"),
        ("classes = 48", "classes 48"),
        ("temporal  = {1, 3}", "temporal  = {1, 3, 1}"),
        ("temporal  = {1, 3}", "temporal  = {1 3}"),
        ("mb(channels = {16, 24}, stride = 2)", "mb(channels = {16, 24}, stride = 2"),
        ("32 .. 48 by 8, stride", "48 .. 32 by 8, stride"),
        ("tsspace 1\n\n#", "\n#"),
        ("time_to_channel}", "time_to_channels}"),
        ("time_to_channel}", "time_to_channel, none}"),
        ("merge = concat", "merge = conkat"),
        ('"attention"', '"attention'),
        ("search = sparse", "search = sparze"),
        ("# Many frames", "// Many frames"),
    ],
)
def test_a_mistake_with_one_reading_is_fixed(right: str, wrong: str) -> None:
    assert right in TINY
    fixed = apply_fixes(SourceFile("x", TINY.replace(right, wrong, 1)))
    assert fixed.left == ()
    assert fixed.source.text.split() == TINY.split() or right.startswith(("tsspace", '"'))


@pytest.mark.parametrize(
    ("right", "wrong", "titles"),
    [
        ("32 .. 48 by 8, stride", "32 .. 50 by 8, stride", ["end at 48", "end at 56"]),
        ("32 .. 48 by 8, stride", "32 .. 55 by 8, stride", ["end at 56", "end at 48"]),
        ("kernel = 1x5x5", "kernel = 1x4x4", ["change to 1x3x3", "change to 1x5x5"]),
        ("target = 8 MFLOPs", "target = 8", ["write GFLOPs", "write MFLOPs"]),
        ("frames = 16", "frames = {16, 32}", ["keep 16", "keep 32"]),
    ],
)
def test_a_mistake_with_several_readings_waits_for_its_reader(right: str, wrong: str, titles: list[str]) -> None:
    assert right in TINY
    source = SourceFile("x", TINY.replace(right, wrong, 1))
    fixed = apply_fixes(source)
    assert fixed.source.text == source.text
    assert [[fix.title for fix in d.fixes] for d in fixed.left][:1] == [titles]
    assert apply_fixes(source, suggested=True).source.text != source.text


def test_a_fix_that_brings_to_light_as_much_as_it_removes_is_taken_back() -> None:
    source = SourceFile("x", TINY.replace("frames = 16", "frames = 0", 1))
    assert check(source).diagnostics[0].fixes[0].title == "change to 1"
    assert apply_fixes(source, suggested=True).source.text == source.text


def test_fixes_that_collide_are_made_in_turn() -> None:
    text = TINY.replace("classes = 48", "clases = = 48").replace("temporal  = {1, 3}", "temporal = {1, 3, 1, 3}")
    fixed = apply_fixes(SourceFile("x", text))
    assert fixed.left == ()
    assert "{1, 3}" in fixed.source.text


def test_nothing_that_seems_unused_is_removed_while_something_else_is_wrong() -> None:
    text = TINY.replace("group mb(", "group zz(")
    assert "block mb" in apply_fixes(SourceFile("x", text), suggested=True).source.text


def test_a_name_that_is_reserved_now_is_renamed_wherever_it_is_used() -> None:
    word = "channels = each, stride = 1) * {1, 2} each"
    old = f"""tsspace 1
space s {{
  classes = 4
  size    = 32
  domain each = {{1, 3}}
  domain each_ = {{8, 16}}
  stream one {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = each_, stride = 2)
      group mbconv3d(t = each, k = 3, expansion = {{2, each}}, {word}
    }}
  }}
}}
"""
    (found,) = check(SourceFile("x", old)).diagnostics
    assert (found.code, found.message) == ("TS002", "`each` is a reserved word now and cannot be a name")
    fixed = apply_fixes(SourceFile("x", old)).source
    renamed = (
        old.replace("domain each ", "domain each__ ").replace("= each,", "= each__,").replace(", each}", ", each__}")
    )
    assert fixed.text == renamed
    assert check(fixed).diagnostics == ()


def test_a_stream_or_shared_decision_of_a_reserved_name_is_renamed_only_on_request() -> None:
    right = TINY.replace('"sparse stream"', '"one stream"')
    old = right.replace("sparse", "or")
    assert apply_fixes(SourceFile("x", old)).source.text == old
    fixed = apply_fixes(SourceFile("x", old), suggested=True).source
    assert fixed.text == right.replace("sparse", "or_")
