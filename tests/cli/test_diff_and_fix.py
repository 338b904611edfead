"""`tsdsl diff` and `tsdsl fix` as typed: lines, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tsdsl.syntax.migrate
from tsdsl.cli.main import run
from tsdsl.diagnostics import Edit
from tsdsl.source import SourceFile, Span
from tsdsl.syntax.migrate import Migration

TINY = (Path(__file__).parent.parent.parent / "spaces" / "tiny.tsspace").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.tsspace").write_text(TINY)
    return tmp_path


def test_the_same_meaning_breaks_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.tsspace").write_text(TINY.replace("# Many frames", "# Lots of frames"))
    assert run(["diff", "old.tsspace", "new.tsspace"]) == 0
    out = capsys.readouterr().out
    assert "nothing changed in meaning" in out
    assert "breaks nothing" in out


def test_another_target_or_number_of_epochs_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TINY.replace("target = 8 MFLOPs", "target = 9 MFLOPs").replace("epochs = 4", "epochs = 6")
    (folder / "new.tsspace").write_text(text)
    assert run(["diff", "old.tsspace", "new.tsspace"]) == 0
    out = capsys.readouterr().out
    assert "changed   step 1.target  8,000,000 -> 9,000,000" in out
    assert "changed   step 3.epochs  4 -> 6" in out
    assert "nothing else changed in meaning" in out
    assert "breaks nothing" in out


def test_a_narrowed_choice_is_told_and_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.tsspace").write_text(TINY.replace("channels = {16, 24}", "channels = {16}"))
    assert run(["diff", "old.tsspace", "new.tsspace"]) == 1
    out = capsys.readouterr().out
    assert "narrowed  sparse.stage1.group1.channels  16, 24 -> 16" in out
    assert "2 times fewer" in out
    assert "breaks ARCHITECTURES" in out
    assert run(["diff", "old.tsspace", "new.tsspace", "--fail-on", "source"]) == 0
    assert run(["diff", "old.tsspace", "new.tsspace", "--fail-on", "source", "--fail-on", "weights"]) == 1


def test_json_tells_every_fact(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.tsspace").write_text(TINY.replace("channels = {16, 24}", "channels = {16, 24, 32}"))
    assert run(["diff", "old.tsspace", "new.tsspace", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["settings"] == [
        {"path": "sparse.stage1.group1.channels", "change": "widened", "old": [16, 24], "new": [16, 24, 32]}
    ]
    assert facts["size_ratio"] == {"numerator": "3", "denominator": "2"}
    assert facts["architectures"]["only_old"] == "0"
    assert facts["architectures"]["both"] == facts["old"]["cardinality"]
    assert set(facts["breaks"]) == {"WEIGHTS"}
    assert facts["old"]["flops"]["max"] < facts["new"]["flops"]["max"]


def test_spaces_with_mistakes_are_not_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.tsspace").write_text(TINY.replace("frames = 16", "frames = 15"))
    assert run(["diff", "old.tsspace", "new.tsspace"]) == 1
    assert "do not divide" in capsys.readouterr().err
    assert run(["diff", "old.tsspace", "missing.tsspace"]) == 3


def test_an_architecture_is_told_to_be_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "old.tsspace", "--json"]) == 0
    (folder / "one.json").write_text(capsys.readouterr().out)
    assert run(["diff", "old.tsspace", "one.json"]) == 2
    assert "one.json: is an architecture, not a space" in capsys.readouterr().err


def test_files_of_this_version_need_no_migration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fix", "old.tsspace", "--check"]) == 0
    assert "is in language version 1" in capsys.readouterr().err
    assert (folder / "old.tsspace").read_text() == TINY
    assert run(["fix", "std:tiny"]) == 2


def test_an_older_file_is_migrated_in_place(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def edits(source: SourceFile) -> list[Edit]:
        at = source.text.index("num_classes")
        return [Edit(Span(at, at + len("num_classes")), "classes")]

    monkeypatch.setattr(tsdsl.syntax.migrate, "MIGRATIONS", (Migration(0, "num_classes is now classes", edits),))
    older = TINY.replace("tsspace 1", "tsspace 0").replace("  classes =", "  num_classes =")
    (folder / "older.tsspace").write_text(older)
    assert run(["fix", "--check", "older.tsspace"]) == 1
    assert run(["fix", "--diff", "older.tsspace"]) == 1
    assert "+tsspace 1" in capsys.readouterr().out
    assert (folder / "older.tsspace").read_text() == older
    assert run(["fix", "older.tsspace"]) == 0
    assert (folder / "older.tsspace").read_text() == TINY
