"""Times of exact facts about spaces: bounds, brackets, counts, draws, batch costs, and how they grow.

Run by hand: `python tests/benchmarks/exact_facts.py [--long]`, with OMP_NUM_THREADS=1. `--long` adds the exact
count of step 2 with both streams free (minutes). Where PyGlove is installed, its count and uniform draw of a
space of the same decisions are timed beside; it has no costs, so it cannot draw within a budget.
"""

from __future__ import annotations

import argparse
import importlib
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import tsdsl
from tsdsl.analysis.batch_costs import BatchCosts
from tsdsl.analysis.budget_sampling import uniform_within
from tsdsl.analysis.counting import counts
from tsdsl.analysis.extremes import least_by_value
from tsdsl.analysis.free import FreeSpace
from tsdsl.analysis.network import Blueprint
from tsdsl.analysis.probability import marginals_within
from tsdsl.analysis.ranking import Ranking
from tsdsl.analysis.sampling import sample_architectures
from tsdsl.analysis.terms import CostTable
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.resolve import resolve

SPACE = Path(__file__).parents[2] / "spaces" / "auto_tsnet.tsspace"
GIGA = 1_000_000_000
T = TypeVar("T")


def timed(name: str, query: Callable[[], T], per: int = 1) -> T:
    """The result of a query, its time printed; with `per`, also how many a second that makes."""
    begin = time.perf_counter()
    result = query()
    seconds = time.perf_counter() - begin
    rate = f"  {per / seconds:12,.0f} a second" if per > 1 else ""
    print(f"  {name:<58}{seconds:9.3f} s{rate}")
    return result


def free_space(space: Space, step: int | None, **fixed: Any) -> FreeSpace:
    return FreeSpace(CostTable(Blueprint(space), step), **fixed)


def bounds(space: Space, step: int | None) -> tuple[int, int]:
    table = CostTable(Blueprint(space), step)
    return table.bound("macs", "min").value, table.bound("macs", "max").value


def counting_facts(space: Space, long: bool) -> None:
    for step in (1, 2, 3, None):
        timed(f"bounds of {named(step)}", partial(bounds, space, step))
    for step, target in ((1, 1_400_000_000), (2, 2 * GIGA), (3, 2_500_000_000)):
        free = free_space(space, step)
        counted = timed(f"tables, trellis and total of step {step}", partial(counts, free))
        found = timed(f"  bracket within {target / GIGA} G", partial(counted.bracket, None, target))
        print(f"    share {found.at_least / counted.total:.4g} .. {found.at_most / counted.total:.4g}")
    sparse = next(sample_architectures(space, 1, step=1, most_macs=1_400_000_000)).decisions
    exact = [("step 1 within 1.4 G", counts(free_space(space, 1)), 1_400_000_000)]
    exact.append(("step 2 within 2.0 G, sparse fixed", counts(free_space(space, 2, fixed=sparse)), 2 * GIGA))
    if long:
        exact.append(("step 2 within 2.0 G", counts(free_space(space, 2)), 2 * GIGA))
    for name, counted, target in exact:
        print(f"    {timed(f'exact count of {name}', partial(counted.within, None, target)):,}")


def drawing_facts(space: Space, step: int | None, target: int) -> None:
    print(f" {named(step)} within {target / GIGA} G")
    free = free_space(space, step)
    batches = uniform_within(free, 0, target).rows(np.random.default_rng(0))
    timed("first 512 draws", lambda: next(batches))
    timed("next draws, index rows", lambda: [next(batches) for _ in range(20)], per=20 * 512)
    drawn = sample_architectures(space, 100_000, step=step, most_macs=target)
    next(drawn)
    timed("next draws, architectures with costs", lambda: list(islice(drawn, 4000)), per=4000)
    timed("marginals", lambda: marginals_within(free, most=target))
    timed("least multiply-adds with each value", lambda: least_by_value(free))
    draw = np.random.default_rng(0)
    rows = np.stack([draw.integers(0, len(d.values), 1_000_000, dtype=np.int32) for d in free.decisions], axis=1)
    batch = BatchCosts(free)
    batch(rows[:1])
    timed("costs of a million index rows", lambda: batch(rows), per=1_000_000)
    ranking = Ranking(free)
    numbers = [ranking.total * i // 1000 for i in range(1000)]
    timed("architectures by number", lambda: [ranking.row(number) for number in numbers], per=1000)


def named(step: int | None) -> str:
    return f"step {step}" if step else "the whole"


def chain(groups: int) -> Space:
    """A stream of that many groups, four decisions each."""
    group = "group mbconv3d(t = {1, 3, 5}, k = {3, 5}, expansion = 1.5 .. 6.0 by 0.75, channels = 32 .. 48 by 8)"
    stages = "\n".join(
        f"stage {index} {{ " + "\n".join([group] * 10) + " }" for index in range(max(1, math.ceil(groups / 10)))
    )
    text = f"tsspace 1\nspace chain {{ classes = 10 size = 32 stream s {{ frames = 4\n{stages}\n }} }}"
    return resolve(SourceFile("chain", text)).spaces[0].space


def growth(groups: int) -> None:
    space = chain(groups)
    free = free_space(space, None)
    print(f" {groups} groups, {len(space.decisions)} decisions, 10^{len(str(space.cardinality)) - 1}")
    timed("tables of costs", lambda: free.table.factors("macs"))
    low, high = timed("bounds", lambda: tuple(free.table.bound("macs", end).value for end in ("min", "max")))
    counted = timed("trellis and exact total", lambda: counts(free))
    budget = (low + high) // 2
    timed("bracket, 1024 bins", lambda: counted.bracket(most=budget, bins=1024))
    batches = uniform_within(free, 0, budget, bins=1024).rows(np.random.default_rng(0))
    timed("first 512 draws within, 1024 bins", lambda: next(batches))
    timed("next 512 draws", lambda: next(batches), per=512)


def peers(space: Space) -> None:
    try:
        pyglove: Any = importlib.import_module("pyglove")
    except ImportError:
        print("PyGlove is not installed: no peer to compare with")
        return
    print(f"PyGlove {pyglove.__version__}, the {len(space.step(1).decisions)} decisions of step 1")
    values = [space.decision_by_path[path].values for path in space.step(1).decisions]
    spec = timed("build", lambda: pyglove.dna_spec(pyglove.List([pyglove.oneof(list(v)) for v in values])))
    timed("count", lambda: spec.space_size)
    timed("uniform draws", lambda: [pyglove.random_dna(spec) for _ in range(20)], per=20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="count step 2 exactly with both streams free")
    arguments = parser.parse_args()
    space = tsdsl.load(SPACE)
    print(f"{space.name} at {space.size} px")
    counting_facts(space, arguments.long)
    for step, target in ((1, 1_400_000_000), (2, 2 * GIGA), (None, 2_500_000_000)):
        drawing_facts(space, step, target)
    print("growth with the number of groups; a budget halfway between the bounds")
    for groups in (50, 100, 200, 400):
        growth(groups)
    peers(space)


if __name__ == "__main__":
    main()
