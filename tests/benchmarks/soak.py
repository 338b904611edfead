"""Runs a training and a search for thousands of checkpoints, and fits what memory, handles and processes do meanwhile.

`python tests/benchmarks/soak.py [--seconds 240] [--write]`

Each is the real command on clips of 16 px, with a step, an evaluation (in training) and a checkpoint in a fraction of a
second, so that minutes have as many as days of a real run: 48 hours with a checkpoint every ten minutes are 288. The
training decodes in a worker process; the search keeps its clips in memory, so that it takes more steps.

The process is watched from outside, through /proc (Linux): resident memory, its own and that of its worker processes;
open file handles; threads; child processes; files in the run's folder. At the end SIGTERM stops it, and everything it
started must be gone. Told are the means of the second and the last fifth of the time, and the slope of a line fitted to
all after the first fifth. `--seconds` is for each of the two.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from recording import recorded

import tsdsl
from support.micro_runs import search_command, start, train_command, write_inputs
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.files import write_json

INTERVAL_S = 0.5
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Reading:
    """What a process has at one moment."""

    memory_mb: float
    workers_mb: float
    handles: int
    threads: int
    processes: int
    files: int
    checkpoint: int


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and that these have started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def resident_mb(pid: int) -> float:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def reading(pid: int, run: Path) -> Reading:
    """What the process of a run has now."""
    below = descendants(pid)
    numbers = [int(path.name.split("-")[1]) for path in run.rglob("checkpoint-*") if path.parent.name == "checkpoints"]
    return Reading(
        resident_mb(pid),
        sum(resident_mb(child) for child in below),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        len(list(Path(f"/proc/{pid}/task").iterdir())),
        len(below),
        sum(path.is_file() for path in run.rglob("*")),
        max(numbers, default=0),
    )


def watched(command: Sequence[str], run: Path, log: Path, seconds: float) -> tuple[list[Reading], list[int], int]:
    """Run a command for a time, then stop it with SIGTERM: readings, processes left over, exit code."""
    process = start(command, run, log)
    assert process.pid is not None
    deadline_s = time.monotonic() + seconds
    readings = []
    while time.monotonic() < deadline_s and process.is_alive():
        try:
            now = reading(process.pid, run)
        except FileNotFoundError:
            continue  # a process or a checkpoint went away while it was looked at
        if now.checkpoint:
            readings.append(now)
        time.sleep(INTERVAL_S)
    below = descendants(process.pid) if process.is_alive() else []
    if process.is_alive():
        os.kill(process.pid, signal.SIGTERM)
    process.join()
    time.sleep(10 * INTERVAL_S)
    return readings, [pid for pid in below if Path(f"/proc/{pid}").exists()], process.exitcode or 0


def show(readings: Sequence[Reading]) -> None:
    """Print how each quantity begins, ends and grows."""
    table = np.array([astuple(one) for one in readings], dtype=float)
    fifth = max(1, len(table) // 5)
    thousands = table[:, -1] / 1000
    print(f"{'':<12}{'2nd fifth':>12}{'last fifth':>12}{'largest':>12}   slope per 1000 checkpoints")
    for column, field in enumerate(fields(Reading)[:-1]):
        values = table[:, column]
        slope = np.polyfit(thousands[fifth:], values[fifth:], 1)[0]
        begin, end = values[fifth : 2 * fifth].mean(), values[-fifth:].mean()
        print(f"{field.name:<12}{begin:12.2f}{end:12.2f}{values.max():12.2f}   {slope:+.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, recorded("soak", arguments.write):
        folder = Path(temporary)
        write_inputs(folder, clips_per_class=1)
        space = tsdsl.load(folder / "micro.tsspace")
        (drawn,) = sample_architectures(space, 1, seed=0)
        write_json(folder / "drawn.json", drawn.model_dump(mode="json"))
        often = ["--epochs", "1000000"]
        elsewhere = ["--in", str(folder / "micro.tsspace"), "--workers", "1"]
        once = ["--step", "1", "--checkpoint-every", "1", "--cache"]
        commands = {
            "train": train_command(
                folder, folder / "drawn.json", folder / "train", *often, *elsewhere, evaluate_every=1
            ),
            "search": search_command(folder, folder / "search", *often, *once),
        }
        for name, command in commands.items():
            log = folder / f"{name}.log"
            readings, left, code = watched(command, folder / name, log, arguments.seconds)
            if not readings:
                raise SystemExit(log.read_text())
            done = readings[-1].checkpoint
            evaluations = f", {done} evaluations" if name == "train" else ""
            print(f"\n{name}: {done} steps, {done} checkpoints{evaluations}, {len(readings)} readings")
            show(readings)
            print(f"after SIGTERM: exit code {code}, {len(left)} processes left over")


if __name__ == "__main__":
    main()
