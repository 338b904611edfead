"""Terminals and spreadsheets show hostile names and obey none of them; for code see `test_export_python`."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest
from rich.table import Table

from tsdsl.cli.main import run
from tsdsl.cli.work.console import facts, messages, note, print_json, report_error
from tsdsl.data import open_dataset
from tsdsl.engine.evaluation.predictions import Prediction, write_confusion, write_predictions
from tsdsl.engine.runs.sealed import write_sealed
from tsdsl.errors import FileError, TsdslError

HOSTILE = "[bold]a[/bold] \x1b[31m\x07 \x9b2J \u202eb \udcff :smile:"
SHOWN = r"[bold]a[/bold] \u001b[31m\u0007 \u009b2J \u202eb \udcff :smile:"


def test_a_terminal_shows_escapes_and_markup_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    messages.cache_clear()
    note(HOSTILE)
    report_error(TsdslError(HOSTILE, help=HOSTILE))
    captured = capsys.readouterr()
    assert captured.err.count(SHOWN) == 3
    table = Table("name")
    table.add_row(HOSTILE)
    facts().print(table)
    facts().print(HOSTILE)
    assert capsys.readouterr().out.count(SHOWN) == 2
    messages.cache_clear()


def test_an_error_and_its_help_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", written.append)
    messages.cache_clear()
    report_error(TsdslError("the disk is full", help="free some space"))
    messages.cache_clear()
    assert written == ["error: the disk is full\n help: free some space\n"]


def test_json_for_a_pipe_holds_the_name_and_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert json.loads(out) == {"name": HOSTILE}


@pytest.mark.parametrize("layout", ["rich", "concise", "json", "sarif"])
def test_diagnostics_of_a_file_with_a_hostile_name_command_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/a\x1b[31m\xff.tsspace")
    Path(path).write_text('tsspace 1\nspace s { step 1 "\x1b[2J" { search = x } }\n')
    assert run(["check", "--format", layout, path]) == 1
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "tsspace" in captured.out + captured.err


def test_classes_and_videos_of_any_name_are_texts_in_tables(tmp_path: Path) -> None:
    for name in (b"a\xff", b"b\x1b[31m"):
        folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/train/" + name))
        folder.mkdir(parents=True)
        (folder / "1.mp4").write_bytes(b"")
    names = open_dataset(tmp_path, "train").class_names
    assert names == (r"a\xff", "b\x1b[31m")
    found = Prediction(video="train/a\udcff/1.mp4", label=0, ranked=(1,), scores=(0.5,))
    write_predictions(tmp_path / "a.json", [found], names)
    assert json.loads((tmp_path / "a.json").read_text())[0]["video"] == r"train/a\xff/1.mp4"
    write_predictions(tmp_path / "a.csv", [found], names)
    assert r"train/a\xff/1.mp4,a\xff," in (tmp_path / "a.csv").read_text()


def test_a_folder_whose_name_is_not_utf_8_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        write_sealed(tmp_path / "a.json", {"data": "clips\udcff"})
    assert caught.value.message == f"{tmp_path}/a.json: cannot be written, as clips\udcff is not UTF-8"
    assert caught.value.help == "rename that file or folder"
    assert list(tmp_path.iterdir()) == []


def test_a_spreadsheet_takes_no_class_name_for_a_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-cmd|' /C calc'!A0", "@sum", "\tx", "plain", "-1.5"]
    write_confusion(tmp_path / "a.csv", {}, names)
    with (tmp_path / "a.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    inert = ["'=1+1", "+1", "'-cmd|' /C calc'!A0", "'@sum", "'\tx", "plain", "-1.5"]
    assert head == ["class", *inert]
    assert [row[0] for row in rows] == inert
