"""`tsdsl runs`: what is a run, what is told of it, and that nothing but a run is ever removed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tsdsl.cli.main import run
from tsdsl.engine.runs.directory import FORMAT, RunDirectory
from tsdsl.engine.runs.sealed import write_sealed


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def settings(kind: str, **values: Any) -> dict[str, Any]:
    return {"format": 1, "kind": kind, "settings": values}


def write_part(folder: Path, kind: str, iteration: int, result: dict[str, Any] | None, **values: Any) -> None:
    write(folder / "settings.json", settings(kind, **values))
    write(folder / f"checkpoints/checkpoint-{iteration:08d}/tensors.safetensors", "x" * 1000)
    write(folder / "metrics.jsonl", "{}\n")
    write(folder / "weights.safetensors", "x" * 100)
    if result is not None:
        write(folder / "result.json", result)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A search with a finished and an unfinished step, a finished training, and a folder that is no run."""
    root = tmp_path / "runs"
    write(root / "tiny/settings.json", settings("search", space="tiny", data="/clips"))
    write(root / "tiny/space.json", "{}")
    write(root / "tiny/architecture.svg", "<svg/>")
    write_part(root / "tiny/step1", "search step", 96, {"accuracy": 0.5, "flops": 7_000_000}, seed=0, samples=8)
    known = {"step_epochs": 8, "training_clips": 100, "batch_size": 8}
    write_part(root / "tiny/step2", "search step", 40, None, seed=0, samples=4, **known)
    write_part(root / "deep/train", "train", 10, {"val_top1": 0.25, "flops": 9_000_000}, space="tiny", seed=1)
    write(root / "notes/settings.json", {"mine": True})
    write(root / "notes/checkpoints/precious", "x")
    return root


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["runs", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_runs_are_found_at_any_depth_and_other_folders_are_not(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(capsys, "list", str(runs))
    assert [(Path(r["run"]).name, r["kind"], r["state"]) for r in found] == [
        ("train", "train", "finished"),
        ("tiny", "search", "unfinished"),
    ]
    assert [(part["name"], part["state"], part["iteration"]) for part in found[1]["parts"]] == [
        ("step1", "finished", 96),
        ("step2", "unfinished", 40),
    ]
    assert found[0]["bytes"] > 1000


def test_a_training_run_in_the_folder_of_its_search_is_a_run_of_its_own(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = listed(capsys, "list", str(runs))[1]["bytes"]
    write_part(runs / "tiny/train", "train", 10, {"val_top1": 0.5, "flops": 9_000_000}, space="tiny", seed=0)
    found = {Path(r["run"]).name: r for r in listed(capsys, "list", str(runs / "tiny"))}
    assert set(found) == {"tiny", "train"}
    assert found["tiny"]["bytes"] == size
    assert run(["runs", "remove", str(runs / "tiny"), "--yes"]) == 0
    assert "train" in capsys.readouterr().err
    assert (runs / "tiny/train/weights.safetensors").exists()
    assert {path.name for path in (runs / "tiny").iterdir()} == {"train"}


def test_the_table_tells_how_far_a_run_is(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "list", str(runs)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "2 runs" in text
    assert "50.0%" in text
    assert "step1 finished, step2 unfinished" in text
    assert "iteration 40 of 96" in text
    assert [part["iterations"] for part in listed(capsys, "list", str(runs))[1]["parts"]] == [None, 96]


def test_steps_that_are_finished_are_told_together(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(runs / "tiny/step2/result.json", {"accuracy": 0.5, "flops": 7_000_000})
    assert run(["runs", "list", str(runs)]) == 0
    assert "step1, step2 finished" in " ".join(capsys.readouterr().out.split())


def test_a_run_that_is_being_written_says_so_and_is_not_touched(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunDirectory(runs / "tiny").locked():
        before = files(runs)
        assert listed(capsys, "list", str(runs))[1]["state"] == "running"
        assert run(["runs", "remove", str(runs / "tiny"), "--yes"]) == 2
        assert run(["runs", "clean", str(runs / "tiny"), "--yes"]) == 2
        assert files(runs) == before
    assert listed(capsys, "list", str(runs))[1]["state"] == "unfinished"


@pytest.mark.parametrize("name", ["settings.json", "step1/settings.json", "step1/result.json"])
def test_a_damaged_file_of_a_run_is_reported_beside_the_runs_that_are_whole(
    runs: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunDirectory(runs / "tiny").locked():
        pass
    (runs / "tiny" / name).write_text("[" * 2000)
    assert run(["runs", "list", str(runs)]) == 3
    told = capsys.readouterr()
    assert "train" in told.out
    assert f"tiny/{name}:1:65: lists or objects lie more than 64 deep" in " ".join(told.err.split())


@pytest.mark.parametrize("command", ["list", "compare"])
@pytest.mark.parametrize("name", ["settings.json", "result.json"])
def test_a_file_of_a_run_whose_hash_differs_is_reported(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sealed(tmp_path / "settings.json", {**settings("train", space="tiny", seed=1), "format": FORMAT})
    write_sealed(tmp_path / "result.json", {"flops": 1, "files": {}})
    assert run(["runs", "list", str(tmp_path)]) == 0
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace("1", "3", 1))
    assert run(["runs", command, str(tmp_path)]) == 3
    assert f"{name}: was changed after it was written" in " ".join(capsys.readouterr().err.split())


def test_a_pipe_for_a_lock_and_numbers_that_are_none_keep_no_run_from_being_listed(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(runs / "tiny" / ".lock")
    step = runs / "tiny/step2/settings.json"
    for odd in ({"batch_size": 0}, {"step_epochs": "x"}, {"training_clips": 1e300}):
        content = settings("search step", **{"step_epochs": 8, "training_clips": 100, "batch_size": 8, **odd})
        write(step, content)
        assert listed(capsys, "list", str(runs))[1]["parts"][1]["iterations"] is None


def test_comparing_shows_results_and_only_the_settings_that_differ(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = listed(capsys, "compare", str(runs / "tiny"), str(runs / "deep/train"))
    assert [Path(name).name for name in told["runs"]] == ["train", "step1", "step2"]
    assert told["results"]["flops"] == [9_000_000, 7_000_000, None]
    assert told["settings_that_differ"]["samples"] == [None, 8, 4]
    assert told["settings_that_differ"]["seed"] == [1, 0, 0]
    same = listed(capsys, "compare", str(runs / "tiny"))
    assert "seed" not in same["settings_that_differ"]
    assert run(["runs", "compare", str(runs / "tiny")]) == 0
    assert "samples" in capsys.readouterr().out


def test_long_results_are_whole_in_json_only(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason, top = "the best one is expected to score " + "more " * 40, [{"decisions": {"a": 1}}, {"decisions": {}}]
    write_part(runs / "tiny/step1", "search step", 96, {"undecided": reason, "top": top}, seed=0)
    told = listed(capsys, "compare", str(runs / "tiny"))
    assert (told["results"]["undecided"][0], told["results"]["top"][0]) == (reason, top)
    assert run(["runs", "compare", str(runs / "tiny")]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "2 in --json" in printed
    assert "..." in printed
    assert "decisions" not in printed


def test_one_run_alone_cannot_be_compared(runs: Path) -> None:
    assert run(["runs", "compare", str(runs / "deep/train")]) == 2


def test_cleaning_removes_checkpoints_of_finished_parts_and_nothing_else(runs: Path) -> None:
    before = files(runs)
    assert run(["runs", "clean", str(runs / "tiny"), str(runs / "deep/train"), "--yes"]) == 0
    gone = before - files(runs)
    assert gone == {
        "tiny/step1/checkpoints/checkpoint-00000096/tensors.safetensors",
        "deep/train/checkpoints/checkpoint-00000010/tensors.safetensors",
    }


def test_removing_a_run_leaves_no_trace_of_it_and_the_others_alone(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "remove", str(runs / "tiny"), "--yes", "--json"]) == 0
    assert not (runs / "tiny").exists()
    assert (runs / "deep/train/result.json").exists()
    assert json.loads(capsys.readouterr().out)["removed"][0]["kept"] == []


def test_what_tsdsl_did_not_write_stays_and_is_named(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(runs / "tiny/notes.txt", "mine")
    write(runs / "tiny/step1/plots/alpha.png", "mine")
    outside = runs.parent / "elsewhere"
    outside.mkdir()
    write(outside / "file", "mine")
    (runs / "tiny/step2/tensorboard").symlink_to(outside)
    assert run(["runs", "remove", str(runs / "tiny"), "--yes"]) == 0
    told = "".join(capsys.readouterr().err.split())
    assert "notes.txt" in told
    assert "plots" in told
    assert files(runs / "tiny") == {"notes.txt", "step1/plots/alpha.png"}
    assert (outside / "file").exists()


@pytest.mark.parametrize("command", ["clean", "remove", "compare"])
@pytest.mark.parametrize("name", ["notes", "", "missing", "tiny/step1"])
def test_what_is_no_run_is_refused_before_anything_is_removed(runs: Path, command: str, name: str) -> None:
    before = files(runs)
    arguments = ["runs", command, str(runs / "deep/train"), str(runs / name)]
    assert run([*arguments, "--yes"] if command != "compare" else arguments) == 2
    assert files(runs) == before


def test_without_yes_and_without_a_terminal_nothing_is_removed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(runs)
    assert run(["runs", "remove", str(runs / "tiny")]) == 2
    assert "--yes" in capsys.readouterr().err
    assert files(runs) == before


def test_a_no_removes_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(runs)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", _no)
    assert run(["runs", "remove", str(runs / "tiny")]) == 1
    assert files(runs) == before


def _no(question: str, **_: object) -> bool:
    import typer

    raise typer.Abort


def test_a_missing_folder_is_a_file_error(tmp_path: Path) -> None:
    assert run(["runs", "list", str(tmp_path / "none")]) == 3
