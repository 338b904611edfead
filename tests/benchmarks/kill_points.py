"""Kills searches and trainings with SIGKILL at random points, goes on with each, and compares with a run left alone.

The five kinds: a search, a training of what it found, that training extended by two epochs, the search redone from step
2 on, and a search that takes its first steps over from another.

`python tests/benchmarks/kill_points.py FOLDER [--points 100] [--seed 0] [--write]`

Half of the points are before a random file operation in the run's folder (open, rename, remove, make or remove a
folder), half at a random time. Every fourth run is killed a second time while it goes on. What is compared, to the bit:
final weights, the last checkpoints with alpha and the optimisers, metrics, the log of alpha, architectures, results,
TensorBoard's scalars, and which files there are. FOLDER keeps what is done: the same command goes on after an
interruption. A run that differs stays there. `--write` keeps what is printed in `results/`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from recording import recorded

from support.micro_runs import differences, outcome, search_command, start, train_command, write_inputs

TIMEOUT_S = 300
Kind = Literal["search", "train", "extend", "redo", "from"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BEFORE: dict[Kind, Kind] = {"extend": "train", "redo": "search"}
"""Kinds that begin with the folder of another one left alone."""


@dataclass(frozen=True)
class Whole:
    """A run left alone: its file operations and its seconds."""

    operations: int
    seconds: float


@dataclass(frozen=True)
class Point:
    """One run: how it was killed, how often it was met by the kill, and what is not as in the run left alone."""

    number: int
    kind: Kind
    by: str
    kills: int
    differing: Sequence[str]


def command(kind: Kind, folder: Path, run: Path, *, again: bool) -> list[str]:
    """The arguments that begin a run of a kind, or `again` go on with it: the same, but for `--redo`."""
    searched = folder / "search-whole"
    match kind:
        case "search":
            return search_command(folder, run)
        case "redo":
            return search_command(folder, run, *(() if again else ("--redo", "2", "--force")))
        case "from":
            return search_command(folder, run, "--from", str(searched), "--step", "3")
        case "train":
            return train_command(folder, searched / "step3" / "architecture.json", run)
        case "extend":
            return ["train", str(run), "--epochs", "6", "--device", "cpu", "-q"]


def ended(kind: Kind, folder: Path, run: Path, *, again: bool) -> str | None:
    """Begin a run, or `again` go on with it, and let it end; what went wrong, if anything did."""
    log = folder / f"{run.name}.log"
    process = start(command(kind, folder, run, again=again), run, log)
    process.join(TIMEOUT_S)
    return None if process.exitcode == 0 else f"ended with {process.exitcode}: {log.read_text()[-500:]}"


def left_alone(kind: Kind, folder: Path) -> Whole:
    """Run without a kill: once to be compared with, once more for its time, when the server has begun."""
    facts = folder / f"{kind}-whole.json"
    if not facts.exists():
        for name in (f"{kind}-whole", f"{kind}-again"):
            prepare(kind, folder, folder / name)
            begin_s = time.monotonic()
            wrong = ended(kind, folder, folder / name, again=False)
            if wrong:
                raise SystemExit(f"{kind}: {wrong}")
        whole = Whole(int((folder / f"{kind}-again.log.events").read_text()), time.monotonic() - begin_s)
        differing = differences(outcome(folder / f"{kind}-whole"), outcome(folder / f"{kind}-again"))
        if differing:
            raise SystemExit(f"{kind}: two runs left alone differ: {', '.join(differing)}")
        facts.write_text(json.dumps(asdict(whole)))
    return Whole(**json.loads(facts.read_text()))


def prepare(kind: Kind, folder: Path, run: Path) -> None:
    """Make the folder what it is before the command of a kind."""
    shutil.rmtree(run, ignore_errors=True)
    if kind in BEFORE:
        shutil.copytree(folder / f"{BEFORE[kind]}-whole", run)


def killed(
    kind: Kind, folder: Path, run: Path, whole: Whole, draw: random.Random, by_file: bool, *, again: bool
) -> bool:
    """Begin the run, or `again` go on with it, and kill it; False where it ended before the point came."""
    log, arguments = folder / f"{run.name}.log", command(kind, folder, run, again=again)
    if by_file:
        process = start(arguments, run, log, draw.randint(1, whole.operations))
        process.join(TIMEOUT_S)
    else:
        process = start(arguments, run, log)
        process.join(draw.uniform(0, whole.seconds))
        process.kill()
        process.join()
    return process.exitcode == -signal.SIGKILL


def tried(number: int, seed: int, folder: Path, wholes: dict[Kind, Whole]) -> Point:
    """Kill a run at a point that follows from its number, go on, compare."""
    draw = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    by_file = number // len(KINDS) % 2 == 0
    run = folder / f"{kind}-{number}"
    prepare(kind, folder, run)
    times = 2 if draw.random() < 0.25 else 1
    kills = sum([killed(kind, folder, run, wholes[kind], draw, by_file, again=time > 0) for time in range(times)])
    wrong = ended(kind, folder, run, again=True)
    differing = [wrong] if wrong else differences(outcome(run), outcome(folder / f"{kind}-whole"))
    if not differing:
        shutil.rmtree(run)
    return Point(number, kind, "before a file operation" if by_file else "at a time", kills, differing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=100, help="that the kill has met")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder)
    wholes = {kind: left_alone(kind, folder) for kind in KINDS}
    record = folder / "points.jsonl"
    points = [Point(**json.loads(line)) for line in record.read_text().splitlines()] if record.exists() else []
    while sum(point.kills for point in points) < arguments.points:
        points.append(tried(len(points), arguments.seed, folder, wholes))
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(points[-1])) + "\n")
    with recorded("kill_points", arguments.write):
        for kind, whole in wholes.items():
            files = len(outcome(folder / f"{kind}-whole"))
            print(f"{kind} left alone: {whole.operations} file operations, {files} files compared")
        show(points)


def show(points: Sequence[Point]) -> None:
    """Print how many kills there were of each kind, and what differed."""
    counts: Counter[str] = Counter()
    for point in points:
        counts[f"kills of kind {point.kind} {point.by}"] += point.kills
    counts["kills in all"] = counts.total()
    counts["runs that were killed once or twice and went on to the end"] = sum(point.kills > 0 for point in points)
    counts["of these the same to the bit as the run left alone"] = sum(
        point.kills > 0 and not point.differing for point in points
    )
    for name, count in counts.items():
        print(f"{count:5d}  {name}")
    for point in points:
        if point.differing:
            print(f"DIFFERENT: point {point.number}, {point.kind}, {point.by}: {', '.join(point.differing)}")


if __name__ == "__main__":
    main()
