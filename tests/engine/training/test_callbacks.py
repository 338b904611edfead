"""A callback gets the begin, the numbers and the end of a run, and what a resumed run repeats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tsdsl
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.record import TrainResult, read_train_result
from tsdsl.engine.training.train import train

SETTINGS = TrainSettings(epochs=3, batch_size=4, precise_norm_batches=1, evaluate_every_epochs=2)


class Told(tsdsl.Callback):
    """Keeps its calls; raises at an iteration."""

    def __init__(self, fatal_iteration: int | None = None) -> None:
        self.calls: list[tuple[str, Path, Any]] = []
        self.fatal_iteration = fatal_iteration

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        self.calls.append(("begin", run, settings))

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        self.calls.append(("log", run, {"iteration": iteration, **values}))
        if iteration == self.fatal_iteration:
            raise ConnectionError("the tracker does not answer")

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        assert (run / "result.json").exists()
        self.calls.append(("end", run, result))


def trained(folder: Path, *callbacks: tsdsl.Callback) -> TrainResult:
    return train(tiny_blueprint(), tiny_architecture(), memory_data(), SETTINGS, folder, callbacks=callbacks)


def test_a_training_tells_its_settings_each_line_of_metrics_and_its_result(tmp_path: Path) -> None:
    one, other = Told(), Told()
    trained(tmp_path, one, other)
    kinds = [kind for kind, _, _ in one.calls]
    assert kinds == ["begin", "log", "log", "log", "end"]
    assert {run for _, run, _ in one.calls} == {tmp_path}
    assert one.calls[0][2]["settings"]["batch_size"] == 4
    assert [what for kind, _, what in one.calls if kind == "log"] == read_metrics(tmp_path)
    assert one.calls[-1][2] == read_train_result(RunDirectory(tmp_path)).model_dump(mode="json")
    assert other.calls == one.calls


def test_a_finished_run_tells_nothing_and_methods_may_be_left_out(tmp_path: Path) -> None:
    trained(tmp_path, tsdsl.Callback())
    again = Told()
    trained(tmp_path, again)
    assert again.calls == []


def test_a_tracker_that_fails_ends_the_run_which_goes_on_as_after_a_kill(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        trained(tmp_path / "failed", Told(fatal_iteration=6))
    told = Told()
    trained(tmp_path / "failed", told)
    trained(tmp_path / "whole")
    assert [what["iteration"] for kind, _, what in told.calls if kind == "log"] == [6, 9]
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("failed", "whole")]
    assert weights[0] == weights[1]
