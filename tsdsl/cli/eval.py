"""`tsdsl eval`: multi-view accuracy of trained weights, and what a video costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.console import facts, note, print_json, report_skipped
from tsdsl.cli.settings_sources import fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.engine.evaluation.evaluate import Evaluation

NUM_SHOWN = 3


def evaluate(
    architecture: Annotated[
        Path | None,
        typer.Argument(
            metavar="ARCH",
            help="A training run, an architecture file, or a space without decisions.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file; default: the training run's.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data set; default: the training run's.", show_default=False)
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, val or test; default val.")] = None,
    views: Annotated[
        str | None, typer.Option("--views", help="Clips x crops a video, such as 10x3; default 10x1.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model it was trained as, e.g. L.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="A TOML file of settings; flags override it.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see --show-settings.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=0, help="Processes that decode clips.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Write one for each video: .csv or .json.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option("--confusion", metavar="FILE", help="Write the confusion matrix: .csv or .json.")
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The architecture's space, if it is not found.")] = None,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Print all settings as a file for --settings, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Evaluate weights on the videos of a split, softmax scores averaged over views.

    Started with `torchrun --nproc-per-node W -m -- tsdsl eval ...`, W processes share the videos.
    """
    from tsdsl.artifacts.trained import open_trained
    from tsdsl.data import open_dataset
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluation.evaluate import evaluate as evaluate_model
    from tsdsl.engine.evaluation.predictions import require_table_format, write_confusion, write_predictions
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.data import fitted_clip_settings
    from tsdsl.engine.training.recipe import EvaluateSettings

    flags = {"split": ("--split", split), "views": ("--views", views), "num_workers": ("--workers", workers)}
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("eval", fitted(EvaluateSettings, given), given), end="")
        return
    if architecture is None:
        raise UsageError("no architecture is given", help="give a training run, or an architecture file and --weights")
    for path in (predictions, confusion):
        if path is not None:
            require_table_format(path)
    place = choose_device(device)
    trained = open_trained(architecture, weights, model, in_space, space)
    root = data or trained.data
    if root is None:
        raise UsageError("no data set is given, and ARCH is no training run that records one", help="give --data DIR")
    dataset = open_dataset(root, str(given.values.get("split", EvaluateSettings().split)))
    recommended = trained.clip or dataset.recommended.model_dump(mode="json")
    chosen = fitted(EvaluateSettings, given, {"clip": recommended})
    assert chosen.clip is not None
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        result = evaluate_model(
            trained.model,
            dataset,
            chosen.views,
            clip_settings=fitted_clip_settings(chosen.clip, trained.model.network),
            device=place,
            num_workers=chosen.num_workers,
            clips_per_forward=chosen.clips_per_forward,
            mixed_precision=chosen.mixed_precision,
            progress=progress,
            ranks=ranks,
        )
    if not ranks.is_first:
        return
    report_skipped(result.skipped)
    if predictions is not None:
        write_predictions(predictions, result.predictions, dataset.class_names)
        note(f"wrote {predictions}")
    if confusion is not None:
        write_confusion(confusion, result.confusion, dataset.class_names)
        note(f"wrote {confusion}")
    if json:
        used = {"settings": chosen.model_dump(mode="json"), "data": str(root), "weights": str(trained.weights)}
        print_json(result.model_dump(mode="json", exclude={"predictions"}) | used)
        return
    console = facts()
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    console.print(f"{result.num_videos} videos{skipped}, {chosen.views} views of {result.view_size_px} px")
    console.print(f"top-1 {result.top1:.2%}   top-5 {result.top5:.2%}")
    _print_classes(result)
    console.print(
        f"{result.flops_per_view:,} multiply-adds a view, {result.flops_per_video:,} a video ({result.views} views)"
    )


def _print_classes(result: Evaluation) -> None:
    """The classes that go worst, and what is taken for what most often."""
    from tsdsl.engine.evaluation.predictions import most_confused

    console = facts()
    known = sorted((share, name) for name, share in result.per_class.items() if share is not None)
    worst = ", ".join(f"{name} {share:.1%}" for share, name in known[:NUM_SHOWN])
    console.print(f"worst of {len(known)} classes: {worst}", markup=False, soft_wrap=True)
    mistakes = most_confused(result.confusion, NUM_SHOWN)
    if mistakes:
        told = ", ".join(f"{own} for {other} ({count})" for own, other, count in mistakes)
        console.print(f"most often mistaken: {told}", markup=False, soft_wrap=True)
