"""Every case file: the diagnostics of `cases/NAME.tsspace` are those of `cases/NAME.expected`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.check.check import check
from tsdsl.diagnostics import CODES
from tsdsl.diagnostics.render import concise
from tsdsl.source import SourceFile

FOLDER = Path(__file__).parent.parent / "cases"
CASES = sorted(FOLDER.glob("*.tsspace"))


@pytest.fixture(autouse=True)
def _in_the_folder_of_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)  # imports are relative, and expected files name no folder


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_has_the_expected_diagnostics(path: Path) -> None:
    found = check(SourceFile(path.name, path.read_text(encoding="utf-8"))).diagnostics
    lines = "".join(concise(diagnostic) + "\n" for diagnostic in found)
    assert lines == path.with_suffix(".expected").read_text(encoding="utf-8")


def test_every_code_has_a_case_that_triggers_it() -> None:
    triggered = {path.stem.split("_")[0] for path in CASES}
    assert set(CODES) <= triggered


@pytest.mark.parametrize("path", [p for p in CASES if p.stem.startswith("TS")], ids=lambda path: path.stem)
def test_a_planted_mistake_is_one_code(path: Path) -> None:
    found = {d.code for d in check(SourceFile(path.name, path.read_text(encoding="utf-8"))).diagnostics}
    assert found == {path.stem.split("_")[0]}
