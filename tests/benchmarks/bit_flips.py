"""Flips single bits of searches and trainings, finished and killed, runs each command again, and judges the outcome.

`python tests/benchmarks/bit_flips.py FOLDER [--flips 60] [--seed 0] [--write]`

Each file of a run's folder is as likely, each bit of it too; not the lock and what is drawn of a run. Each must be
reported. FOLDER is for the data and the runs. `--write` keeps what is printed in `results/`.
"""

from __future__ import annotations

import argparse
import random
import signal
from collections import Counter
from pathlib import Path

from recording import recorded

from support.bit_flips import RIGHT, ended, flipped
from support.micro_runs import write_inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder)
    with recorded("bit_flips", arguments.write):
        for kind in ("search", "train"):
            whole, killed = folder / f"{kind}-whole", folder / f"{kind}-killed"
            if not killed.exists():
                if ended(folder, whole) != 0:
                    raise SystemExit((folder / f"{whole.name}.log").read_text())
                events = int((folder / f"{whole.name}.log.events").read_text())
                if ended(folder, killed, events // 2) != -signal.SIGKILL:
                    raise SystemExit(f"{killed}: was not killed")
            for run in (whole, killed):
                draw = random.Random(f"{arguments.seed}/{run.name}")
                flips = [flipped(folder, run, whole, draw) for _ in range(arguments.flips)]
                counts = Counter(flip.judged if flip.judged in RIGHT else "WRONG" for flip in flips)
                print(f"{run.name:13} {len(flips)} bits: ", ", ".join(f"{n} {what}" for what, n in counts.items()))
                for flip in flips:
                    if flip.judged not in RIGHT:
                        print(f"  {flip}")


if __name__ == "__main__":
    main()
