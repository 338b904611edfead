"""Trainings at once, each in a process: the same as one after another, and stopped as one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

import tsdsl
from support.micro_runs import write_inputs
from support.processes import server
from tsdsl.check.load import load
from tsdsl.engine.ranks.interruption import InterruptedRunError
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training import together
from tsdsl.engine.training.together import Training, train_together

CPU = torch.device("cpu")


class Stopping(Progress):
    """Asks this process to stop at the first news of a training."""

    asked = False

    def task(self, title, total, done=0):
        if not self.asked:
            self.asked = True
            os.kill(os.getpid(), signal.SIGTERM)
        return super().task(title, total, done)


@pytest.fixture
def trainings(tmp_path: Path) -> list[Training]:
    server()
    write_inputs(tmp_path)
    space = load(tmp_path / "micro.tsspace")
    (architecture,) = tsdsl.Space.of(space).sample(1, seed=0)
    settings = TrainSettings(epochs=2, batch_size=8)
    return [
        Training(space, architecture, without, tmp_path / "clips", settings, tmp_path / name)
        for name, without in (("whole", ()), ("sparse", ("dense",)))
    ]


def test_trainings_at_once_end_as_one_after_another(trainings, tmp_path, monkeypatch):
    at_once = train_together(trainings, CPU, Progress(quiet=True))
    weights = [(training.run / "weights.safetensors").read_bytes() for training in trainings]
    assert at_once[0].macs > at_once[1].macs
    for training, trained, kept in zip(trainings, at_once, weights, strict=True):
        torch.set_num_threads(1)  # as in the processes: other threads are other bits
        alone = Training(**{**vars(training), "run": tmp_path / f"{training.run.name}-alone"})
        assert together._train(alone, "cpu", Progress(quiet=True)) == trained
        assert (alone.run / "weights.safetensors").read_bytes() == kept


def test_a_signal_to_the_command_saves_every_training(trainings):
    with pytest.raises(InterruptedRunError, match="SIGTERM") as caught:
        train_together(trainings, CPU, Stopping(quiet=True))
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert not any((training.run / "result.json").exists() for training in trainings)
