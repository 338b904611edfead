"""Quickstarts with several seeds: what each finds beside random architectures of the same cost, and how long it takes.

    python tests/benchmarks/quickstart_seeds.py FOLDER [--seeds 5] [--write]

Each is `tsdsl quickstart` as it is, in a process of its own. Finished ones in FOLDER are read, so the same command goes
on where it stopped; their seconds are kept with them. The margin is the accuracy of the found architecture less the
mean of the random ones, and its error the standard error of that mean.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev

from recording import recorded


def quickstart(folder: Path, seed: int) -> float:
    """Seconds of the quickstart with a seed; those noted beside one that has finished."""
    seconds = folder / "seconds.txt"
    if not seconds.exists():
        began_s = time.monotonic()
        command = ["tsdsl", "quickstart", str(folder), "--seed", str(seed), "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.write_text(f"{time.monotonic() - began_s:.0f}")
    return float(seconds.read_text())


def row(folder: Path, seed: int, seconds: float) -> tuple[str, float]:
    """A line of the table, and the margin in points."""
    results = json.loads((folder / "results.json").read_text())
    found, others = results[0], [result for result in results if result["random"]]
    top1 = [100 * other["top1"] for other in others]
    margin, error = 100 * found["top1"] - mean(top1), stdev(top1) / len(top1) ** 0.5
    macs = found["flops"] / 1e6, mean(other["flops"] for other in others) / 1e6
    better = sum(100 * found["top1"] > one for one in top1)
    return (
        f"| {seed} | {100 * found['top1']:.1f} | {mean(top1):.1f} ({stdev(top1):.1f}) | {margin:.1f} ({error:.1f}) | "
        f"{better} of {len(top1)} | {macs[0]:.2f} | {macs[1]:.2f} | {seconds:.0f} |"
    ), margin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/quickstart_seeds.txt")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(arguments.seeds):
        folder = arguments.folder / f"seed{seed}"
        rows.append(row(folder, seed, quickstart(folder, seed)))
        print(rows[-1][0], file=sys.stderr, flush=True)
    with recorded("quickstart_seeds", arguments.write):
        print("Top-1 in percent; in brackets the standard deviation of the random ones, and the error of the margin\n")
        print("| seed | found | random, mean | margin | better than | found, MFLOPs | random, MFLOPs | seconds |")
        print("| ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
        print("\n".join(line for line, _ in rows))
        margins = [margin for _, margin in rows]
        print(f"\nmargin over seeds: {mean(margins):.1f}, least {min(margins):.1f}")


if __name__ == "__main__":
    main()
