"""Search methods compared on tables of accuracies, in seconds.

table = tsdsl.benchmarks.load_table(Path("table.json"))
ending = tsdsl.benchmarks.run(table, "thompson", evaluations=50, seeds=20, target=50e6)
print(ending.mean, ending.interval)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from tsdsl.errors import UsageError
from tsdsl.searching.methods.accuracy_table import AccuracyTable, TableCandidates
from tsdsl.searching.methods.accuracy_table import read_table as load_table
from tsdsl.searching.methods.tabular import search_table
from tsdsl.searching.settings import SearchSettings

__all__ = ["METHODS", "AccuracyTable", "Ending", "load_table", "run"]

METHODS: Mapping[str, SearchSettings] = MappingProxyType(
    {
        "thompson": SearchSettings(method="thompson"),
        "evolution": SearchSettings(method="evolution"),
        "random": SearchSettings(method="random"),
        "parsec": SearchSettings(
            method="parsec",
            budget="condition",
            accuracy_temperature=0.5,
            alpha_lr=0.3,
            alpha_momentum=0.5,
            centred=True,
        ),
        "parsec-paper": SearchSettings(recipe="paper"),
    }
)
"""The methods by name; `parsec` has the best settings known for tables, `parsec-paper` those of the paper."""

RESAMPLES = 2000


@dataclass(frozen=True)
class Ending:
    """The accuracy, in percent, of what each seed's search ended with."""

    method: str
    evaluations: int
    accuracies: tuple[float, ...] = field(repr=False)

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """The standard deviation over the seeds."""
        return float(np.std(self.accuracies))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """A 95 % bootstrap interval of the mean."""
        own = np.array(self.accuracies)
        drawn = np.random.default_rng(0).integers(len(own), size=(RESAMPLES, len(own)))
        low, high = np.percentile(own[drawn].mean(axis=1), [2.5, 97.5]).tolist()
        return float(low), float(high)


def run(
    table: AccuracyTable,
    method: str = "thompson",
    *,
    evaluations: int = 200,
    seeds: int = 50,
    target: float | None = None,
    noise: float = 0.0,
    batch: int = 1,
) -> Ending:
    """Search a table with a method, once for each seed from 0 on.

    `target` is the most multiply-adds. `noise`, in points, is the standard deviation of a look-up's noise; `batch`
    look-ups in a row then share an offset of deviation 2 points, as those of a supernet on one batch of clips do.

    Raises:
        UsageError: there is no such method, or nothing in the table is within the target.
    """
    if method not in METHODS:
        raise UsageError(f"{method} is not a method for tables", help=f"choose one of {', '.join(METHODS)}")
    candidates = TableCandidates(table, target)
    found = []
    for seed in range(seeds):
        settings = METHODS[method].model_copy(update={"seed": seed, "evaluations": evaluations})
        found.append(100 * table.row(search_table(candidates, settings, noise / 100, batch).found).reported)
    return Ending(method, evaluations, tuple(found))
