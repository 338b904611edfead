"""Flips one bit of a run's folder, runs its command again, and judges what came of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.micro_runs import differences, outcome, search_command, start, train_command
from tsdsl.engine.runs.directory import DRAWN_FILES
from tsdsl.files import LOCK_NAME

TIMEOUT_S = 300
FREE = (LOCK_NAME, *DRAWN_FILES)
"""Files that say nothing of a run, or are drawn again by each command."""
STOPPED, WENT_ON = "reported, stopped", "reported, went on right"
RIGHT = (STOPPED, WENT_ON)


@dataclass(frozen=True)
class Flip:
    """Which bit of a run was flipped, and what came of it; anything but `RIGHT` is a defect."""

    file: str
    position: int
    bit: int
    judged: str


def command(folder: Path, run: Path) -> list[str]:
    """The command of a run by its name in the folder of the inputs: a search, or a training of what one found."""
    if run.name.startswith("search"):
        return search_command(folder, run)
    return train_command(folder, folder / "search-whole" / "step3" / "architecture.json", run)


def ended(folder: Path, run: Path, kill_at: int | None = None) -> int | None:
    """How the command of a run ended, which begins it or goes on with it; its log lies beside the run."""
    log = folder / f"{run.name}.log"
    log.unlink(missing_ok=True)
    process = start(command(folder, run), run, log, kill_at)
    process.join(TIMEOUT_S)
    return process.exitcode


def flipped(folder: Path, run: Path, whole: Path, draw: random.Random) -> Flip:
    """Flip a bit of a copy of a run, each file as likely, let its command end it, and compare with `whole`."""
    copy = run.with_name(f"{run.name}-flipped")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.name not in FREE)
    path = draw.choice([path for path in files if path.stat().st_size])
    before = path.read_bytes()
    content = bytearray(before)
    position, bit = draw.randrange(len(content)), draw.randrange(8)
    content[position] ^= 1 << bit
    path.write_bytes(content)
    code = ended(folder, copy)
    said = (folder / f"{copy.name}.log").read_text()
    name = str(path.relative_to(copy))
    is_reported = name in said or ("checkpoint-" in path.parent.name and path.parent.name in said)
    if is_reported and path.exists() and path.read_bytes() == content:
        path.write_bytes(before)  # an old checkpoint that was not used; compared is what the run made
    differing: Sequence[str] = differences(outcome(copy), outcome(whole)) if code == 0 else ()
    if code in (1, 2, 3, 4) and is_reported:
        judged = STOPPED
    elif code == 0 and not differing and is_reported:
        judged = WENT_ON
    else:
        judged = f"WRONG: {code=}, {is_reported=}, differs in {list(differing)}: {said}"
    return Flip(name, position, bit, judged)
