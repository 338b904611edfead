"""Time of the best architecture at every budget of `std:auto_tsnet`, for log P of random distributions and with pairs.

    OMP_NUM_THREADS=1 python tests/benchmarks/front_time.py [--write]

`concentration` is that of the Dirichlet distribution from which each decision's probabilities are drawn: 10 is close to
uniform, 0.05 peaked. `pairs` adds a table of normal numbers for each two decisions that follow one another in a table
of multiply-adds, of a tenth of the deviation of log P. A gap of 0 says that the front is complete.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

import numpy as np
from recording import recorded

import tsdsl
from tsdsl.analysis.questions.front import front
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Varying

CONCENTRATIONS = (10.0, 1.0, 0.2, 0.05)


def random_scores(free: FreeSpace, seed: int, concentration: float, with_pairs: bool) -> list[Varying]:
    """log P of a random distribution, and small tables over pairs of decisions that share a cost."""
    draw = np.random.default_rng(seed)
    scores = []
    for decision in free.decisions:
        size = len(decision.values)
        logs = np.log(np.maximum(draw.dirichlet(np.full(size, concentration)), 1e-30))
        scores.append(free.over_existence(decision, logs, np.zeros(size)))
    if with_pairs:
        deviation = float(np.mean([table.table.std() for table in scores]))
        for scope in sorted({pair for table in free.costs() for pair in pairwise(table.scope)}):
            scores.append(Varying(scope, draw.normal(scale=deviation / 10, size=[axis.size for axis in scope])))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    blueprint = Blueprint(tsdsl.load("std:auto_tsnet"))
    with recorded("front_time", arguments.write):
        print("| decided | concentration | pairs | points | gap | CPU s |")
        print("| --- | ---: | --- | ---: | ---: | ---: |")
        for step in (1, None):
            free = FreeSpace(CostTable(blueprint, step))
            for concentration in CONCENTRATIONS:
                for with_pairs in (False, True):
                    scores = random_scores(free, 0, concentration, with_pairs)
                    begin = time.process_time()
                    found = front(free, scores)
                    seconds = time.process_time() - begin
                    name = "all at once" if step is None else f"step {step}"
                    cells = (name, concentration, "yes" if with_pairs else "no", len(found.macs), found.gap)
                    print("| " + " | ".join(map(str, (*cells, f"{seconds:.2f}"))) + " |")


if __name__ == "__main__":
    main()
