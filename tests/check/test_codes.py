"""Every diagnostic code has a page whose examples do what it says, and `tsdsl explain` prints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console

import tsdsl
import tsdsl.cli.explain
from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.diagnostics import CODES, Diagnostic
from tsdsl.source import SourceFile
from tsdsl.syntax.formatter import format_text

PAGES = Path(tsdsl.__file__).parent / "docs" / "codes"
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def diagnostics(text: str) -> tuple[Diagnostic, ...]:
    return tuple(check(SourceFile("example.tsspace", text)).diagnostics)


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(path.name for path in PAGES.iterdir()) == sorted(f"{code}.md" for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_is_titled_as_the_registry_says_and_short(code: str) -> None:
    lines = page(code).splitlines()
    assert lines[0] == f"# {code}: {CODES[code].title}"
    assert 15 <= len(lines) <= 40


@pytest.mark.parametrize("code", CODES)
def test_the_failing_example_gives_that_code_alone_and_the_fixed_one_is_clean(code: str) -> None:
    (failing_mark, failing), (fixed_mark, fixed) = FENCE.findall(page(code))
    assert failing_mark == f"tsspace {CODES[code].severity} {code}"
    assert [diagnostic.code for diagnostic in diagnostics(failing)] == [code]
    assert fixed_mark == "tsspace"
    assert diagnostics(fixed) == ()
    assert format_text(SourceFile("example.tsspace", fixed)) == fixed


def test_explain_prints_the_page_as_it_is_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "TS302"]) == 0
    assert capsys.readouterr().out == page("TS302")
    assert run(["explain", "ts302"]) == 0
    assert capsys.readouterr().out == page("TS302")


def test_explain_lays_the_page_out_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Console(force_terminal=True, color_system=None, width=100, highlight=False)
    monkeypatch.setattr(tsdsl.cli.explain, "facts", lambda: terminal)
    assert run(["explain", "TS302"]) == 0
    shown = capsys.readouterr().out
    assert "```" not in shown
    assert "**Why" not in shown
    assert "TS302: different sizes where streams are fused" in shown
    assert "stage 0 { group conv(stride = 2) }" in shown


def test_explain_without_a_code_lists_all_with_severity_and_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=2) for line in lines] == [[c.code, c.severity, c.title] for c in CODES.values()]


def test_an_unknown_code_is_a_usage_error_that_names_similar_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "TS399"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "unknown diagnostic code TS399" in captured.err
    assert "did you mean `TS309`?" in captured.err


@pytest.mark.parametrize("code", ["nonsense", "", "../language"])
def test_what_resembles_no_code_is_referred_to_the_list(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code]) == 2
    assert "`tsdsl explain` lists all codes" in capsys.readouterr().err
