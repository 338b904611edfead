"""Ends every command that has workers, many times and by each way to end it, and counts the processes that are left.

`python tests/benchmarks/process_cleanup.py FOLDER [--times 20] [--write]`

A process is left if it lives 10 s after the signal. Each command is ended when all its workers have started; under
torchrun it is torchrun that gets the signal. FOLDER is for the data and the runs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from recording import recorded

from support.micro_runs import search_command, train_command, write_inputs
from support.process_cleanup import SIGNALS, left_behind, tsdsl

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "0", "-m", "--"]


def commands(folder: Path) -> dict[str, tuple[Sequence[str], int]]:
    """Each command line by name, and how many processes it has once its workers have started."""
    workers = ("--workers", "2")
    found = folder / "found" / "step3"
    training = train_command(folder, found / "architecture.json", folder / "run", "--epochs", "1000")
    evaluation = [
        "eval",
        str(folder / "trained"),
        "--data",
        str(folder / "clips"),
        "--split",
        "train",
        "--views",
        "50x3",
    ]
    return {
        "data prepare": (tsdsl("data", "prepare", folder / "clips", folder / "run", *workers), 5),
        "search": (tsdsl(*search_command(folder, folder / "run", *workers)), 7),
        "train": (tsdsl(*training, *workers), 5),
        "eval": (tsdsl(*evaluation, *workers), 5),
        "torchrun train": ([*TORCHRUN, "tsdsl", *training, *workers], 1 + 2 * 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder, clips_per_class=12)
    once(folder, tsdsl(*search_command(folder, folder / "found")))
    once(folder, tsdsl(*train_command(folder, folder / "found/step3/architecture.json", folder / "trained")))
    with recorded("process_cleanup", arguments.write):
        for name, (command, num_processes) in commands(folder).items():
            for signals, numbers in SIGNALS.items():
                left: list[str] = []
                for _ in range(arguments.times):
                    for path in (folder / "run", folder / "run.part"):
                        shutil.rmtree(path, ignore_errors=True)
                    left += left_behind(command, numbers, num_processes, folder / "log")
                print(f"{name:15} {signals:17} {arguments.times} times  {len(left)} processes left", *left, sep="\n  ")


def once(folder: Path, command: Sequence[str]) -> None:
    """Run a command to its end; one that has finished its run before returns at once."""
    with (folder / "log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)


if __name__ == "__main__":
    main()
