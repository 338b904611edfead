"""The table of likely mistakes: each entry matches its example, and one mistake is one or two errors at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.check.apply_fixes import apply_fixes
from tsdsl.check.check import check
from tsdsl.source import SourceFile
from tsdsl.syntax.grammar.lexer import lex_meaning
from tsdsl.syntax.parser import parse
from tsdsl.syntax.recovery.driver import joined_runs
from tsdsl.syntax.recovery.match import Window
from tsdsl.syntax.recovery.mistake import Mistake
from tsdsl.syntax.recovery.mistakes import mistakes

FOLDER = Path(__file__).parent / "one_line_mistakes"
RIGHT = (FOLDER / "right.tsspace").read_text(encoding="utf-8")
WRONG = [line.split(" => ", 1) for line in (FOLDER / "wrong.txt").read_text(encoding="utf-8").splitlines()]


def errors(source: SourceFile) -> list[int]:
    """The line of each error of a text."""
    found = check(source).diagnostics
    return [source.position(d.span.start).line for d in found if d.severity == "error"]


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.wrong)
def test_an_entry_matches_its_example(mistake: Mistake) -> None:
    text = f"{mistake.wrong}\n}}\n"
    tokens = joined_runs(text, lex_meaning(text))
    found = [found for n in range(len(tokens)) for found in Window(text, tokens, n).matches(mistake.pattern)]
    assert found
    assert mistake.right != mistake.wrong


def test_the_text_without_mistakes_is_right() -> None:
    assert check(SourceFile("right", RIGHT)).diagnostics == ()


@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_a_mistake_of_one_line_is_one_or_two_errors_there_and_fixes_leave_fewer(right: str, wrong: str) -> None:
    assert RIGHT.count(right) == 1
    source = SourceFile("wrong", RIGHT.replace(right, wrong))
    line = source.position(RIGHT.index(right)).line
    found = errors(source)
    separators = sum(wrong.count(sign) > 1 for sign in (":", ",")) + 1
    assert 1 <= len(found) <= max(2, separators + 1)
    assert all(line <= one <= line + 2 for one in found)
    fixed = apply_fixes(source)
    left = sum(d.severity == "error" for d in fixed.left)
    assert left < len(found) if fixed.made else left == len(found)


def test_several_mistakes_in_one_statement_are_all_reported() -> None:
    text = "tsspace 1\nspace s {\n  stream a {\n    stage1 { group mb[channels = (8,16)] }\n  }\n}\n"
    found = parse(SourceFile("x", text)).diagnostics
    assert [text[d.span.start : d.span.end] for d in found] == ["stage1", "mb[channels = (8,16)]", "(8,16)"]
    assert all(fix.applicability == "safe" for d in found for fix in d.fixes)


def test_a_token_is_never_shown_as_python_writes_it() -> None:
    text = "tsspace 1\nspace s {\n  classes = 10\n  )\n}\n"
    (found,) = parse(SourceFile("x", text)).diagnostics
    assert [fix.title for fix in found.fixes] == ["remove `)`"]


@pytest.mark.parametrize(
    ("text", "token"),
    [("classes: 10\nstreams:\n  - name: slow\n", "classes"), ("from x import y\nspace = y()\n", "from")],
)
def test_a_file_of_another_language_is_one_error(text: str, token: str) -> None:
    (found,) = parse(SourceFile("x", text)).diagnostics
    assert found.message == f"this is not a tsspace file: expected `tsspace 1`, got `{token}`"
