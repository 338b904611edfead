"""A table of two-stream networks: every architecture of a small space trained from scratch on demo clips, twice.

    python tests/benchmarks/own_table.py FOLDER [--architectures N] [--write]

The space is `own_table.tsspace` (288 architectures). The clips are harder than the quickstart's: low contrast, few of
each class, 24 px, so that good architectures are rare. Half of the videos kept from training give `accuracy`, which a
search may see, the other half `test_accuracy`; both are means of the seeds, whose own results are in `about` as
[accuracy, test_accuracy]. Architectures are trained in a random order, so that the first N are a fair sample.

FOLDER keeps the clips and a line for each training; the same command goes on where it stopped. With --write the table
becomes `results/own_table.json`, for `tsdsl benchmark`, and what is printed about it `results/own_table.txt`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from recording import RESULTS, machine, recorded
from torch import Tensor

import tsdsl
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.data import DemoSettings, ViewLoader, normalise, open_dataset, write_demo
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.training.optimiser import make_optimiser, set_learning_rate
from tsdsl.engine.training.schedule import learning_rate
from tsdsl.engine.training_data import fitted_clip_settings
from tsdsl.files import write_text
from tsdsl.lowering.model import Model, recalibrate
from tsdsl.network.layout import Blueprint
from tsdsl.space.parts import Value

SPACE = Path(__file__).parent / "own_table.tsspace"
SEEDS = (0, 1)
RECIPE = TrainSettings(epochs=10, batch_size=32, learning_rate=6.0)
CLIPS = DemoSettings(
    num_textures=6,
    train_clips_per_class=16,
    val_clips_per_class=40,
    side_px=24,
    num_frames=8,
    velocity_px=3,
    cell_px=3,
    cells_per_side=4,
    contrast=0.2,
    noise=0.12,
)


@dataclass(frozen=True, eq=False)
class Clips:
    """All clips, decoded and normalised (N, C, T, H, W), with their labels; held-out ones alternate in two halves."""

    training: Tensor
    training_labels: Tensor
    held_out: Tensor
    held_out_labels: Tensor


def read_clips(root: Path, blueprint: Blueprint) -> Clips:
    """The demo clips in a folder, written there if there are none yet."""
    if not (root / "dataset.json").exists():
        write_demo(root, CLIPS)
    network = blueprint.network({d.path: d.values[0] for d in blueprint.space.decisions}, None)
    found: list[Tensor] = []
    for split in ("train", "val"):
        dataset = open_dataset(root, split)
        loader = ViewLoader(dataset, fitted_clip_settings(dataset.recommended, network), videos_per_batch=64)
        batches = list(loader.batches())
        found.append(normalise(torch.cat([batch.clips_BVCTHW[:, 0] for batch in batches])))
        found.append(torch.cat([batch.labels_B for batch in batches]))
    return Clips(*found)


def train(blueprint: Blueprint, decisions: Mapping[str, Value], clips: Clips, seed: int) -> tuple[float, float]:
    """(accuracy, test accuracy) of an architecture trained from scratch."""
    model = Model(blueprint.network(decisions, None), seed=seed)
    optimiser = make_optimiser(model, RECIPE)
    order = torch.Generator().manual_seed(seed)
    size = RECIPE.batch_size
    iterations = len(clips.training) // size
    for epoch in range(RECIPE.epochs):
        shuffled = torch.randperm(len(clips.training), generator=order)
        for iteration in range(iterations):
            progress = (epoch + iteration / iterations) / RECIPE.epochs
            rate = learning_rate(RECIPE.peak_learning_rate, progress, RECIPE.warmup_fraction, RECIPE.warmup_start)
            set_learning_rate(optimiser, rate)
            chosen = shuffled[iteration * size : (iteration + 1) * size]
            optimiser.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(clips.training[chosen]), clips.training_labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    recalibrate(model, torch.split(clips.training, 64))
    model.eval()
    with torch.no_grad():
        best = torch.cat([model(part).argmax(1) for part in torch.split(clips.held_out, 96)])
    is_right = (best == clips.held_out_labels).double()
    return float(is_right[0::2].mean()), float(is_right[1::2].mean())


def train_all(folder: Path, blueprint: Blueprint, chosen: list[dict[str, Value]]) -> list[dict[str, Any]]:
    """A line for each architecture and seed; those in the folder's file are not trained again."""
    lines = folder / "trainings.jsonl"
    done = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    known = {(json.dumps(line["decisions"]), line["seed"]) for line in done}
    missing = [(a, seed) for a in chosen for seed in SEEDS if (json.dumps(a), seed) not in known]
    if missing:
        clips = read_clips(folder / "clips", blueprint)
    for number, (decisions, seed) in enumerate(missing):
        began_s = time.process_time()
        accuracy, test_accuracy = train(blueprint, decisions, clips, seed)
        seconds = time.process_time() - began_s
        line = {"decisions": decisions, "seed": seed, "accuracy": accuracy, "test_accuracy": test_accuracy}
        done.append({**line, "cpu_seconds": round(seconds, 2)})
        with lines.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
        print(f"{number + 1}/{len(missing)}: {accuracy:.3f} {test_accuracy:.3f} {seconds:.1f} s", file=sys.stderr)
    return done


