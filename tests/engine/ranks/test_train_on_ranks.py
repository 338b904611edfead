"""Training on several ranks: what one rank gives, one folder written by one of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support.processes import launch
from support.rank_trainings import SETTINGS, assert_agree, trained

PROGRAM = """
import os, signal, sys, torch
from pathlib import Path
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.cli.main import run
from tsdsl.engine.ranks.ranks import joined
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
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


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_that_share_a_batch_train_what_one_rank_does(tmp_path: Path, size: int) -> None:
    ended = launch(PROGRAM, size, str(tmp_path / "many"), SETTINGS.model_dump_json(), "-1")
    assert [end.errors for end in ended if end.code] == []
    trained(tmp_path / "one")
    assert_agree(tmp_path / "many", tmp_path / "one")


def test_a_signal_to_one_rank_stops_all_and_another_number_of_ranks_goes_on(tmp_path: Path) -> None:
    many = tmp_path / "many"
    ended = launch(PROGRAM, 2, str(many), SETTINGS.model_dump_json(), "4")
    assert [end.code for end in ended] == [128 + signal.SIGTERM] * 2
    assert sum("interrupted by SIGTERM after iteration 4" in end.errors for end in ended) == 1
    trained(many)
    trained(tmp_path / "one")
    assert_agree(many, tmp_path / "one")
