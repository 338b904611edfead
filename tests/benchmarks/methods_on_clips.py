"""Search methods with shared weights on demo clips, at equal cost; what each finds is trained from scratch.

    python tests/benchmarks/methods_on_clips.py FOLDER [--seeds 2] [--write]

Space, clips and recipe of the trainings are those of `own_table.py`. A search has other clips of the same kind; its
weights are trained on the same number of clips as a training's. All methods train and score the same number of
architectures on a batch. The baselines do not score while the weights are trained; they score that number afterwards.
The test accuracy of what a search finds is that of the table, or of trainings like the table's where it lacks the
architecture. Beside it: the mean of the table within the target.

Then Kendall's tau, over the architectures of the table, between their test accuracies and what the shared weights of
the first seed's search say, and that of multiply-adds; with its 95 % bootstrap interval.

FOLDER keeps clips, runs and trainings; the same command goes on where it stopped. All methods search with a seed before
the next seed begins.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from own_table import CLIPS, SEEDS, SPACE, Clips, read_clips, train
from recording import RESULTS, recorded

import tsdsl
from tsdsl.benchmarks import load_table
from tsdsl.data import write_demo
from tsdsl.files import write_json
from tsdsl.lowering.supernet import Supernet
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.searching import DataSettings, SearchResult, search, search_settings, step_directory
from tsdsl.searching.methods.accuracy_table import AccuracyTable, Row, TableCandidates, key
from tsdsl.searching.ranking import kendall_tau
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

STEP = 1
EPOCHS, SAMPLES, BATCH_SIZE = 20, 4, 32
COMMON = {
    "epochs": EPOCHS,
    "samples": SAMPLES,
    "batch_size": BATCH_SIZE,
    "weight_lr": 6.0,
    "recalibration_batches": 8,
    # As many passes over the validation half as the others take while the weights are trained.
    "evaluations": EPOCHS * SAMPLES,
    "scoring_batches": None,
}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "thompson": {"method": "thompson"},
    "parsec": {"method": "parsec"},
    "parsec, as on tables": {
        "method": "parsec",
        "budget": "condition",
        "accuracy_temperature": 0.5,
        "alpha_lr": 0.3,
        "alpha_momentum": 0.5,
        "centred": True,
    },
    "evolution": {"method": "evolution"},
    "random": {"method": "random"},
    "parsec, paper": {"recipe": "paper"},
}
RESAMPLES = 2000
NUM_PARTS = 5
"""Batches of 96 held-out clips on which shared weights are scored."""


def interval(values: np.ndarray[Any, Any]) -> str:
    """Mean and 95 % bootstrap interval, in percent."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5]) * 100
    return f"{100 * values.mean():.1f} [{low:.1f}, {high:.1f}]"


class Trainings:
    """Test accuracies of architectures trained from scratch: those of the table, and others kept in a file."""

    def __init__(self, file: Path, blueprint: Blueprint, clips: Clips, table: AccuracyTable) -> None:
        self.file, self.blueprint, self.clips, self.table = file, blueprint, clips, table
        self.done: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def accuracy(self, decisions: Mapping[str, Value]) -> float:
        """The mean over the seeds."""
        row = self.table.rows.get(key(self.table.variables, decisions))
        if row is not None:
            return row.reported
        name = json.dumps(dict(decisions))
        if name not in self.done:
            ends = [train(self.blueprint, decisions, self.clips, seed) for seed in SEEDS]
            self.done[name] = float(np.mean([test for _, test in ends]))
            write_json(self.file, self.done)
        return self.done[name]


def found_by(space: Space, clips: Path, run: Path, settings: Mapping[str, Any], seed: int) -> SearchResult:
    """The result of one search; a finished one is read."""
    return search(
        space,
        step=STEP,
        data=clips,
        run=run,
        settings=search_settings({**COMMON, **settings, "seed": seed}),
        data_settings=DataSettings(cache=True),
        device="cpu",
    )


