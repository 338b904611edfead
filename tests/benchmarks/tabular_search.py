"""Search methods on NAS-Bench-Macro, with and without a target, and with the noise of a supernet.

`python tests/benchmarks/tabular_search.py TABLE [--seeds 50] [--write]`
`python tests/benchmarks/tabular_search.py TABLE --convert FILE`

TABLE is the file nas-bench-macro_cifar10.json of NAS-Bench-Macro (Su et al., 2021; Apache-2.0), which this repository
does not hold: 3 operations in each of 8 layers, 6,561 networks, each trained three times on CIFAR-10. The mean of the
three accuracies is looked up. `--convert` writes the format that `tsdsl benchmark` reads, and ends.

Printed is what a method ends with, in percent: the mean over the seeds, with its 95 % bootstrap interval. A supernet's
look-ups have noise of 3 points, and 8 in a row share an offset.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from recording import recorded

from tsdsl.benchmarks import METHODS, AccuracyTable, Ending, load_table, run
from tsdsl.searching.methods.accuracy_table import TableCandidates

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
TARGETS = (30e6, 50e6, 70e6, None)
EVALUATIONS = (50, 200)
SUPERNET_BATCHES, SUPERNET_SEEDS = 250, 20


def converted(text: str) -> dict[str, object]:
    """NAS-Bench-Macro's own content, keys of one digit a layer, as a table."""
    content = json.loads(text)
    layers = [f"layer{number}" for number, _ in enumerate(next(iter(content)), start=1)]
    return {
        "name": "NAS-Bench-Macro",
        "decisions": dict.fromkeys(layers, OPERATIONS),
        "architectures": [
            {
                "decisions": {layer: OPERATIONS[int(digit)] for layer, digit in zip(layers, code, strict=True)},
                "accuracy": entry["mean_acc"],
                "flops": entry["flops"],
            }
            for code, entry in content.items()
        ],
    }


def shown(ending: Ending) -> str:
    low, high = ending.interval
    return f"{ending.mean:.2f} [{low:.2f}, {high:.2f}]"


def compare(table: AccuracyTable, seeds: int) -> None:
    for target in TARGETS:
        rows = TableCandidates(table, target).rows
        best = 100 * max(row.accuracy for row in rows)
        limit = "no target" if target is None else f"at most {target / 1e6:.0f} MFLOPs"
        print(f"\n{limit}: {len(rows):,} architectures, best {best:.2f}\n")
        print("| method | " + " | ".join(f"{count} look-ups" for count in EVALUATIONS) + " |")
        print("| --- |" + " ---: |" * len(EVALUATIONS))
        for name in METHODS:
            cells = [shown(run(table, name, evaluations=n, seeds=seeds, target=target)) for n in EVALUATIONS]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    target, count, seeds = TARGETS[1], SUPERNET_BATCHES * 8, min(seeds, SUPERNET_SEEDS)
    print(f"\nas a supernet looks up, at most 50 MFLOPs, {seeds} seeds\n")
    print(f"| method | {SUPERNET_BATCHES} batches of 8 |")
    print("| --- | ---: |")
    for name in METHODS:
        print(
            f"| {name} | {shown(run(table, name, evaluations=count, seeds=seeds, target=target, noise=3, batch=8))} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--convert", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true", help="also write it to results/tabular_search.txt")
    arguments = parser.parse_args()
    table = json.dumps(converted(arguments.table.read_text(encoding="utf-8")))
    if arguments.convert is not None:
        arguments.convert.write_text(table, encoding="utf-8")
        return
    with recorded("tabular_search", arguments.write), tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        path = Path(folder) / "table.json"
        path.write_text(table, encoding="utf-8")
        compare(load_table(path), arguments.seeds)
        print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
