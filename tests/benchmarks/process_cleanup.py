"""Ends every command that has workers, many times and by each way to end it, and counts the processes that are left.

`python tests/benchmarks/process_cleanup.py FOLDER [--times 20] [--at-once 2] [--only NAME] [--write]`

A process is left if it lives 10 s after the signal. Each command is ended when all its workers have started; under
torchrun it is torchrun that gets the signal. `--at-once` commands run at a time; `--only`, which may be repeated, names
those to end. But for torchrun, they run in processes that have imported torch already.
FOLDER is for the data and the runs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from recording import recorded

from support.micro_runs import search_command, train_command, write_inputs
from support.process_cleanup import SIGNALS, left_behind, left_by_fork, tsdsl
from tsdsl.artifacts.locate import find_architecture
from tsdsl.cli.main import run
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training.together import Training, train_together

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "0", "-m", "--"]


def train_two(folder: Path, place: Path) -> None:
    """What `tsdsl quickstart` does once its search is finished."""
    architecture, located = find_architecture(folder / "found", None)
    settings = TrainSettings(epochs=1000, batch_size=8)
    runs = [Training(located.space, architecture, (), folder / "clips", settings, place / name) for name in "ab"]
    train_together(runs, torch.device("cpu"), Progress(quiet=True))


def commands(folder: Path, place: Path) -> dict[str, tuple[Sequence[str | Path], int]]:
    """The arguments of each command, and how many processes it has once its workers have started."""
    workers = ("--workers", "2")
    clips, made = folder / "clips", place / "run"
    training = train_command(folder, folder / "found/step3/architecture.json", made, "--epochs", "1000")
    evaluation = ("eval", folder / "trained", "--data", clips, "--split", "train", "--views", "50x3")
    ranking = ("rank", place / "found", "-n", "3", "--step", "1", "--epochs", "1000")
    return {
        "data prepare": (("data", "prepare", clips, made, *workers), 5),
        "search": ((*search_command(folder, made, *workers),), 7),
        "train": ((*training, *workers), 5),
        "eval": ((*evaluation, *workers), 5),
        "predict": (("predict", folder / "trained", clips / "train", "--views", "50x3", *workers), 5),
        "rank": ((*ranking, *workers), 5),
        "quickstart": ((), 5),
        "torchrun train": ((*training, *workers), 1 + 2 * 5),
    }


def left(folder: Path, name: str, signals: str, number: int) -> list[str]:
    """The processes that one command of a name leaves."""
    place = folder / f"place-{name}-{number}".replace(" ", "-")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "found", place / "found")
    given, num_processes = commands(folder, place)[name]
    arguments, ends, log = list(map(str, given)), SIGNALS[signals], place / "log"
    if name.startswith("torchrun"):
        found = left_behind([*TORCHRUN, "tsdsl", *arguments], ends, num_processes, log)
    elif name == "quickstart":
        found = left_by_fork(train_two, (folder, place), ends, num_processes, log)
    else:
        found = left_by_fork(run, (arguments,), ends, num_processes, log)
    shutil.rmtree(place)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--only", action="append")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder, clips_per_class=12)
    once(folder, tsdsl(*search_command(folder, folder / "found")))
    once(folder, tsdsl(*train_command(folder, folder / "found/step3/architecture.json", folder / "trained")))
    with recorded("process_cleanup", arguments.write), ThreadPoolExecutor(arguments.at_once) as threads:
        for name in arguments.only or commands(folder, folder):
            for signals in SIGNALS:
                numbers = range(arguments.times)
                found = [one for some in threads.map(partial(left, folder, name, signals), numbers) for one in some]
                print(f"{name:15} {signals:17} {len(numbers)} times  {len(found)} processes left", *found, sep="\n  ")


def once(folder: Path, command: Sequence[str]) -> None:
    """Run a command to its end; one that has finished its run before returns at once."""
    with (folder / "log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)


if __name__ == "__main__":
    main()
