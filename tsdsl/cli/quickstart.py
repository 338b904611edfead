"""`tsdsl quickstart`: a small run of everything: clips, search, training, evaluation, drawings, a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tsdsl.cli.options import Device, Quiet
from tsdsl.cli.work.console import facts, note
from tsdsl.errors import FileError

if TYPE_CHECKING:
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.searching import SearchResult
    from tsdsl.space.architecture import Architecture
    from tsdsl.space.model import Space

SPACE = "std:demo"
SEARCH = {"samples": 2, "batch_size": 32, "weight_lr": 6.0, "recalibration_batches": 8}
TRAIN = {"epochs": 7, "batch_size": 32, "learning_rate": 6.0, "evaluate_every_epochs": 7, "precise_norm_batches": 8}
LEAST_SHARE_OF_COST = 0.9


class Model(NamedTuple):
    """A model to train: its description, its folder, and the streams that its architecture loses."""

    title: str
    folder: str
    architecture: Architecture
    without: tuple[str, ...] = ()
    is_random: bool = False


def quickstart(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")] = Path("quickstart"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed.")] = 0,
    compare: Annotated[
        int, typer.Option("--compare", min=0, help="Train this many random architectures of the same cost beside it.")
    ] = 6,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Search, train and evaluate a small two-stream space on demo clips, in three to four minutes on two CPU cores.

    After an interruption, the same command continues.
    """
    import torch

    from tsdsl.check.load import load
    from tsdsl.drawing import draw_architecture, draw_space, write_picture
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.recipe import TrainSettings
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.together import Training, train_together
    from tsdsl.files import write_json
    from tsdsl.report.landscape import QUICKSTART
    from tsdsl.report.quickstart import Result, comparison, write_results
    from tsdsl.report.run import write_report
    from tsdsl.space.architecture import read_architecture

    if folder.exists() and any(folder.iterdir()) and not (folder / QUICKSTART).exists():
        raise FileError(f"{folder}: is not empty and not a quickstart", help="give another folder")
    place = choose_device(device)
    if place.type == "cpu":
        torch.set_num_threads(1)  # threads wait longer for each other than they work on networks as small as these
    phases = Phases()
    write_json(folder / QUICKSTART, {"seed": seed, "compare": compare})
    space = load(SPACE)
    with Progress(quiet=quiet) as progress:
        clips = _clips(folder / "clips", progress)
        phases.ends("clips")
        progress.note(f"searching {space.name}: {space.cardinality:,} architectures")
        searched = _search(space, clips, folder / "run", seed, device, progress)
        phases.ends("search")
        found = read_architecture(searched.architecture)
        models = [*_found(found), *_random(space, found, int(LEAST_SHARE_OF_COST * searched.flops), compare, seed)]
        settings = TrainSettings.model_validate({**TRAIN, "seed": seed})
        trainings = [
            Training(space, model.architecture, model.without, clips, settings, folder / model.folder)
            for model in models
        ]
        progress.note(f"training {', '.join(training.run.name for training in trainings)}")
        trained = train_together(trainings, place, progress)
        phases.ends("trainings")
        results = [
            Result(model.title, model.folder, of.macs, of.params, of.evaluation, model.is_random)
            for model, of in zip(models, trained, strict=True)
        ]
        write_picture(draw_space(space), folder / "space.svg")
        write_picture(draw_architecture(space, found), folder / "architecture.svg")
        write_picture(draw_architecture(space, found), folder / "architecture.png")
    write_results(folder, results)
    report = write_report(folder)
    phases.ends("pictures and report")
    console = facts()
    for result in results:
        console.print(f"{result.name:<28} {result.evaluation.top1:6.1%} top-1   {result.macs:>12,} multiply-adds")
    console.print(f"{'chance':<28} {1 / len(results[0].evaluation.per_class):6.1%}")
    if compare:
        console.print(comparison(folder), soft_wrap=True)
    note(f"done in {phases}; open {report}")


class Phases:
    """How long each phase took."""

    def __init__(self) -> None:
        self._ended_s = time.monotonic()
        self._seconds: dict[str, float] = {}

    def ends(self, name: str) -> None:
        """End a phase, and begin the next."""
        now_s = time.monotonic()
        self._seconds[name] = now_s - self._ended_s
        self._ended_s = now_s

    def __str__(self) -> str:
        each = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self._seconds.items())
        return f"{sum(self._seconds.values()):.0f} s: {each}"


def _clips(folder: Path, progress: Progress) -> Path:
    """The folder of the demo clips, which are written if missing: smaller, fainter and noisier ones than usual."""
    from tsdsl.data import DemoSettings, write_demo

    if not (folder / "dataset.json").exists():
        progress.note("writing demo clips")
        settings = DemoSettings(
            num_textures=6,
            train_clips_per_class=24,
            val_clips_per_class=20,
            side_px=24,
            num_frames=8,
            velocity_px=3,
            cell_px=3,
            cells_per_side=4,
            contrast=0.35,
            noise=0.15,
        )
        write_demo(folder, settings)
    return folder


def _search(space: Space, clips: Path, run: Path, seed: int, device: str, progress: Progress) -> SearchResult:
    """Search all steps; the result of the last."""
    from tsdsl.searching import Cadence, DataSettings, search, search_settings

    return search(
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


def _found(found: Architecture) -> list[Model]:
    """The found architecture, whole and without either stream."""
    return [
        Model("found, both streams", "train", found),
        Model("found, dense removed", "train-sparse", found, without=("dense",)),
        Model("found, sparse removed", "train-dense", found, without=("sparse",)),
    ]


def _random(space: Space, found: Architecture, least_macs: int, count: int, seed: int) -> list[Model]:
    """Random architectures within the target of the last step that cost at least so much."""
    from tsdsl.analysis.questions.sampling import sample_architectures

    target = space.steps[-1].target_macs
    drawn = sample_architectures(space, count, seed=seed, least_macs=least_macs, most_macs=target, step=found.step)
    return [
        Model(f"random {number} of the same cost", f"train-random{number}", other, is_random=True)
        for number, other in enumerate(drawn, start=1)
    ]
