"""`tsdsl predict`: the classes of one's own videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli import options
from tsdsl.cli.work.console import facts, note, print_json, report_skipped
from tsdsl.cli.work.settings_sources import fitted, given_settings, settings_text
from tsdsl.errors import UsageError
from tsdsl.printable import printable, utf_8


def predict(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A training run, an architecture file, or a space without decisions."),
    ] = None,
    videos: Annotated[
        str | None,
        typer.Argument(metavar="VIDEOS", help="A video or its URL, a folder, tar shards, or a list of paths."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Print so many of the best classes.")] = 5,
    views: options.Views = None,
    weights: options.TrainedWeights = None,
    model: options.ModelName = None,
    device: options.Device = "auto",
    settings: options.Settings = None,
    changes: options.Changes = None,
    workers: options.Workers = None,
    space: options.SpaceName = None,
    in_space: options.InSpace = None,
    show_settings: options.ShowSettings = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table.")] = False,
) -> None:
    """Classify videos with trained weights; softmax scores are averaged over views.

    A video that cannot be read is reported, and the exit code is 1.
    """
    from tsdsl.artifacts.predict import class_names, named_predictions, predict_videos
    from tsdsl.artifacts.trained import known_class_names, open_trained
    from tsdsl.data.datasets.own_videos import own_videos
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluation.predictions import predictions_csv
    from tsdsl.engine.recipe import PredictSettings
    from tsdsl.engine.runs.progress import Progress

    given = given_settings(settings, {"views": views, "num_workers": workers}, changes or [])
    if show_settings:
        print(settings_text("predict", fitted(PredictSettings, given), given), end="")
        return
    if run is None or videos is None:
        raise UsageError("expected a run and videos", help="for instance tsdsl predict runs/tiny/train video.mp4")
    if json and csv:
        raise UsageError("--json and --csv exclude each other", help="give one of them")
    trained = open_trained(run, weights, model, in_space, space)
    chosen = fitted(PredictSettings, given, {"clip": trained.clip})
    with Progress(quiet=quiet) as progress:
        found = predict_videos(
            trained, own_videos(videos), chosen, top=top, device=choose_device(device), progress=progress
        )
    if known_class_names(trained) is None:
        note(f"{trained.weights}: does not name its classes, so they are printed by number")
    names = class_names(trained)
    named = named_predictions(found, names)
    report_skipped(found.skipped)
    if json:
        print_json(named.model_dump(mode="json"))
    elif csv:
        print(printable(predictions_csv(found.predictions, names)), end="")
    else:
        for one in named.videos:
            best = ", ".join(f"{_quoted(scored.name)} {scored.score:.1%}" for scored in one.best)
            facts().print(f"{utf_8(one.video)}: {best}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if found.skipped else 0)


def _quoted(name: str) -> str:
    """A name, in quotes if it contains what stands between names."""
    return f'"{name}"' if "," in name else name
