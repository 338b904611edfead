"""`tsdsl quickstart`: a small run of everything: clips, search, training, evaluation, drawings, a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.options import Device, Quiet
from tsdsl.cli.work.console import facts, note
from tsdsl.errors import FileError

if TYPE_CHECKING:
    from tsdsl.engine.evaluation.evaluate import Evaluation
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.space.architecture import Architecture
    from tsdsl.space.model import Space

SEARCH = {"samples": 3, "batch_size": 32, "weight_lr": 2.4, "recalibration_batches": 8}
TRAIN = {"epochs": 10, "batch_size": 32, "learning_rate": 2.4, "evaluate_every_epochs": 10, "precise_norm_batches": 8}


def quickstart(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")] = Path("quickstart"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed.")] = 0,
    compare: Annotated[
        int, typer.Option("--compare", min=0, help="Also train this many random architectures within the target.")
    ] = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Search, train and evaluate a tiny two-stream space on demo clips, in a few minutes on a laptop CPU.

    After an interruption, the same command continues.
    """
    from tsdsl.api import load
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.files import write_json
    from tsdsl.render import draw_architecture, draw_space, write_picture
    from tsdsl.report.landscape import QUICKSTART
    from tsdsl.report.quickstart import Result, write_results
    from tsdsl.report.run import write_report
    from tsdsl.space.architecture import read_architecture

    if folder.exists() and any(folder.iterdir()) and not (folder / QUICKSTART).exists():
        raise FileError(f"{folder}: is not empty and not a quickstart", help="give another folder")
    choose_device(device)
    started_s = time.monotonic()
    write_json(folder / QUICKSTART, {"seed": seed, "compare": compare})
    space = load("std:tiny")
    with Progress(quiet=quiet) as progress:
        clips = _clips(folder / "clips", progress)
        progress.note(f"searching {space.name}: {space.cardinality:,} architectures")
        searched = _search(space, clips, folder / "run", seed, device, progress)
        found = read_architecture(searched)
        trainer = _Trainer(space, clips, folder, seed, device, progress)
        results = [
            Result("found, both streams", "train", *trainer.run(found, "train", ())),
            Result("found, dense removed", "train-sparse", *trainer.run(found, "train-sparse", ("dense",))),
            Result("found, sparse removed", "train-dense", *trainer.run(found, "train-dense", ("sparse",))),
        ]
        for index, other in enumerate(_random_architectures(space, found, compare, seed)):
            name = f"train-random{index + 1}"
            results.append(Result(f"random {index + 1} within the budget", name, *trainer.run(other, name, ())))
        write_picture(draw_space(space), folder / "space.svg")
        write_picture(draw_architecture(space, found), folder / "architecture.svg")
        write_picture(draw_architecture(space, found), folder / "architecture.png")
    seconds = time.monotonic() - started_s
    write_results(folder, results)
    report = write_report(folder)
    console = facts()
    for result in results:
        console.print(f"{result.name:<28} {result.evaluation.top1:6.1%} top-1   {result.macs:>12,} multiply-adds")
    console.print(f"{'chance':<28} {1 / len(results[0].evaluation.per_class):6.1%}")
    note(f"done in {seconds:.0f} s; open {report}")


def _clips(folder: Path, progress: Progress) -> Path:
    """The folder of the demo clips, which are written if missing."""
    from tsdsl.data import write_demo

    if not (folder / "dataset.json").exists():
        progress.note("writing demo clips")
        write_demo(folder)
    return folder


def _search(space: Space, clips: Path, run: Path, seed: int, device: str, progress: Progress) -> Path:
    """Search all steps; the architecture file of the last."""
    from tsdsl.search import Cadence, DataSettings, search, search_settings

    result = search(
        space,
        step="all",
        data=clips,
        run=run,
        settings=search_settings({**SEARCH, "seed": seed}),
        data_settings=DataSettings(cache=True),
        cadence=Cadence(checkpoint_iterations=40),
        device=device,
        progress=progress,
    )
    return result.architecture


def _random_architectures(space: Space, found: Architecture, count: int, seed: int) -> list[Architecture]:
    """Random architectures within the target of the last step."""
    from tsdsl.analysis.questions.sampling import sample_architectures

    if not count:
        return []
    target = space.steps[-1].target_macs
    return list(sample_architectures(space, count, seed=seed, most_macs=target, step=found.step))


class _Trainer:
    """Trains and evaluates architectures by one recipe, each in its own folder."""

    def __init__(self, space: Space, clips: Path, folder: Path, seed: int, device: str, progress: Progress) -> None:
        from tsdsl.engine.device import choose_device
        from tsdsl.engine.recipe import TrainSettings

        self.space, self.clips, self.folder, self.progress = space, clips, folder, progress
        self.device = choose_device(device)
        self.settings = TrainSettings.model_validate({**TRAIN, "seed": seed})

    def run(self, architecture: Architecture, name: str, without: tuple[str, ...]) -> tuple[int, int, Evaluation]:
        """(multiply-adds, parameters, evaluation) of an architecture trained without some of its streams."""
        from tsdsl.data import open_dataset
        from tsdsl.engine.evaluation.evaluate import evaluate
        from tsdsl.engine.runs.directory import RunDirectory
        from tsdsl.engine.training.train import train
        from tsdsl.engine.training_data import open_training_data
        from tsdsl.lowering import Model, load_weights
        from tsdsl.network.layout import Blueprint
        from tsdsl.space.parts import Scale

        scale = Scale(name=name, without=without)
        classes = open_dataset(self.clips, "train").num_classes
        blueprint = Blueprint(self.space, classes=classes, scale=scale)
        network = blueprint.network(architecture.decisions, architecture.step)
        data = open_training_data(self.clips, network, self.settings, cache=True)
        run = RunDirectory(self.folder / name)
        self.progress.note(f"training {name}")
        result = train(blueprint, architecture, data, self.settings, run, device=self.device, progress=self.progress)
        model = Model(network)
        load_weights(run.weights, model)
        evaluation = evaluate(model, open_dataset(self.clips, "val"), "1x1", device=self.device, progress=self.progress)
        return result.flops, result.params, evaluation
