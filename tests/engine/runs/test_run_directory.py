"""A run's folder: locked against a second writer, refused when it is something else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.errors import FileError, UsageError

HOLDER = """
import sys, time
from pathlib import Path
from tsdsl.engine.runs.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


class Settings(BaseModel):
    epochs: int = 3
    rate: float = 0.4


class OtherSettings(BaseModel):
    epochs: str


def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UsageError, match=f"process {holder.pid} is writing this run") as caught, run.locked():
            pass
        assert f"end it with `kill {holder.pid}`" in str(caught.value.help)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with run.locked():
            assert (run.path / ".lock").read_text() == f"{os.getpid()}\n"


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match=r"thesis\.tex"), RunDirectory(tmp_path).locked():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_whose_settings_are_damaged_is_refused_by_their_name(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"&ormat": 2, "kind": "train", "settings": {}}')
    with (
        pytest.raises(UsageError, match=r"holds no run of tsdsl \(settings\.json is not of one\)"),
        RunDirectory(tmp_path).locked(),
    ):
        pass


def test_what_a_kill_left_before_the_settings_were_written_is_not_foreign(tmp_path: Path) -> None:
    (tmp_path / ".settings.json.a1b2").write_text("{")
    (tmp_path / ".lock").write_text("")
    with RunDirectory(tmp_path).locked():
        assert RunDirectory(tmp_path).record_settings("train", Settings()) is False


def test_half_written_files_of_a_kill_are_swept_and_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("train", Settings())
    for name in (".result.json.a1b2c3d4", ".weights.safetensors.x_y", ".notes.json.abc", "result.json.old"):
        (tmp_path / name).write_text("{")
    with run.locked():
        pass
    assert {p.name for p in tmp_path.iterdir()} == {"settings.json", ".lock", ".notes.json.abc", "result.json.old"}


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UsageError, match="is a file"), RunDirectory(tmp_path / "run").locked():
        pass


def test_settings_come_back_and_mark_the_folder_as_a_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked():
        assert run.record_settings("train", Settings(epochs=5)) is False
    with run.locked():
        assert run.record_settings("train", Settings(epochs=5)) is True
    assert run.read_settings("train", Settings) == Settings(epochs=5)


def test_going_on_with_other_settings_names_each(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("train", Settings())
    with pytest.raises(UsageError, match=r"epochs is 9, was 3; rate is 1\.0, was 0\.4"):
        run.record_settings("train", Settings(epochs=9, rate=1.0))


def test_a_run_of_another_kind_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("search", Settings())
    with pytest.raises(UsageError, match="holds a search run, not a train run"):
        run.read_settings("train", Settings)


def test_settings_of_another_version_are_reported_with_the_place(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("train", OtherSettings(epochs="many"))
    with pytest.raises(FileError, match=r"settings\.json: epochs"):
        run.read_settings("train", Settings)


def test_a_finished_run_knows_its_files_but_not_what_is_drawn_of_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("train", Settings())
    assert run.read_result() is None
    for path in (run.weights, tmp_path / "metrics.jsonl", run.checkpoints / "checkpoint-00000001" / "state.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as written")
    run.write_result({"top1": 0.5})
    (tmp_path / "report.html").write_text("drawn later")
    shutil.rmtree(run.checkpoints)
    assert (run.read_result(), list(run.problems())) == ({"top1": 0.5}, [])
    run.weights.write_text("as Written")
    (tmp_path / "metrics.jsonl").unlink()
    assert [problem.removeprefix(f"{tmp_path}/").split(" ")[:2] for problem in run.problems()] == [
        ["metrics.jsonl:", "is"],
        ["weights.safetensors:", "was"],
    ]
    with pytest.raises(FileError, match=r"weights\.safetensors: was changed"):
        run.require_unchanged("weights.safetensors")
    run.result.write_text(run.result.read_text().replace("0.5", "0.6"))
    with pytest.raises(FileError, match=r"result\.json: was changed"):
        run.read_result()


def test_a_kept_file_that_was_changed_is_reported(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.keep_json(run.space, {"name": "micro"}) is None
    assert run.keep_json(run.space, {"name": "micro"}) is None
    run.space.write_text("{}")
    assert "space.json: was changed" in (run.keep_json(run.space, {"name": "micro"}) or "")
    run.space.unlink()
    os.mkfifo(run.space)
    assert "space.json: was changed" in (run.keep_json(run.space, {"name": "micro"}) or "")
    assert run.space.is_file()


def test_damaged_settings_are_reported_with_the_path(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.record_settings("train", Settings())
    written = run.settings.read_text()
    run.settings.write_text(written.replace('"epochs": 3', '"epochs": 2'))
    with pytest.raises(FileError, match=r"settings\.json: was changed after it was written"):
        run.read_settings("train", Settings)
    run.settings.write_text(written.replace('"format": 2', '"format": 1'))
    with pytest.raises(FileError, match=r"settings\.json: is in format 1, expected .* in format 2"):
        run.read_settings("train", Settings)
    run.settings.write_text("{")
    with pytest.raises(FileError, match="is not JSON") as caught:
        run.read_settings("train", Settings)
    assert caught.value.help == "restore it from a copy, or choose another run folder"
    run.settings.unlink()
    with pytest.raises(FileError, match="cannot be read") as caught:
        run.read_settings("train", Settings)
    assert caught.value.help == "give the folder of a run"
