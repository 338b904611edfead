"""Where searches of `std:tiny` end by either budget: the FLOPs found beside the target, over several seeds.

    python tests/benchmarks/conditioned_search.py FOLDER [--seeds 5] [--epochs 2] [--write]

Short searches on few demo clips: what is asked is not accuracy but whether each step ends within its target, and how
much of what is drawn on the way is. `argmax` says that the most probable architecture was within by itself; `exact`,
that it was not, and the most probable one within was found and proven. `shipped` targets are those of the space, which
many architectures meet; `tight` ones are met by one in fifty of those of each step. P(within) is that of the
final alpha. FOLDER keeps clips and runs.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import mean

from recording import recorded

import tsdsl
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.data import DemoSettings, write_demo
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.runs.progress import Progress
from tsdsl.network.layout import Blueprint
from tsdsl.searching import Cadence, DataSettings, read_result, search, search_settings, step_directory
from tsdsl.searching.step import read_alpha
from tsdsl.space.model import Space

SHARE = Fraction(1, 50)
SETTINGS = {
    "method": "parsec",
    "samples": 4,
    "batch_size": 12,
    "weight_lr": 1.2,
    "alpha_lr": 0.1,
    "recalibration_batches": 4,
}


def tightened(space: Space) -> Space:
    """The space with targets that SHARE of the architectures after each step are within."""
    tables = [CostTable(Blueprint(space), step.index) for step in space.steps]
    targets = [counts(FreeSpace(table)).quantiles([SHARE])[0][1] for table in tables]
    steps = [replace(step, target_macs=t) for step, t in zip(space.steps, targets, strict=True)]
    return replace(space, steps=tuple(steps))


def search_once(space: Space, clips: Path, run: Path, budget: str, seed: int, epochs: int) -> bool:
    """Search all steps and print a row for each; whether all are within their targets."""
    settings = search_settings({**SETTINGS, "budget": budget, "seed": seed, "epochs": epochs})
    if read_result(step_directory(run, space.steps[-1].index)) is None:
        search(
            space,
            data=clips,
            run=run,
            settings=settings,
            data_settings=DataSettings(cache=True),
            cadence=Cadence(log_iterations=1),
            device="cpu",
            progress=Progress(),
        )
    is_within = True
    for step in space.steps:
        folder = step_directory(run, step.index)
        result = read_result(folder)
        assert result is not None
        assert result.target is not None
        drawn = mean(line["share_within_target"] for line in read_metrics(folder.path))
        last = read_alpha(folder.path)[-1]["probability_within"]
        is_within &= result.flops <= result.target
        cells = [run.parent.name, budget, seed, step.index, f"{result.flops / 1e6:.3f}", f"{result.target / 1e6:.3f}"]
        cells += [f"{result.flops / result.target:.1%}", result.selection, f"{drawn:.0%}", f"{last:.0%}"]
        print("| " + " | ".join(map(str, cells)) + " |")
    return is_within


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    space = tsdsl.load("std:tiny")
    clips = arguments.folder / "clips"
    if not (clips / "dataset.json").exists():
        write_demo(clips, DemoSettings(num_textures=3, train_clips_per_class=6, val_clips_per_class=1))
    within = dict.fromkeys(itertools.product(("shipped", "tight"), ("condition", "hinge")), 0)
    with recorded("conditioned_search", arguments.write):
        print("| targets | budget | seed | step | MFLOPs | target | of it | found | drawn in | P(within) |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |")
        for seed in range(arguments.seeds):
            for targets, budget in within:
                run = arguments.folder / targets / f"{budget}-{seed}"
                searched = space if targets == "shipped" else tightened(space)
                within[targets, budget] += search_once(searched, clips, run, budget, seed, arguments.epochs)
        for (targets, budget), number in within.items():
            print(f"{targets} targets, {budget}: {number} of {arguments.seeds} end within all targets")
    return 0 if all(number == arguments.seeds for number in within.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
