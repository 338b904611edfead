"""A search that is killed with SIGKILL at a random point and goes on is the search that was left alone.

`tests/benchmarks/kill_points.py` does this at a hundred points, with trainings too.
"""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest

from support.micro_runs import DEEP_SPACE, differences, outcome, search_command, start, write_inputs
from tsdsl.cli.main import run


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


def test_a_search_over_depths_and_operators_is_compiled_killed_gone_on_with_and_exported(tmp_path: Path) -> None:
    write_inputs(tmp_path, space=DEEP_SPACE)
    assert run(["compile", str(tmp_path / "micro.tsspace"), "-o", str(tmp_path / "build")]) == 0
    assert ended(tmp_path, "whole") == 0, (tmp_path / "whole.log").read_text()
    operations = int((tmp_path / "whole.log.events").read_text())
    assert ended(tmp_path, "killed", operations // 2) == -signal.SIGKILL
    assert ended(tmp_path, "killed") == 0, (tmp_path / "killed.log").read_text()
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []
    found = tmp_path / "killed" / "step1" / "architecture.json"
    decisions = json.loads(found.read_text())["decisions"]
    assert {"rgb.stage1.group1.op", "rgb.stage1.group1.repeat", "rgb.stage1.group3.block2.op"} <= set(decisions)
    for name in ("model.py", "model.pt2"):
        assert run(["export", str(found), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).exists()
    assert run(["render", str(found), "-o", str(tmp_path / "found.svg")]) == 0
