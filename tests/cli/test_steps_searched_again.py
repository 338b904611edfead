"""`tsdsl search --redo` and `--from`: a step is searched again, in its run or in another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.micro_runs import differences, outcome, search_command, write_inputs
from tsdsl.cli.main import run
from tsdsl.engine.runs import catalogue


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`first` has steps 1 and 2 of three."""
    folder = tmp_path_factory.mktemp("again")
    write_inputs(folder)
    for step in ("1", "2"):
        assert run(search_command(folder, folder / "first", "--step", step)) == 0
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder / "first", tmp_path / "copy")
    return tmp_path / "copy"


def below(outcomes: dict[str, object], step: int) -> dict[str, object]:
    return {name: value for name, value in outcomes.items() if name.startswith(f"step{step}/")}


def test_a_step_is_searched_again_with_other_settings_and_the_earlier_ones_are_kept(
    folder: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    redo = ["search", str(folder / "micro.tsspace"), "--run", str(copy), "--redo", "2", "--epochs", "1", "-q"]
    redo += ["--device", "cpu"]
    (copy / "step2" / "notes.txt").write_text("mine")
    assert run(redo) == 2
    told = capsys.readouterr().err
    assert "--redo 2 removes step2 (finished)" in told
    assert f"--from {copy} --step 2" in told
    assert run([*redo, "--force"]) == 0
    assert "without --redo and --force" in capsys.readouterr().err
    assert below(outcome(copy), 1) == below(outcome(folder / "first"), 1)
    settings = json.loads((copy / "step2" / "settings.json").read_text())["settings"]
    assert (settings["step_epochs"], settings["samples"], settings["batch_size"]) == (1, 2, 4)
    assert (copy / "step2" / "notes.txt").read_text() == "mine"
    assert (copy / "step3" / "result.json").exists()
    assert run(["verify", str(copy)]) == 0


def test_a_step_searched_again_unchanged_finds_the_same(folder: Path, copy: Path) -> None:
    assert run(search_command(folder, copy, "--redo", "2", "--force")) == 0
    assert differences(below(outcome(copy), 2), below(outcome(folder / "first"), 2)) == []


@pytest.mark.parametrize("removed", [1, 2, 3, 14])
def test_a_kill_while_steps_are_removed_leaves_none_damaged(
    folder: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """The result goes first, so that the rest is not taken for a finished step, and logs after their checkpoints."""
    left, remove = [removed], catalogue._remove

    def dying(path: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        remove(path)

    redo = search_command(folder, copy, "--redo", "1", "--force")
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "_remove", dying)
        assert run(redo) == 130
    assert not (copy / "step2" / "result.json").exists()
    assert run(["verify", str(copy)]) in (0, 3)  # 3: no step is left that found an architecture
    assert run([*search_command(folder, copy, "--step", "1")]) == 0
    assert differences(below(outcome(copy), 1), below(outcome(folder / "first"), 1)) == []


def test_another_run_branches_off_after_a_step(folder: Path, tmp_path: Path) -> None:
    branch = ["search", str(folder / "micro.tsspace"), "--run", str(tmp_path / "run"), "--from", str(folder / "first")]
    branch += ["--step", "2", "--epochs", "1", "--device", "cpu", "-q"]
    assert run(branch) == 0
    first, own = below(outcome(folder / "first"), 1), below(outcome(tmp_path / "run"), 1)
    assert {name: value for name, value in first.items() if name in own} == own
    assert {"step1/architecture.json", "step1/weights.safetensors", "step1/result.json"} <= own.keys()
    settings = json.loads((tmp_path / "run" / "step2" / "settings.json").read_text())["settings"]
    assert (settings["step_epochs"], settings["samples"]) == (1, 2)
    assert run(branch) == 0  # finished: nothing to do
    assert run(["verify", str(tmp_path / "run")]) == 0


def test_a_copy_of_a_step_that_was_interrupted_is_completed(folder: Path, tmp_path: Path) -> None:
    branch = search_command(folder, tmp_path / "run", "--from", str(folder / "first"), "--step", "2")
    assert run(branch) == 0
    for name in ("step1/result.json", "step1/weights.safetensors"):
        (tmp_path / "run" / name).unlink()
    assert run(branch) == 0
    assert run(["verify", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--redo", "4", "--force"], 2, "space micro has no step 4"),
        (["--redo", "2", "--step", "2"], 2, "searches from step N to the last one"),
        (["--force"], 2, "--force has no effect without --redo"),
        (["--from", "FOLDER/first"], 2, "--from takes over the steps before --step"),
        (["--from", "FOLDER/first", "--step", "1"], 2, "step 1 is the first of micro"),
        (["--from", "FOLDER/first", "--step", "3", "--run", "FOLDER/first"], 2, "is the run itself"),
        (["--from", "FOLDER/clips", "--step", "2"], 3, "give the folder of a run"),
        (["--step", "2", "--epochs", "9"], 2, "`--redo 2 --force`"),
    ],
)
def test_each_mistake_is_one_clear_message(
    folder: Path, copy: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, message: str
) -> None:
    before = outcome(copy)
    assert run(search_command(folder, copy, *[word.replace("FOLDER", str(folder)) for word in more])) == code
    assert message in capsys.readouterr().err
    assert outcome(copy) == before


def test_a_run_of_another_space_or_without_the_step_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = search_command(folder, tmp_path / "new", "--from", str(folder / "first"), "--step", "2")
    text = (folder / "micro.tsspace").read_text()
    (tmp_path / "micro.tsspace").write_text(text.replace("channels = 4, stride = 4", "channels = 6, stride = 4"))
    assert run([command[0], str(tmp_path / "micro.tsspace"), *command[2:]]) == 2
    assert "was searched in space micro with fingerprint" in capsys.readouterr().err
    shutil.copytree(folder / "first", tmp_path / "half")
    (tmp_path / "half" / "step1" / "result.json").unlink()
    command = search_command(folder, tmp_path / "newer", "--from", str(tmp_path / "half"), "--step", "2")
    assert run(command) == 2
    assert f"{tmp_path / 'half' / 'step1'}: is not a finished step" in capsys.readouterr().err
