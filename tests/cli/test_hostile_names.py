"""Terminals and spreadsheets show hostile names and obey none of them; for code see `test_export_python`."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from rich.table import Table

from tsdsl.cli.export import _labels
from tsdsl.cli.main import run
from tsdsl.cli.work.console import facts, messages, note, print_json, report_error
from tsdsl.engine.evaluation.predictions import write_confusion
from tsdsl.errors import TsdslError

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


def test_labels_of_an_exported_model_are_texts_whatever_the_folders_are_called(tmp_path: Path) -> None:
    for name in (b"a\xff", b"b\x1b[31m"):
        folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/train/" + name))
        folder.mkdir(parents=True)
        (folder / "1.mp4").write_bytes(b"")
    assert _labels(tmp_path, 2) == (r"a\udcff", r"b\u001b[31m")


def test_a_spreadsheet_takes_no_class_name_for_a_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-cmd|' /C calc'!A0", "@sum", "\tx", "plain", "-1.5"]
    write_confusion(tmp_path / "a.csv", {}, names)
    with (tmp_path / "a.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    inert = ["'=1+1", "+1", "'-cmd|' /C calc'!A0", "'@sum", "'\tx", "plain", "-1.5"]
    assert head == ["class", *inert]
    assert [row[0] for row in rows] == inert
