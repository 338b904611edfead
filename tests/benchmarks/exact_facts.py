"""Times of exact facts about spaces: bounds, brackets, counts, draws, batch costs, and how they grow.

    OMP_NUM_THREADS=1 python tests/benchmarks/exact_facts.py [--long] [--peers PYTHON] [--write]

`--long` adds the exact count of step 2 with both streams free (minutes). `--peers` is the interpreter of an environment
that has PyGlove 0.4 and NNI 3.0: what they take for the same decisions is printed beside (`exact_facts_peers.py`).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from recording import recorded

import tsdsl
from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.questions.bounds import bound
from tsdsl.analysis.questions.budget_sampling import uniform_within
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.questions.peaks import SENSES, peak_extreme
from tsdsl.analysis.questions.probability import expected_macs, marginals_within, probability_within
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.parts import DecisionRef
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
    return bound(table, "macs", "min").value, bound(table, "macs", "max").value


def peaks(space: Space, step: int | None) -> tuple[int, int]:
    low, high = (peak_extreme(free_space(space, step), sense).value for sense in SENSES)
    return low, high


def counting_facts(space: Space, long: bool) -> None:
    for step in (1, 2, 3, None):
        timed(f"bounds of {named(step)}", partial(bounds, space, step))
        timed("  of its peak of activations", partial(peaks, space, step))
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


def growth(groups: int) -> dict[str, float]:
    """Seconds of the processor by query for a chain of so many groups; a budget halfway between the bounds."""
    space = chain(groups)
    free = free_space(space, None)
    seconds: dict[str, float] = {}

    def took(name: str, query: Callable[[], T]) -> T:
        begin = time.process_time()
        result = query()
        seconds[name] = time.process_time() - begin
        return result

    took("tables of costs", lambda: free.table.factors("macs"))
    low, high = took("bounds", lambda: tuple(bound(free.table, "macs", end).value for end in SENSES))
    took("bounds of the peak of activations", lambda: [peak_extreme(free, end) for end in SENSES])
    took("least cost with each value", lambda: least_by_value(free))
    counted = took("trellis and exact total", lambda: counts(free))
    budget = (low + high) // 2
    took("bracket, 1024 bins", lambda: counted.bracket(most=budget, bins=1024))
    batches = uniform_within(free, 0, budget, bins=1024).rows(np.random.default_rng(0))
    took("first 512 draws within, 1024 bins", lambda: next(batches))
    rows = took("next 512 draws", lambda: next(batches))
    took("marginals within, 1024 bins", lambda: marginals_within(free, most=budget, bins=1024))
    uniform = {d.path: np.full(len(d.values), 1 / len(d.values)) for d in free.decisions}
    took("expectation and variance", lambda: expected_macs(free, uniform))
    took("P(within), 1024 bins", lambda: probability_within(free, uniform, most=budget, bins=1024))
    batch = BatchCosts(free)
    batch(rows[:1])
    many = np.repeat(rows, 20, axis=0)
    took("costs of 20 times as many rows", lambda: batch(many))
    ranking = Ranking(free)
    took("100 architectures by number", lambda: [ranking.row(ranking.total * i // 100) for i in range(100)])
    return seconds


def growth_table() -> None:
    sizes = (50, 100, 200, 400)
    print("growth with the number of groups (10 a stage), a budget halfway between the bounds:")
    print("seconds of the processor, the better of two rounds")
    print(f"  {'groups':<40}" + "".join(f"{size:>9}" for size in sizes) + "   a doubling at most")
    rounds = [[growth(size) for size in sizes] for _ in range(2)]
    for name in rounds[0][0]:
        seconds = [min(first[name], second[name]) for first, second in zip(*rounds, strict=True)]
        most = max(later / earlier for earlier, later in pairwise(seconds))
        print(f"  {name:<40}" + "".join(f"{one:>9.3f}" for one in seconds) + f"   x {most:.1f}")


def peers(space: Space, python: str) -> None:
    """Run the peers on the decisions of step 1."""
    nodes = Blueprint(space).whole.by_name
    groups = []
    for group in (group for group in space.streams[0].groups if group.operator == "mbconv3d"):
        values = {
            name: list(space.decision_by_path[setting.decision].values)
            for name, setting in group.attributes.items()
            if isinstance(setting, DecisionRef)
        }
        node = nodes[group.path]
        groups.append(
            {
                **values,
                "positions_in": node.shape_in.positions,
                "positions": node.shape.positions,
                "repeat": group.repeat,
            }
        )
    given = json.dumps({"groups": groups, "width": 24, "budget": 1.4 * GIGA})
    script = Path(__file__).with_name("exact_facts_peers.py")
    done = subprocess.run([python, str(script)], input=given, capture_output=True, text=True, check=True)
    print(done.stdout, end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="count step 2 exactly with both streams free")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with PyGlove and NNI")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    with recorded("exact_facts", arguments.write):
        space = tsdsl.load(SPACE)
        print(f"{space.name} at {space.size} px")
        counting_facts(space, arguments.long)
        for step, target in ((1, 1_400_000_000), (2, 2 * GIGA), (None, 2_500_000_000)):
            drawing_facts(space, step, target)
        growth_table()
        if arguments.peers:
            peers(space, arguments.peers)
        else:
            print("no environment with PyGlove and NNI was given: no peer to compare with")


if __name__ == "__main__":
    main()
