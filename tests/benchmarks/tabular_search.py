"""Search methods on NAS-Bench-Macro: PARSEC, random search, evolution and the order of FLOPs.

`python tests/benchmarks/tabular_search.py TABLE [--seeds 50] [--evaluations 50 100 200] [--target FLOPS]`

TABLE is the file nas-bench-macro_cifar10.json of NAS-Bench-Macro (Su et al., 2021; Apache-2.0), which this repository
does not hold: 3 operations in each of 8 layers, 6,561 networks, each trained three times on CIFAR-10. The mean of the
three accuracies is looked up. Any other table that `tsdsl.search.methods.accuracy_table.read_table` reads will do as
well.

The space is made of decisions alone. The language cannot say it: there a choice of a layer is a whole operation
(identity, or a block whose kernel and expansion are tied), and a group's operator is no choice in the language.

Best seen is the best of all that was looked up. Found is what the method itself ends with: the arg-max of alpha for
PARSEC, the best seen for the others. With a target both are within it, and PARSEC has its hinge. Mean over the seeds,
the standard deviation behind it.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from statistics import mean, pstdev

import numpy as np
import torch

from tsdsl.search.distribution.factorised import Variables
from tsdsl.search.methods.accuracy_table import AccuracyTable, Row, TableCandidates, accuracy_table, read_table
from tsdsl.search.methods.baselines import best_seen
from tsdsl.search.methods.tabular import search_table
from tsdsl.search.settings import SearchSettings
from tsdsl.space.parts import Decision

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")

METHODS: tuple[tuple[str, SearchSettings], ...] = (
    ("random search", SearchSettings(method="random")),
    ("evolution, 20 alive, tournament of 5", SearchSettings(method="evolution")),
    ("PARSEC, accuracy / sum (literal)", SearchSettings(accuracy_weights="literal")),
    ("PARSEC, softmax, T = 0.01", SearchSettings(accuracy_weights="softmax", accuracy_temperature=0.01)),
    ("PARSEC, standardized (the defaults)", SearchSettings()),
    ("PARSEC, standardized, T = 1/3, lr 0.3", SearchSettings(accuracy_temperature=1 / 3, alpha_lr=0.3)),
    ("PARSEC, literal, centred", SearchSettings(accuracy_weights="literal", centred=True)),
    ("PARSEC, standardized, centred", SearchSettings(centred=True)),
    (
        "PARSEC, standardized, T = 1/2, lr 0.3, centred",
        SearchSettings(accuracy_temperature=0.5, alpha_lr=0.3, centred=True),
    ),
    (
        "PARSEC, standardized, T = 1/3, lr 0.2, momentum 0.5",
        SearchSettings(accuracy_temperature=1 / 3, alpha_lr=0.2, alpha_momentum=0.5),
    ),
    (
        "PARSEC, standardized, T = 1/2, lr 0.3, momentum 0.5, centred",
        SearchSettings(accuracy_temperature=0.5, alpha_lr=0.3, alpha_momentum=0.5, centred=True),
    ),
)
BUDGETS: tuple[tuple[str, dict[str, object]], ...] = (
    ("additive hinge", {"hinge_form": "additive"}),
    ("budget = condition", {"budget": "condition"}),
)
WITHIN_TARGET = tuple(
    (f"{name}, {budget}", settings.model_copy(update=changes))
    for budget, changes in BUDGETS
    for name, settings in METHODS
    if settings.method == "parsec"
)
"""Tried besides where there is a target: without one they do the same as the above."""


def nas_bench_macro(path: Path) -> AccuracyTable:
    """The table in NAS-Bench-Macro's own format: keys of one digit a layer."""
    content = json.loads(path.read_text(encoding="utf-8"))
    num_layers = len(next(iter(content)))
    layers = tuple(Decision(path=f"layer{n}", values=OPERATIONS) for n in range(1, num_layers + 1))
    rows = (
        Row(
            {layer.path: OPERATIONS[int(digit)] for layer, digit in zip(layers, code, strict=True)},
            entry["mean_acc"] / 100,
            entry["flops"],
        )
        for code, entry in content.items()
    )
    return accuracy_table(rows, Variables(layers, {}), path.name)


def table_of(path: Path) -> AccuracyTable:
    """The table in a file of either format."""
    if path.suffix == ".json" and isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
        return nas_bench_macro(path)
    return read_table(path)


def measured(candidates: TableCandidates, settings: SearchSettings, seeds: int, evaluations: int) -> tuple[str, str]:
    """(best seen, found) of a method after so many look-ups, in percent."""
    table = candidates.table
    seen, found = [], []
    for seed in range(seeds):
        result = search_table(candidates, settings.model_copy(update={"seed": seed, "evaluations": evaluations}))
        seen.append(100 * best_seen([e for e in result.history if candidates.is_within(e.decisions)]).accuracy)
        found.append(100 * table.accuracy(result.found))
    return shown(seen), shown(found)


def by_flops(candidates: TableCandidates, evaluations: int) -> tuple[str, str]:
    """The same of looking up the largest architectures; found is the very largest."""
    largest = sorted(candidates.rows, key=lambda row: row.macs or 0, reverse=True)[:evaluations]
    return f"{100 * max(row.accuracy for row in largest):.2f}", f"{100 * largest[0].accuracy:.2f}"


def shown(values: list[float]) -> str:
    return f"{mean(values):.2f} ({pstdev(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--target", type=int, help="multiply-adds that nothing may exceed")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    table = table_of(arguments.table)
    candidates = TableCandidates(table, arguments.target)
    accuracies = np.array([row.accuracy for row in candidates.rows])
    counts = arguments.evaluations
    limit = "" if arguments.target is None else f" with at most {arguments.target:,} FLOPs"
    lines = [
        f"{len(accuracies):,} architectures of {table.source}{limit}: best {100 * accuracies.max():.2f}, "
        f"median {100 * np.median(accuracies):.2f}; {arguments.seeds} seeds",
        "",
        "| method | " + " | ".join(f"best seen, {n} | found, {n}" for n in counts) + " |",
        "| --- |" + " ---: | ---: |" * len(counts),
    ]
    for name, settings in (*METHODS, *(() if arguments.target is None else WITHIN_TARGET)):
        cells = [cell for n in counts for cell in measured(candidates, settings, arguments.seeds, n)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if table.has_macs:
        cells = [cell for n in counts for cell in by_flops(candidates, n)]
        lines.append("| the largest by FLOPs | " + " | ".join(cells) + " |")
    seconds = time.perf_counter() - begin
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    lines += ["", f"{seconds:.0f} s on one core, {platform.machine()}; {versions}"]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
