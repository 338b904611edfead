"""Workers end with the command that started them, however it ends.

`tests/benchmarks/process_cleanup.py` repeats this for every command with workers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.micro_runs import search_command, write_inputs
from support.process_cleanup import SIGNALS, left_behind, tsdsl

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.mark.parametrize("signals", SIGNALS)
def test_preparing_leaves_no_process(inputs: Path, tmp_path: Path, signals: str) -> None:
    command = tsdsl("data", "prepare", inputs / "clips", tmp_path / "prepared", "--workers", "2")
    # The command, two servers of Python's and two workers.
    assert left_behind(command, SIGNALS[signals], 5, tmp_path / "log") == []


def test_a_killed_search_leaves_no_process(inputs: Path, tmp_path: Path) -> None:
    command = tsdsl(*search_command(inputs, tmp_path / "run", "--workers", "2"))
    # Each of the two loaders has two workers.
    assert left_behind(command, SIGNALS["SIGKILL"], 7, tmp_path / "log") == []
