"""One flipped bit anywhere in a run's folder is reported, or the command never reads it.

`tests/benchmarks/bit_flips.py` does this for 60 bits of each of four runs.
"""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path

import pytest

from support.bit_flips import RIGHT, ended, flipped
from support.micro_runs import write_inputs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs, a search that ended, and the same search killed after its second step had begun."""
    folder = tmp_path_factory.mktemp("damaged")
    write_inputs(folder)
    assert ended(folder, folder / "search-whole") == 0, (folder / "search-whole.log").read_text()
    events = int((folder / "search-whole.log.events").read_text())
    assert ended(folder, folder / "search-killed", events // 2) == -signal.SIGKILL
    return folder


@pytest.mark.parametrize(("name", "count"), [("search-whole", 6), ("search-killed", 3)])
def test_a_flipped_bit_never_leads_to_another_result_in_silence(folder: Path, name: str, count: int) -> None:
    draw = random.Random(0)
    flips = [flipped(folder, folder / name, folder / "search-whole", draw) for _ in range(count)]
    assert [flip for flip in flips if flip.judged not in RIGHT] == []


def test_a_file_of_a_finished_step_that_is_missing_is_reported(folder: Path) -> None:
    run = folder / "search-robbed"
    shutil.copytree(folder / "search-killed", run)
    (run / "step1" / "metrics.jsonl").unlink()
    assert ended(folder, run) == 3
    assert "step1/metrics.jsonl: is missing" in (folder / "search-robbed.log").read_text()
