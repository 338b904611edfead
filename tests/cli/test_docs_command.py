"""`tsdsl docs` lists the pages of the documentation and prints them."""

from __future__ import annotations

from pathlib import Path

import pytest

import tsdsl
from tsdsl.cli.main import run

DOCS = Path(tsdsl.__file__).parent / "docs"


def test_the_list_has_every_page_but_those_of_codes_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == {page.stem for page in DOCS.rglob("*.md") if page.parent.name != "codes"}
    assert listed["data"] == "Data"
    assert listed["language"] == "The `.tsspace` language, version 1"


@pytest.mark.parametrize("page", ["data", "guides/latency", "decisions/0002-step-2-size"])
def test_a_page_is_printed_as_it_is_where_the_output_is_no_terminal(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["docs", Path(page).name]) == 0
    assert capsys.readouterr().out == (DOCS / f"{page}.md").read_text(encoding="utf-8")


def test_a_terminal_gets_the_page_laid_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run(["docs", "glossary"]) == 0
    shown = capsys.readouterr().out
    assert "natural logarithms" in shown
    assert "**entropy, nat**" not in shown


def test_an_unknown_page_names_a_similar_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", "langage"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert "unknown page langage" in message
    assert "did you mean `language`?" in message
