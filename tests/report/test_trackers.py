"""`--log wandb` and `--log mlflow`: what they get, what they write offline, and the message of a failure."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.micro_runs import search_command
from support.micro_runs import write_inputs as write_search_inputs
from support.trained_models import train, write_inputs
from tsdsl.cli.main import run
from tsdsl.engine.runs.metrics import read_metrics


def is_missing(package: str) -> bool:
    return importlib.util.find_spec(package) is None


class Tracked:
    """Stands in for the package mlflow, and keeps what it is given."""

    def __init__(self) -> None:
        self.params: dict[str, str] = {}
        self.points: list[tuple[int | None, dict[str, float]]] = []
        self.texts: dict[str, str] = {}
        self.files: list[str] = []
        self.runs: list[dict[str, Any]] = []
        self.tags: dict[str, str] = {}
        self.ended = 0

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(
            set_experiment=lambda name: SimpleNamespace(experiment_id=name),
            MlflowClient=lambda: SimpleNamespace(search_runs=self.found),
            start_run=self.start,
            log_params=self.params.update,
            log_metrics=lambda values, step=None: self.points.append((step, values)),
            log_text=lambda text, name: self.texts.update({name: text}),
            log_artifact=lambda path: self.files.append(Path(path).name),
            end_run=self.end,
        )

    def found(self, experiments: list[str], wanted: str) -> list[Any]:
        return (
            [SimpleNamespace(info=SimpleNamespace(run_id="same"))] if self.tags.get("tsdsl_id", "?") in wanted else []
        )

    def start(self, **how: Any) -> None:
        self.tags.update(how.get("tags", {}))
        self.runs.append(how)

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> Tracked:
    tracked = Tracked()
    module = tracked.module()
    module.__spec__ = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return tracked


def test_a_search_gives_settings_curves_pictures_and_files_of_each_step(tmp_path: Path, tracked: Tracked) -> None:
    write_search_inputs(tmp_path)
    assert (
        run(search_command(tmp_path, tmp_path / "found", "--step", "1", "--method", "parsec", "--log", "mlflow")) == 0
    )
    assert tracked.params["samples"] == "2"
    curves = [(step, values) for step, values in tracked.points if step is not None]
    assert [{"iteration": step, **values} for step, values in curves] == read_metrics(tmp_path / "found" / "step1")
    assert set(tracked.texts) == {"architecture.svg", "alpha.svg"}
    assert all(text.startswith("<") for text in tracked.texts.values())
    assert {"space.json", "architecture.json", "settings.json", "weights.safetensors", "result.json"} <= {
        *tracked.files
    }
    assert tracked.points[-1][1]["result/accuracy"] >= 0
    assert (tracked.runs[0]["run_name"], tracked.ended) == ("found/step1", 1)


def test_an_extended_training_is_the_same_run_there(tmp_path: Path, tracked: Tracked) -> None:
    write_inputs(tmp_path)
    assert train(tmp_path, "own", "--log", "mlflow") == 0
    assert run(["train", str(tmp_path / "own"), "--epochs", "2", "--device", "cpu", "-q", "--log", "mlflow"]) == 0
    assert [how.get("run_id") for how in tracked.runs] == [None, "same"]
    assert [values["epoch"] for _, values in tracked.points if "epoch" in values] == [1, 2]


def test_a_failing_tracker_is_named_and_the_run_goes_on_without_it(
    tmp_path: Path, tracked: Tracked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no answer from\n the server")

    monkeypatch.setattr(sys.modules["mlflow"], "log_metrics", fail)
    write_inputs(tmp_path)
    assert train(tmp_path, "own", "--log", "mlflow") == 4
    told = capsys.readouterr().err
    assert "mlflow failed: no answer from the server" in told
    assert "leave out --log mlflow" in told
    assert train(tmp_path, "own") == 0


def test_a_tracker_that_is_not_known_or_not_installed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_inputs(tmp_path)
    assert train(tmp_path, "own", "--log", "paper") == 2
    assert "--log must be wandb or mlflow, got 'paper'" in capsys.readouterr().err
    monkeypatch.setattr("tsdsl.report.trackers.find_spec", lambda name: None)
    assert train(tmp_path, "own", "--log", "wandb") == 2
    assert 'pip install "tsdsl[wandb]"' in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(is_missing("wandb"), reason='needs the package wandb: pip install "tsdsl[wandb]"')
def test_wandb_keeps_a_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(tmp_path)
    for name, value in {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)
    assert train(tmp_path, "own", "--log", "wandb") == 0
    (kept,) = (tmp_path / "wandb").glob("offline-run-*")
    (content,) = (path.read_bytes() for path in kept.glob("*.wandb"))
    assert all(name in content for name in (b"train/loss", b"batch_size", b"val_top1"))
    assert list(kept.glob("files/media/html/architecture_*.html"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(is_missing("mlflow"), reason='needs the package mlflow: pip install "tsdsl[mlflow]"')
def test_mlflow_keeps_a_run_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "kept").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert train(tmp_path, "own", "--log", "mlflow") == 0
    (loss,) = (tmp_path / "kept").glob("*/*/metrics/train/loss")
    assert len(loss.read_text().splitlines()) == 1
    (artifacts,) = (tmp_path / "kept").glob("*/*/artifacts")
    assert json.loads((artifacts / "architecture.json").read_text())["space"] == "plain"
    assert (artifacts / "architecture.svg").exists()
