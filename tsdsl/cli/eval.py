"""`tsdsl eval`: multi-view accuracy of trained weights, and the cost per video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli import options
from tsdsl.cli.work.console import facts, note, print_json, report_skipped
from tsdsl.cli.work.settings_sources import fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.engine.evaluation.evaluate import Evaluation

MAX_SHOWN = 3


def evaluate(
    architecture: Annotated[
        Path | None,
        typer.Argument(metavar="ARCH", help="A training run, an architecture file, or a space without decisions."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file; default: that of the training run.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data set; default: that of the training run.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, val or test; default: val.")] = None,
    views: Annotated[
        str | None, typer.Option("--views", help="Clips x crops per video, such as 10x3; default: 10x1.")
    ] = None,
    model: options.ModelName = None,
    device: options.Device = "auto",
    settings: options.Settings = None,
    changes: options.Changes = None,
    workers: options.Workers = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Write one row per video: .csv or .json.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option("--confusion", metavar="FILE", help="Write the confusion matrix: .csv or .json.")
    ] = None,
    space: options.SpaceName = None,
    in_space: options.InSpace = None,
    show_settings: options.ShowSettings = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Evaluate weights on the videos of a split; softmax scores are averaged over views.

    `torchrun --nproc-per-node W -m -- tsdsl eval ...` starts W processes that share the videos.
    """
    from tsdsl.artifacts.trained import open_trained
    from tsdsl.data import open_dataset
    from tsdsl.data.class_names import matched_classes
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluation.evaluate import evaluate as evaluate_model
    from tsdsl.engine.evaluation.predictions import require_table_format, write_confusion, write_predictions
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.recipe import EvaluateSettings
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training_data import fitted_clip_settings

    flags = {"split": split, "views": views, "num_workers": workers}
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("eval", fitted(EvaluateSettings, given), given), end="")
        return
    if architecture is None:
        raise UsageError("no architecture given", help="give a training run, or an architecture file and --weights")
    for path in (predictions, confusion):
        if path is not None:
            require_table_format(path)
    place = choose_device(device)
    trained = open_trained(architecture, weights, model, in_space, space)
    root = data or trained.data
    if root is None:
        raise UsageError("no data set given, and ARCH is not a training run that records one", help="give --data DIR")
    matched = matched_classes(
        open_dataset(root, str(given.values.get("split", EvaluateSettings().split))), trained.class_names
    )
    dataset = matched.dataset
    recommended = trained.clip or dataset.recommended.model_dump(mode="json")
    chosen = fitted(EvaluateSettings, given, {"clip": recommended})
    assert chosen.clip is not None
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        for told in matched.notes if ranks.is_first else ():
            note(f"{root}: {told}")
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
        f"{result.flops_per_view:,} multiply-adds per view, {result.flops_per_video:,} per video ({result.views} views)"
    )


def _print_classes(result: Evaluation) -> None:
    """Print the classes of the lowest accuracy, and the most frequent confusions."""
    from tsdsl.engine.evaluation.predictions import most_confused

    console = facts()
    known = sorted((share, name) for name, share in result.per_class.items() if share is not None)
    worst = ", ".join(f"{name} {share:.1%}" for share, name in known[:MAX_SHOWN])
    console.print(f"worst of {len(known)} classes: {worst}", markup=False, soft_wrap=True)
    mistakes = most_confused(result.confusion, MAX_SHOWN)
    if mistakes:
        shown = ", ".join(f"{own} for {other} ({count})" for own, other, count in mistakes)
        console.print(f"most often mistaken: {shown}", markup=False, soft_wrap=True)
