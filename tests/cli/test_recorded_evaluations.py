"""`tsdsl eval` records what it measured in the run, where `runs list`, the report and the landscape find it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.trained_models import CLASSES, renamed, train, write_inputs
from tsdsl.cli.main import run

QUIET = ("--device", "cpu", "-q")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished training of one epoch."""
    write_inputs(tmp_path)
    assert train(tmp_path, "trained") == 0
    return tmp_path


def listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The evaluations of the run by name."""
    capsys.readouterr()
    assert run(["runs", "list", str(folder), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return dict(found["parts"][0]["evaluations"])


def test_evaluations_are_named_by_what_they_are_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate = ["eval", str(folder / "trained"), *QUIET]
    assert run([*evaluate, "--views", "1x1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run([*evaluate, "--views", "2x3"]) == 0
    assert run([*evaluate, "--views", "2x3"]) == 0  # again: in its own place
    assert run([*evaluate, "--views", "1x1", "--set", "clip.rate=2.0"]) == 0
    assert run([*evaluate, "--views", "1x1", "--split", "train"]) == 0
    best = str(folder / "trained" / "best.safetensors")
    assert run([*evaluate, "--views", "1x1", "--weights", best]) == 0
    some = renamed(folder, "some clips", {CLASSES[0]: None})
    assert run([*evaluate, "--views", "1x1", "--data", str(some)]) == 0
    found = listed(folder, capsys)
    assert set(found) == {"val-1x1", "val-1x1-2", "val-2x3", "train-1x1", "best-val-1x1", "some_clips-val-1x1"}
    assert found["val-1x1"]["top1"] == first["top1"]
    assert found["val-1x1"]["per_class"] == first["per_class"]
    assert (found["val-2x3"]["views"], found["val-2x3"]["num_videos"]) == ("2x3", 4)
    assert found["some_clips-val-1x1"]["data"] == str(some)


def test_the_list_and_the_report_show_them_beside_the_own_validation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(folder / "trained"), "--views", "2x1", *QUIET]) == 0
    capsys.readouterr()
    assert run(["runs", "list", str(folder)]) == 0
    table = " ".join(capsys.readouterr().out.split())
    assert "shared" not in table
    assert "trained " in table
    assert "val-2x1 " in table
    assert run(["report", str(folder / "trained")]) == 0
    page = (folder / "trained" / "report.html").read_text()
    assert "Evaluations of their weights" in page
    assert "<td>2x1</td>" in page
    assert run(["verify", str(folder / "trained")]) == 0


def test_evaluations_of_weights_that_an_extension_replaced_are_not_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = ["eval", str(folder / "trained"), "--views", "1x1", *QUIET]
    assert run(evaluate) == 0
    assert run(["train", str(folder / "trained"), "--epochs", "2", *QUIET]) == 0
    assert listed(folder, capsys) == {}
    assert run(evaluate) == 0
    assert set(listed(folder, capsys)) == {"val-1x1"}


def test_weights_from_elsewhere_leave_no_trace_in_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = folder / "copy.safetensors"
    copy.write_bytes((folder / "trained" / "weights.safetensors").read_bytes())
    assert run(["eval", str(folder / "trained"), "--weights", str(copy), "--views", "1x1", *QUIET]) == 0
    assert listed(folder, capsys) == {}


def test_a_damaged_evaluation_is_reported_and_removing_the_run_removes_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(folder / "trained"), "--views", "1x1", *QUIET]) == 0
    path = folder / "trained" / "eval" / "val-1x1.json"
    path.write_text(path.read_text().replace('"top1": ', '"top1": 0'))
    for command in (["runs", "list", str(folder)], ["eval", str(folder / "trained"), "--views", "1x1", *QUIET]):
        assert run(command) == 3
        assert "eval/val-1x1.json" in "".join(capsys.readouterr().err.split())
    assert run(["verify", str(folder / "trained")]) == 1
    assert run(["runs", "remove", str(folder / "trained"), "--yes"]) == 0
    assert not (folder / "trained").exists()
