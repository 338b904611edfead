"""Training on several ranks: what one rank gives, one folder written by one of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from memory_clips import memory_data, tiny_architecture, tiny_blueprint
from processes import launch
from safetensors.torch import load_file

from tsdsl.engine.ranks.ranks import ALONE
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.training.record import TrainResult, read_train_result
from tsdsl.engine.training.train import train

FOLDER = Path(__file__).parent
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
PROGRAM = """
import os, signal, sys, torch
from pathlib import Path
from memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.cli.main import run
from tsdsl.engine.ranks.ranks import joined
from tsdsl.engine.training.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.train import train
import tsdsl.cli.main as main

folder, settings, signalled_at = sys.argv[1:]

def work():
    with joined(torch.device("cpu")) as ranks:
        def before(iteration):
            if ranks.rank == 1 and iteration == int(signalled_at):
                os.kill(os.getpid(), signal.SIGTERM)
        train(tiny_blueprint(dropout=0.0), tiny_architecture(), memory_data(before, ranks),
              TrainSettings.model_validate_json(settings), RunDirectory(Path(folder)),
              checkpoints=CheckpointPolicy(every_s=0), ranks=ranks)

main.app = lambda args: work()
sys.exit(run([]))
"""


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


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_that_share_a_batch_train_what_one_rank_does(tmp_path: Path, size: int) -> None:
    ended = launch(PROGRAM, size, str(tmp_path / "many"), SETTINGS.model_dump_json(), "-1", folder=FOLDER)
    assert [end.errors for end in ended if end.code] == []
    trained(tmp_path / "one")
    assert_agree(tmp_path / "many", tmp_path / "one")


def test_a_signal_to_one_rank_stops_all_and_another_number_of_ranks_goes_on(tmp_path: Path) -> None:
    many = tmp_path / "many"
    ended = launch(PROGRAM, 2, str(many), SETTINGS.model_dump_json(), "4", folder=FOLDER)
    assert [end.code for end in ended] == [128 + signal.SIGTERM] * 2
    assert sum("interrupted by SIGTERM after iteration 4" in end.errors for end in ended) == 1
    trained(many)
    trained(tmp_path / "one")
    assert_agree(many, tmp_path / "one")
