"""`tsdsl train`: an architecture from scratch, or from given weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.console import facts, note, print_json, report_skipped
from tsdsl.cli.report import write_report
from tsdsl.cli.settings_sources import fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.engine.training.recipe import TrainSettings


def train(
    architecture: Annotated[
        Path | None,
        typer.Argument(
            metavar="ARCH", help="A search run, an architecture file, or a space without decisions.", show_default=False
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data set; default: that of the search.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Scale as one of the space's models, e.g. L.")] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of the run; default beside ARCH, or runs/SPACE: train[-MODEL].")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the training clips.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Clips a batch.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="A TOML file of settings; flags override it.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see --show-settings.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=0, help="Processes that decode clips.")] = None,
    cache: Annotated[bool | None, typer.Option("--cache", help="Keep decoded videos in memory.")] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Begin with these instead of random ones.", show_default=False)
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The architecture's space, if it is not found.")] = None,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Print all settings as a file for --settings, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train an architecture, from scratch or from given weights; the same command goes on after an interruption.

    Started with `torchrun --nproc-per-node W -m -- tsdsl train ...`, W processes share each batch.
    """
    from tsdsl.artifacts.locate import (
        SPACE_FILE,
        find_architecture,
        find_scale,
        is_space,
        recommended_clip,
        searched_data,
    )
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.data import fitted_clip_settings, open_training_data
    from tsdsl.engine.training.recipe import TrainOptions
    from tsdsl.engine.training.train import train as train_architecture
    from tsdsl.network.layout import UNSCALED, Blueprint

    flags = {
        "epochs": ("--epochs", epochs),
        "batch_size": ("--batch-size", batch_size),
        "seed": ("--seed", seed),
        "num_workers": ("--workers", workers),
        "cache": ("--cache", cache),
    }
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("train", fitted(TrainOptions, given), given), end="")
        return
    if architecture is None:
        raise UsageError("no architecture is given", help="give an architecture file, or the folder of a search run")
    place = choose_device(device)
    found, located = find_architecture(architecture, in_space, space)
    scale = find_scale(located.space, model) or UNSCALED
    root = data or (None if is_space(architecture) else searched_data(architecture))
    if root is None:
        raise UsageError(
            "no data set is given, and ARCH lies in no search run that records one", help="give --data DIR"
        )
    has_clip = any(name.startswith("clip.") for name in given.values)
    options = fitted(TrainOptions, given, {"clip": recommended_clip(root, architecture)} if has_clip else {})
    recipe = options.train_settings()
    from tsdsl.data import open_dataset

    blueprint = Blueprint(located.space, classes=open_dataset(root, "train").num_classes, scale=scale)
    network = blueprint.network(found.decisions, found.step)
    folder = run or _beside(architecture, located.space.name) / ("train" if model is None else f"train-{model}")
    later = [step for step in located.space.steps if found.step is not None and step.index > found.step]
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        if later and ranks.is_first:
            note(f"{architecture}: step {later[0].index} was not searched, so what it would bring in is left out")
        if given.values and not quiet and ranks.is_first:
            note(f"settings: {given.described()}; the rest by default, all in {folder}/settings.json")
        opened = open_training_data(
            root,
            network,
            recipe,
            clip_settings=None if options.clip is None else fitted_clip_settings(options.clip, network),
            num_workers=options.num_workers,
            cache=options.cache,
            ranks=ranks,
        )
        result = train_architecture(
            blueprint,
            found,
            opened,
            recipe,
            RunDirectory(folder),
            device=place,
            progress=progress,
            begin_with=weights,
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
        return
    console = facts()
    console.print(f"{folder}/weights.safetensors: {result.epochs} epochs in {result.seconds:.1f} s")
    validation = f", validation top-1 {result.val_top1:.1%}" if result.val_top1 is not None else ""
    console.print(f"  training loss {result.train_loss:.4g}, training top-1 {result.train_top1:.1%}{validation}")
    console.print(f"  {result.flops:,} multiply-adds a clip, {result.params:,} parameters")


def train_settings(values: dict[str, Any]) -> TrainSettings:
    """The settings of a mapping.

    Raises:
        UsageError: names each key that does not fit.
    """
    from pydantic import ValidationError

    from tsdsl.engine.training.recipe import TrainSettings

    try:
        return TrainSettings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(
            f"training settings do not fit: {wrong}", help="`tsdsl train --show-settings` lists them"
        ) from error


def _beside(architecture: Path, space: str) -> Path:
    from tsdsl.artifacts.locate import RUNS, is_space

    if is_space(architecture):
        return RUNS / space
    return architecture if architecture.is_dir() else architecture.parent