def make_table(blueprint: Blueprint, chosen: list[dict[str, Value]], trained: list[dict[str, Any]]) -> dict[str, Any]:
    """The table of the architectures chosen, in the format that `tsdsl benchmark` reads."""
    wanted = {json.dumps(decisions) for decisions in chosen}
    keyed = [((json.dumps(line["decisions"]), line["seed"]), line) for line in trained]
    by_key = {key: line for key, line in keyed if key[0] in wanted}
    costs = CostTable(blueprint)
    rows = []
    for decisions in chosen:
        seeds = [by_key[json.dumps(decisions), seed] for seed in SEEDS]
        rows.append(
            {
                "decisions": decisions,
                "accuracy": float(np.mean([line["accuracy"] for line in seeds])),
                "test_accuracy": float(np.mean([line["test_accuracy"] for line in seeds])),
                "flops": costs.macs(decisions),
                "about": {
                    "params": costs.params(decisions),
                    "seeds": [[line["accuracy"], line["test_accuracy"]] for line in seeds],
                },
            }
        )
    return {
        "name": blueprint.space.name,
        "about": {
            "command": f"python tests/benchmarks/own_table.py FOLDER --architectures {len(chosen)} --write",
            "machine": machine(),
            "cpu_seconds": round(sum(line["cpu_seconds"] for line in by_key.values())),
        },
        "decisions": {d.path: list(d.values) for d in blueprint.space.decisions},
        "architectures": rows,
    }


def kendall(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Kendall's tau-b."""
    a, b = (np.sign(values[:, None] - values[None, :]) for values in (one, other))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def explained(by: np.ndarray[Any, Any], accuracy: np.ndarray[Any, Any]) -> float:
    """R^2 of the least-squares line."""
    return float(np.corrcoef(by, accuracy)[0, 1] ** 2)


def describe(table: dict[str, Any]) -> None:
    """Print the spread, the noise between seeds, and what size alone explains."""
    rows = table["architectures"]
    tests = np.array([row["test_accuracy"] for row in rows])
    flops = np.array([row["flops"] for row in rows], dtype=float)
    params = np.array([row["about"]["params"] for row in rows], dtype=float)
    each = np.array([[test for _, test in row["about"]["seeds"]] for row in rows])
    noise = float(np.sqrt(each.var(axis=1, ddof=1).mean()))
    print(f"{len(rows)} architectures, {len(SEEDS)} seeds, {table['about']['cpu_seconds']:,} CPU seconds of training")
    print("test accuracy, mean of the seeds, in percent:")
    quantiles = np.quantile(tests, [0, 0.25, 0.5, 0.75, 1]) * 100
    print(f"  least, quartiles, most           {' '.join(f'{value:.1f}' for value in quantiles)}")
    print(f"  mean (deviation)                 {tests.mean() * 100:.1f} ({tests.std(ddof=1) * 100:.1f})")
    print(f"  noise of one seed (deviation)    {noise * 100:.1f}")
    for points in (2, 5):
        print(f"  within {points} points of the best       {np.mean(tests >= tests.max() - points / 100):.1%}")
    print(f"tau between the seeds              {kendall(each[:, 0], each[:, 1]):.2f}")
    seen = np.array([row["accuracy"] for row in rows])
    print(f"tau of accuracy and test accuracy  {kendall(seen, tests):.2f}")
    for name, size in (("multiply-adds", flops), ("parameters", params)):
        print(
            f"tau of {name:<27} {kendall(size, tests):.2f}, R^2 of their logarithm {explained(np.log(size), tests):.2f}"
        )
    for path, values in table["decisions"].items():
        means = [np.mean([r["test_accuracy"] for r in rows if r["decisions"][path] == value]) for value in values]
        print(f"  {path:<34} {', '.join(f'{v}: {m * 100:.1f}' for v, m in zip(values, means, strict=True))}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architectures", type=int, help="train only so many (default: all)")
    parser.add_argument("--write", action="store_true", help="keep the table and what is printed in results/")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    space = tsdsl.load(SPACE)
    blueprint = Blueprint(space)
    paths = [decision.path for decision in space.decisions]
    every = [dict(zip(paths, values, strict=True)) for values in product(*(d.values for d in space.decisions))]
    random.Random(0).shuffle(every)
    chosen = every[: arguments.architectures]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    trained = train_all(arguments.folder, blueprint, chosen)
    with recorded("own_table", arguments.write):
        table = make_table(blueprint, chosen, trained)
        describe(table)
    if arguments.write:
        write_text(RESULTS / "own_table.json", json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
