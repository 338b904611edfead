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
    from tsdsl.data import VideoDataset
    from tsdsl.engine.evaluation.evaluate import Evaluation
    from tsdsl.engine.evaluation.predict import Predicted

MAX_SHOWN = 3


def evaluate(
    architecture: Annotated[
        Path | None,
        typer.Argument(metavar="ARCH", help="A training run, an architecture file, or a space without decisions."),
    ] = None,
    weights: options.TrainedWeights = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data set; default: that of the training run.")] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Split to score: train, val or test; default: val.")
    ] = None,
    views: options.Views = None,
    model: options.ModelName = None,
    device: options.Device = "auto",
    settings: options.Settings = None,
    changes: options.Changes = None,
    workers: options.Workers = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", metavar="FILE", help="Write one row per video: .csv or .json."),
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

    Of a split without labels, --predictions writes what the model predicts.

    `torchrun --nproc-per-node W -m -- tsdsl eval ...` starts W processes that share the videos.
    """
    from tsdsl.artifacts.predict import predict_videos
    from tsdsl.artifacts.trained import open_trained
    from tsdsl.data import open_dataset, unlabelled_splits
    from tsdsl.data.datasets.class_names import matched_classes
    from tsdsl.data.layouts.files import split_spellings
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluation.evaluate import evaluate as evaluate_model
    from tsdsl.engine.evaluation.predict import NUM_RANKED
    from tsdsl.engine.evaluation.predictions import require_table_format, write_confusion, write_predictions
    from tsdsl.engine.evaluation.record import record_in_run
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.recipe import EvaluateSettings
    from tsdsl.engine.runs.directory import RunDirectory
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
    split = str(given.values.get("split", EvaluateSettings().split))
    is_labelled = split_spellings(split)[0] not in unlabelled_splits(root)
    if not is_labelled and (predictions is None or confusion is not None):
        raise UsageError(
            f"{root}: the split {split} has no labels, so there is neither accuracy nor confusion",
            help="give only --predictions FILE to write what the model predicts",
        )
    own = open_dataset(root, split, labelled=is_labelled)
    matched = matched_classes(own, trained.class_names)
    dataset = matched.dataset
    recommended = trained.clip or dataset.recommended.model_dump(mode="json")
    chosen = fitted(EvaluateSettings, given, {"clip": recommended})
    assert chosen.clip is not None
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        for told in matched.notes if ranks.is_first else ():
            note(f"{root}: {told}")
        if not is_labelled:
            found = predict_videos(
                trained, dataset, chosen, top=NUM_RANKED, device=place, progress=progress, ranks=ranks
            )
            if predictions is not None and ranks.is_first:
                _write_unlabelled(predictions, found, own, dataset)
                if json:
                    print_json({"num_videos": len(found.predictions), "views": found.views, "skipped": found.skipped})
            return
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
    recorded = record_in_run(
        RunDirectory(architecture), trained.weights, result, chosen, root, place, trained_on=trained.data
    )
    if recorded is not None:
        note(f"wrote {recorded}")
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


def _write_unlabelled(path: Path, found: Predicted, own: VideoDataset, dataset: VideoDataset) -> None:
    """Write the predictions for a split without labels: for Something-Something V2 as its test server takes them."""
    from tsdsl.data.datasets.class_names import class_places
    from tsdsl.engine.evaluation.predictions import write_predictions, write_submission

    report_skipped(found.skipped)
    if own.missing:
        note(f"warning: {len(own.missing)} listed videos have no file, such as {own.missing[0]}")
    form = "a table"
    if own.kind == "something-something-v2" and path.suffix.lower() == ".csv":
        # The labels file numbers the classes, perhaps in another order than the training.
        places = class_places(dataset.class_names, own.class_names)
        numbers = [label if place is None else place for label, place in enumerate(places)]
        write_submission(path, found.predictions, numbers)
        form = "id;class;class;... by number, best first"
    else:
        write_predictions(path, found.predictions, dataset.class_names)
    note(f"wrote {path}: {len(found.predictions)} videos without labels, {form}")


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
