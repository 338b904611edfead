"""torchrun itself: a worker that dies is started again with the others, and the run goes on.

A search does so in `tests/test_scale_out_examples.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.rank_trainings import SETTINGS, assert_agree, trained

WORKER = """
import os, signal, sys, torch
from pathlib import Path
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.engine.ranks.ranks import joined
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.train import train

folder, settings = sys.argv[1:]
with joined(torch.device("cpu")) as ranks:
    def before(iteration):
        if ranks.rank == 1 and iteration == 4 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            os.kill(os.getpid(), signal.SIGKILL)
    train(tiny_blueprint(dropout=0.0), tiny_architecture(), memory_data(before, ranks),
          TrainSettings.model_validate_json(settings), RunDirectory(Path(folder)),
          checkpoints=CheckpointPolicy(every_s=0), ranks=ranks)
"""


@pytest.mark.nightly
def test_an_elastic_restart_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command = [*torchrun, str(tmp_path / "worker.py"), str(tmp_path / "many"), SETTINGS.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "exitcode: -9" in ended.stderr
    trained(tmp_path / "one")
    assert_agree(tmp_path / "many", tmp_path / "one")
