"""`tsdsl train RUN` goes on with a run and extends it, with the settings and the data that the run records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.trained_models import train, write_inputs
from tsdsl.cli.main import run
from tsdsl.engine.runs.metrics import read_metrics

QUIET = ("--device", "cpu", "-q")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    write_inputs(folder)
    return folder


def test_a_finished_run_is_extended_by_its_folder_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "more") == 0
    capsys.readouterr()
    assert run(["train", str(folder / "more"), *QUIET, "--json"]) == 0  # finished: nothing to do
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    assert run(["train", str(folder / "more"), "--epochs", "2", *QUIET]) == 0
    assert [line["epoch"] for line in read_metrics(folder / "more")] == [1, 2]
    assert not (folder / "more" / "train").exists()
    assert run(["verify", str(folder / "more")]) == 0
    page = (folder / "more" / "report.html").read_text()
    assert f"&amp;&amp; tsdsl train {folder / 'more'} --epochs 2" in page


def test_a_run_is_not_extended_with_another_batch_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "fixed") == 0
    assert run(["train", str(folder / "fixed"), "--epochs", "2", "--batch-size", "2", *QUIET]) == 2
    told = capsys.readouterr().err
    assert "settings.batch_size is 2, was 4" in told
    assert f"--run FOLDER --weights {folder / 'fixed' / 'weights.safetensors'}" in told


def test_fewer_epochs_are_refused_with_what_can_be_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "long", epochs=2) == 0
    assert run(["train", str(folder / "long"), "--epochs", "1", *QUIET]) == 2
    told = capsys.readouterr().err
    assert "settings.epochs is 1, was 2" in told
    assert "a run can only be extended: give more than 2 epochs, or begin another run with --run FOLDER" in told


def test_the_first_command_with_more_epochs_names_the_one_that_extends(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folder, "first") == 0
    assert train(folder, "first", epochs=3) == 2
    assert f"`tsdsl train {folder / 'first'} --epochs 3` extends the run" in capsys.readouterr().err


def test_a_run_that_began_with_weights_is_extended_without_them(folder: Path) -> None:
    assert train(folder, "begun") == 0
    weights = folder / "given.safetensors"
    (folder / "begun" / "weights.safetensors").rename(weights)
    assert train(folder, "tuned", "--weights", str(weights)) == 0
    weights.unlink()
    assert run(["train", str(folder / "tuned"), "--epochs", "2", *QUIET]) == 0


def test_another_run_may_train_the_architecture_of_a_run(folder: Path) -> None:
    assert train(folder, "one") == 0
    command = ["train", str(folder / "one"), "--run", str(folder / "two")]
    assert run([*command, "--epochs", "1", "--batch-size", "2", *QUIET]) == 0
    assert [line["epoch"] for line in read_metrics(folder / "one")] == [1]
