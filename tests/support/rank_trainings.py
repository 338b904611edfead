"""A training on one rank, and whether another on several ranks agrees with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.engine.ranks.ranks import ALONE
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.record import TrainResult, read_train_result
from tsdsl.engine.training.train import train

SETTINGS = TrainSettings(
    epochs=2,
    batch_size=4,
    learning_rate=2.0,
    precise_norm_batches=2,
    evaluate_every_epochs=1,
    gradient_norm=1.0,
    average_decay=0.5,
    seed=5,
)


def trained(folder: Path, settings: TrainSettings = SETTINGS) -> TrainResult:
    data = memory_data(ranks=ALONE)
    policy = CheckpointPolicy(every_s=0)
    return train(
        tiny_blueprint(dropout=0.0), tiny_architecture(), data, settings, RunDirectory(folder), checkpoints=policy
    )


def assert_agree(folder: Path, other: Path) -> None:
    ours, theirs = (load_file(place / "weights.safetensors") for place in (folder, other))
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=2e-3, atol=2e-5)
    results = [read_train_result(RunDirectory(place)) for place in (folder, other)]
    assert results[0].train_loss == pytest.approx(results[1].train_loss, rel=1e-4)
    assert results[0].val_top1 == results[1].val_top1
    ours_logged, theirs_logged = (read_metrics(place) for place in (folder, other))
    assert [line["iteration"] for line in ours_logged] == [line["iteration"] for line in theirs_logged]
    assert [line["train/loss"] for line in ours_logged] == pytest.approx([e["train/loss"] for e in theirs_logged], 1e-4)
