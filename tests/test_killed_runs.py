"""A search that is killed with SIGKILL at a random point and goes on is the search that was left alone.

`tests/benchmarks/kill_points.py` does this at a hundred points, with trainings too.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from support.micro_runs import differences, outcome, search_command, start, write_inputs


def ended(folder: Path, name: str, kill_at: int | None = None) -> int | None:
    """How a search in `folder`, begun or gone on with, ended."""
    log = folder / f"{name}.log"
    process = start(search_command(folder, folder / name, "--step", "1"), folder / name, log, kill_at)
    process.join(300)
    return process.exitcode


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    write_inputs(folder)
    assert ended(folder, "whole") == 0, (folder / "whole.log").read_text()
    return folder / "whole"


@pytest.mark.slow
@pytest.mark.parametrize("point", range(3))
def test_a_search_killed_before_a_random_file_operation_ends_as_if_it_had_not(left_alone: Path, point: int) -> None:
    folder, name = left_alone.parent, f"killed{point}"
    operations = int((folder / "whole.log.events").read_text())
    assert ended(folder, name, random.Random(point).randint(1, operations // 2)) == -signal.SIGKILL
    assert differences(outcome(folder / name), outcome(left_alone)) != []
    assert ended(folder, name) == 0, (folder / f"{name}.log").read_text()
    assert differences(outcome(folder / name), outcome(left_alone)) == []
