"""`tsdsl eval`: multi-view accuracy of trained weights, and what a video costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.console import facts, note, print_json, report_skipped
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.engine.evaluate import Evaluation

NUM_SHOWN = 3


def evaluate(
    architecture: Annotated[
        Path, typer.Argument(metavar="ARCH", help="A training run, an architecture file, or a space without decisions.")
    ],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file; default: the training run's.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data set; default: the training run's.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "val",
    views: Annotated[str, typer.Option("--views", help="Clips x crops a video: 10x1 or 10x3.")] = "10x1",
    model: Annotated[str | None, typer.Option("--model", help="The model it was trained as, e.g. L.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that decode clips.")] = 0,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Write one for each video: .csv or .json.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option("--confusion", metavar="FILE", help="Write the confusion matrix: .csv or .json.")
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The architecture's space, if it is not found.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Evaluate weights on the videos of a split, softmax scores averaged over views.

    Started with `torchrun --nproc-per-node W -m -- tsdsl eval ...`, W processes share the videos.
    """
    from tsdsl.cli.trained import open_trained
    from tsdsl.data import open_dataset
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluate import evaluate as evaluate_model
    from tsdsl.engine.predictions import require_table_format, write_confusion, write_predictions
    from tsdsl.engine.progress import Progress
    from tsdsl.engine.ranks import joined

    for path in (predictions, confusion):
        if path is not None:
            require_table_format(path)
    place = choose_device(device)
    trained = open_trained(architecture, weights, model, in_space, space)
    root = data or trained.data
    if root is None:
        raise UsageError("no data set is given, and ARCH is no training run that records one", help="give --data DIR")
    dataset = open_dataset(root, split)
    with joined(place) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        result = evaluate_model(
            trained.model, dataset, views, device=place, num_workers=workers, progress=progress, ranks=ranks
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
        print_json(result.model_dump(mode="json", exclude={"predictions"}))
        return
    console = facts()
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    console.print(f"{result.num_videos} videos{skipped}, {views} views of {result.view_size_px} px")
    console.print(f"top-1 {result.top1:.2%}   top-5 {result.top5:.2%}")
    _print_classes(result)
    console.print(
        f"{result.flops_per_view:,} multiply-adds a view, {result.flops_per_video:,} a video ({result.views} views)"
    )


def _print_classes(result: Evaluation) -> None:
    """The classes that go worst, and what is taken for what most often."""
    from tsdsl.engine.predictions import most_confused

    console = facts()
    known = sorted((share, name) for name, share in result.per_class.items() if share is not None)
    worst = ", ".join(f"{name} {share:.1%}" for share, name in known[:NUM_SHOWN])
    console.print(f"worst of {len(known)} classes: {worst}", markup=False)
    mistakes = most_confused(result.confusion, NUM_SHOWN)
    if mistakes:
        told = ", ".join(f"{own} for {other} ({count})" for own, other, count in mistakes)
        console.print(f"most often taken: {told}", markup=False)
