"""A progressive and a joint search of `std:tiny` on the demo clips, side by side as in the paper's Table 9.

`python tests/benchmarks/progressive_against_joint.py FOLDER [--seeds 3] [--samples 3] [--textures 6] [--write]`

Both searches have the same epochs in all, the same clips, settings and final target; the joint one decides everything
at once. FOLDER keeps clips and runs: the same command goes on after an interruption. What each search found is trained
from scratch by one recipe and measured on the validation clips, which no search saw. `--textures 12` are the demo
clips of `tsdsl data demo`, of 48 classes; 6, of 24 classes, take half the time. `--write` keeps what is printed in
`results/`.

Entropy is that of P(A|alpha) in the end, in nats: of the joint search over all decisions, of the progressive one the
mean over its steps, as the paper reports it; their sum is given besides, for it is over the same decisions as the
joint one's. Seconds are of the processor, decoding included, so that other work on the machine does not count; they are
those of all processes that worked on a search.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, pstdev

from recording import recorded

import tsdsl
from tsdsl.data import DemoSettings, open_dataset, write_demo
from tsdsl.engine.device import choose_device
from tsdsl.engine.evaluation.evaluate import evaluate
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training.train import train
from tsdsl.engine.training_data import open_training_data
from tsdsl.files import write_json
from tsdsl.lowering import Model, load_weights
from tsdsl.network.layout import Blueprint
from tsdsl.searching import (
    Cadence,
    DataSettings,
    SearchResult,
    SearchSettings,
    read_result,
    search,
    search_settings,
    step_directory,
)
from tsdsl.space.architecture import Architecture, read_architecture
from tsdsl.space.model import Space

SEARCH = {
    "method": "parsec",
    "batch_size": 16,
    "weight_lr": 2.4,
    "alpha_lr": 0.05,
    "warmup_epochs": 2,
    "recalibration_batches": 8,
}
TRAIN = {"epochs": 10, "batch_size": 16, "learning_rate": 2.4, "evaluate_every_epochs": 10, "precise_norm_batches": 8}


@dataclass(frozen=True)
class Outcome:
    """One search and what its architecture reached."""

    entropies: tuple[float, ...]
    seconds: float
    flops: int
    searched_accuracy: float
    trained_accuracy: float

    @property
    def cells(self) -> tuple[float, float, float, float, float, float]:
        """Mean entropy, summed entropy, seconds, MFLOPs, accuracy with shared weights and trained, in percent."""
        return (
            mean(self.entropies),
            sum(self.entropies),
            self.seconds,
            self.flops / 1e6,
            100 * self.searched_accuracy,
            100 * self.trained_accuracy,
        )


def searched(space: Space, clips: Path, run: Path, settings: SearchSettings, progressive: bool) -> list[SearchResult]:
    """The results of all steps, or of the joint search; nothing is done again of a finished one."""
    steps = [step.index for step in space.steps] if progressive else [None]

    def found() -> list[SearchResult]:
        return [result for step in steps if (result := read_result(step_directory(run, step))) is not None]

    if len(found()) < len(steps):
        with counted(seconds_file(run)):
            search(
                space,
                step="all" if progressive else "joint",
                data=clips,
                run=run,
                settings=settings,
                data_settings=DataSettings(cache=True),
                cadence=Cadence(checkpoint_iterations=40),
                device="cpu",
                progress=Progress(),
            )
    return found()


def seconds_file(run: Path) -> Path:
    """Where the processor's seconds of a search are kept, beside its run."""
    return run.with_name(f"{run.name}-seconds.json")


@contextmanager
def counted(file: Path) -> Iterator[None]:
    """Adds the processor's seconds spent within it to those that the file has, however it ends."""
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else 0.0
    begin = time.process_time()
    try:
        yield
    finally:
        write_json(file, before + time.process_time() - begin)


def trained(space: Space, clips: Path, run: Path, architecture: Architecture, seed: int) -> float:
    """The accuracy on the validation clips of an architecture trained from scratch."""
    settings = TrainSettings.model_validate({**TRAIN, "seed": seed})
    blueprint = Blueprint(space, classes=open_dataset(clips, "train").num_classes)
    network = blueprint.network(architecture.decisions, architecture.step)
    data = open_training_data(clips, network, settings, cache=True)
    device = choose_device("cpu")
    train(blueprint, architecture, data, settings, RunDirectory(run), device=device, progress=Progress())
    model = Model(network)
    load_weights(RunDirectory(run).weights, model)
    return evaluate(model, open_dataset(clips, "val"), "1x1", device=device, progress=Progress()).top1


def outcome(space: Space, clips: Path, folder: Path, settings: SearchSettings, progressive: bool) -> Outcome:
    """Search once and train what is found."""
    name = f"{'progressive' if progressive else 'joint'}-{settings.seed}"
    results = searched(space, clips, folder / name, settings, progressive)
    last = results[-1]
    accuracy = trained(space, clips, folder / f"{name}-trained", read_architecture(last.architecture), settings.seed)
    seconds = json.loads(seconds_file(folder / name).read_text(encoding="utf-8"))
    return Outcome(tuple(result.entropy for result in results), seconds, last.flops, last.accuracy, accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--textures", type=int, default=6)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    space = tsdsl.load("std:tiny")
    clips = arguments.folder / "clips"
    if not (clips / "dataset.json").exists():
        write_demo(clips, DemoSettings(num_textures=arguments.textures))
    epochs = ", ".join(str(step.epochs) for step in space.steps)
    dataset = open_dataset(clips, "train")
    with recorded("progressive_against_joint", arguments.write):
        print(
            f"std:tiny, {space.cardinality:,} architectures, on {len(dataset.records)} demo clips of "
            f"{dataset.num_classes} classes; progressive {epochs} epochs, joint "
            f"{sum(step.epochs for step in space.steps)}; K = {arguments.samples}\n"
        )
        print("| search | seed | entropy | summed | seconds | MFLOPs | with shared weights | trained |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        outcomes: dict[str, list[Outcome]] = {"progressive": [], "joint": []}
        for seed in range(arguments.seeds):
            settings = search_settings({**SEARCH, "seed": seed, "samples": arguments.samples})
            for name, done in outcomes.items():
                done.append(outcome(space, clips, arguments.folder, settings, name == "progressive"))
                print(f"| {name} | {seed} | " + " | ".join(f"{v:.1f}" for v in done[-1].cells) + " |")
        for name, done in outcomes.items():
            columns = zip(*(one.cells for one in done), strict=True)
            print(f"| **{name}** | mean | " + " | ".join(f"{mean(c):.1f} ({pstdev(c):.1f})" for c in columns) + " |")


if __name__ == "__main__":
    main()
