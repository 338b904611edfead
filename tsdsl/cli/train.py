"""`tsdsl train`: trains an architecture, from scratch or from given weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli import options
from tsdsl.cli.work.console import facts, note, print_json, report_skipped
from tsdsl.cli.work.settings_sources import fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.engine.training.record import TrainRecord, TrainResult


def train(
    architecture: Annotated[
        Path | None,
        typer.Argument(
            metavar="ARCH",
            help="A search run, an architecture file, a space without decisions, or a training run to extend.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data set; default: that of the search.")] = None,
    model: options.ModelName = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of the run; default: train[-MODEL] in ARCH or runs/SPACE.")
    ] = None,
    device: options.Device = "auto",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Random seed.")] = None,
    settings: options.Settings = None,
    changes: options.Changes = None,
    workers: options.Workers = None,
    cache: options.Cache = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file to begin with; default: random.")
    ] = None,
    log: options.Log = None,
    space: options.SpaceName = None,
    in_space: options.InSpace = None,
    show_settings: options.ShowSettings = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Train an architecture; after an interruption, the same command continues.

    With a training run and no --run, go on with that run; more --epochs extend it, also when it is finished.
    `torchrun --nproc-per-node W -m -- tsdsl train ...` starts W processes that share each batch.
    """
    from tsdsl.artifacts.locate import (
        SPACE_FILE,
        find_architecture,
        find_scale,
        recommended_clip,
    )
    from tsdsl.artifacts.trained import training_record
    from tsdsl.data import available_splits, concerns, open_dataset, overlap, unlike_space
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.recipe import TrainOptions
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.train import train as train_architecture
    from tsdsl.engine.training_data import fitted_clip_settings, open_training_data
    from tsdsl.network.layout import Blueprint
    from tsdsl.report.run import write_report
    from tsdsl.report.trackers import tracker

    flags = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "num_workers": workers,
        "cache": cache,
    }
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("train", fitted(TrainOptions, given), given), end="")
        return
    if architecture is None:
        raise UsageError("no architecture given", help="give an architecture file, or the folder of a search run")
    callbacks = [tracker(name) for name in log or ()]
    place = choose_device(device)
    found, located = find_architecture(architecture, in_space, space)
    trained = training_record(architecture)
    recorded = trained if run is None else None
    scale = find_scale(located.space, model) if recorded is None or model is not None else recorded.scale
    root = data or _recorded_data(architecture, trained)
    has_clip = any(name.startswith("clip.") for name in given.values)
    beneath: dict[str, Any] = {"clip": recommended_clip(root, architecture)} if has_clip else {}
    if recorded is not None:
        beneath = recorded.settings.model_dump(mode="json") | {"clip": recorded.data.get("clip")}
    chosen = fitted(TrainOptions, given, beneath)
    recipe = chosen.train_settings()
    clips = open_dataset(root, "train")
    blueprint = Blueprint(located.space, classes=clips.num_classes, scale=scale)
    network = blueprint.network(found.decisions, found.step)
    folder = run or (architecture if recorded is not None else _beside(architecture, located.space.name, model))
    later = [step for step in located.space.steps if found.step is not None and step.index > found.step]
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        if later and ranks.is_first:
            note(f"{architecture}: step {later[0].index} was not searched; the parts it adds are left out")
        if given.values and not quiet and ranks.is_first:
            note(f"settings: {given.described()}; others have their defaults; all are in {folder}/settings.json")
        if ranks.is_first:
            for concern in concerns(clips, available_splits(root)):
                note(f"warning: {concern}")
            for difference in unlike_space(root, clips.num_classes, located.space.name, located.space.classes):
                note(difference)
        opened = open_training_data(
            root,
            network,
            recipe,
            clip_settings=None if chosen.clip is None else fitted_clip_settings(chosen.clip, network),
            num_workers=chosen.num_workers,
            cache=chosen.cache,
            ranks=ranks,
        )
        if ranks.is_first and opened.validation is not None:
            for concern in overlap(opened.training.dataset, opened.validation.dataset):
                note(f"warning: {concern}")
        result = train_architecture(
            blueprint,
            found,
            opened,
            recipe,
            RunDirectory(folder),
            device=place,
            progress=progress,
            begin_with=weights,
            extend=recorded is not None,
            callbacks=callbacks,
            ranks=ranks,
        )
    if not ranks.is_first:
        return
    report_skipped(result.skipped)
    note(f"wrote {write_report(folder, space=located.space)}")
    if (folder.parent / SPACE_FILE).is_file() and (folder.parent / "settings.json").is_file():
        note(f"wrote {write_report(folder.parent)}")
    if json:
        print_json({"run": str(folder), **result.model_dump(mode="json")})
    else:
        _print_result(folder, result)


def _print_result(folder: Path, result: TrainResult) -> None:
    console = facts()
    console.print(f"{folder}/weights.safetensors: {result.epochs} epochs in {result.seconds:.1f} s")
    validation = f", validation top-1 {result.val_top1:.1%}" if result.val_top1 is not None else ""
    console.print(f"  training loss {result.train_loss:.4g}, training top-1 {result.train_top1:.1%}{validation}")
    console.print(f"  {result.flops:,} multiply-adds per clip, {result.params:,} parameters")


def _recorded_data(architecture: Path, trained: TrainRecord | None) -> Path:
    """The data set of the training run, or of the search run that found the architecture."""
    from tsdsl.artifacts.locate import is_space, searched_data

    if trained is not None and "root" in trained.data:
        return Path(str(trained.data["root"]))
    root = None if is_space(architecture) else searched_data(architecture)
    if root is None:
        raise UsageError("no data set given, and ARCH is not in a search run that records one", help="give --data DIR")
    return root


def _beside(architecture: Path, space: str, model: str | None) -> Path:
    """The folder of the run of an architecture."""
    from tsdsl.artifacts.locate import RUNS, is_space

    name = "train" if model is None else f"train-{model}"
    if is_space(architecture):
        return RUNS / space / name
    return (architecture if architecture.is_dir() else architecture.parent) / name
