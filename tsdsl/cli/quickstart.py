"""`tsdsl quickstart`: a small run of everything: clips, search, training, evaluation, drawings, a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tsdsl.cli.options import Device, Quiet
from tsdsl.cli.work.console import facts, note
from tsdsl.errors import FileError

if TYPE_CHECKING:
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.space.architecture import Architecture
    from tsdsl.space.model import Space

SEARCH = {"samples": 3, "batch_size": 32, "weight_lr": 2.4, "recalibration_batches": 8}
TRAIN = {"epochs": 10, "batch_size": 32, "learning_rate": 2.4, "evaluate_every_epochs": 10, "precise_norm_batches": 8}


class Model(NamedTuple):
    """A model to train: its description, its folder, and the streams that its architecture loses."""

    title: str
    folder: str
    architecture: Architecture
    without: tuple[str, ...]


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
    from tsdsl.check.load import load
    from tsdsl.drawing import draw_architecture, draw_space, write_picture
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.recipe import TrainSettings
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.together import Training, train_together
    from tsdsl.files import write_json
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
        models = _models(found, _random_architectures(space, found, compare, seed))
        settings = TrainSettings.model_validate({**TRAIN, "seed": seed})
        trainings = [
            Training(space, model.architecture, model.without, clips, settings, folder / model.folder)
            for model in models
        ]
        progress.note(f"training {', '.join(training.run.name for training in trainings)}")
        trained = train_together(trainings, choose_device(device), progress)
        results = [
            Result(model.title, model.folder, of.macs, of.params, of.evaluation)
            for model, of in zip(models, trained, strict=True)
        ]
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
    from tsdsl.searching import Cadence, DataSettings, search, search_settings

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


def _models(found: Architecture, others: Sequence[Architecture]) -> list[Model]:
    """The found architecture, whole and without either stream, and others."""
    models = [
        Model("found, both streams", "train", found, ()),
        Model("found, dense removed", "train-sparse", found, ("dense",)),
        Model("found, sparse removed", "train-dense", found, ("sparse",)),
    ]
    for number, other in enumerate(others, start=1):
        models.append(Model(f"random {number} within the budget", f"train-random{number}", other, ()))
    return models


def _random_architectures(space: Space, found: Architecture, count: int, seed: int) -> list[Architecture]:
    """Random architectures within the target of the last step."""
    from tsdsl.analysis.questions.sampling import sample_architectures

    if not count:
        return []
    target = space.steps[-1].target_macs
    return list(sample_architectures(space, count, seed=seed, most_macs=target, step=found.step))