@torch.no_grad()
def shared_accuracies(blueprint: Blueprint, run: Path, rows: list[Row], clips: Clips) -> np.ndarray[Any, Any]:
    """The accuracy of each architecture with the weights of a run, BN by batch statistics, on unseen clips."""
    supernet = Supernet(blueprint, seed=0)
    supernet.load_state_dict(read_tensors(step_directory(run, STEP).weights))
    supernet.eval()
    # In a random order, as the clips lie class after class and BN takes each batch's statistics.
    order = torch.randperm(len(clips.held_out), generator=torch.Generator().manual_seed(0))
    parts = [(clips.held_out[part], clips.held_out_labels[part]) for part in torch.split(order, 96)[:NUM_PARTS]]
    found = []
    for row in rows:
        right = sum(int((supernet(c, row.decisions, STEP).argmax(1) == labels).sum()) for c, labels in parts)
        found.append(right / sum(len(labels) for _, labels in parts))
    return np.array(found)


def tau(predictor: np.ndarray[Any, Any], accuracy: np.ndarray[Any, Any]) -> str:
    """Kendall's tau and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).integers(len(accuracy), size=(RESAMPLES, len(accuracy)))
    low, high = np.percentile([kendall_tau(predictor[n], accuracy[n]) for n in drawn], [2.5, 97.5])
    return f"{kendall_tau(predictor, accuracy):.2f} [{low:.2f}, {high:.2f}]"


def compare(folder: Path, seeds: int) -> None:
    space = tsdsl.load(SPACE)
    blueprint = Blueprint(space)
    clips = read_clips(folder / "training-clips", blueprint)
    search_clips = folder / "search-clips"
    if not (search_clips / "dataset.json").exists():
        # Half of them train the weights, so that these are trained on the same number of clips as a training's.
        more = 2 * CLIPS.train_clips_per_class
        write_demo(search_clips, replace(CLIPS, train_clips_per_class=more, val_clips_per_class=1))
    table = load_table(RESULTS / "own_table.json")
    trainings = Trainings(folder / "trainings.json", blueprint, clips, table)
    within = TableCandidates(table, space.steps[0].target_macs)
    average = interval(np.array([row.reported for row in within.rows]))
    print(
        f"Seeds 0 to {seeds - 1}, {EPOCHS} epochs, K = {SAMPLES}; the {len(within.rows)} architectures of the table "
        f"within the target have a test accuracy of {average} percent\n"
    )
    found: dict[str, list[tuple[SearchResult, float]]] = {name: [] for name in METHODS}
    for seed, name in product(range(seeds), METHODS):
        run = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
        result = found_by(space, search_clips, run, METHODS[name], seed)
        found[name].append((result, trainings.accuracy(read_architecture(result.architecture).decisions)))
        print(f"{name}, seed {seed}: {found[name][-1][1]:.1%}", file=sys.stderr, flush=True)
    print("| method | found, trained from scratch | each seed | MFLOPs |")
    print("| --- | ---: | --- | ---: |")
    for name, ends in found.items():
        accuracies = np.array([accuracy for _, accuracy in ends])
        each = " ".join(f"{100 * accuracy:.1f}" for accuracy in accuracies)
        macs = f"{np.mean([result.flops for result, _ in ends]) / 1e6:.2f}"
        print(f"| {name} | {interval(accuracies)} | {each} | {macs} |")
    rows = list(table.rows.values())
    tests, costs = np.array([r.reported for r in rows]), np.array([r.macs or 0.0 for r in rows])
    print(f"\nKendall's tau with the test accuracies of all {len(rows)} architectures of the table\n")
    print("| predictor | tau |")
    print("| --- | ---: |")
    for name in ("thompson", "random"):
        shared = shared_accuracies(blueprint, folder / f"{name}-0", rows, clips)
        print(f"| shared weights of {name} (mean accuracy {shared.mean():.1%}) | {tau(shared, tests)} |")
    print(f"| multiply-adds | {tau(costs, tests)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/methods_on_clips.txt")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with recorded("methods_on_clips", arguments.write):
        begin = time.process_time()
        compare(arguments.folder, arguments.seeds)
        print(f"\n{time.process_time() - begin:.0f} CPU seconds")


if __name__ == "__main__":
    main()
