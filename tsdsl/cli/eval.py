"""`tsdsl eval`: multi-view accuracy of trained weights, and what a video costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import facts, print_json, report_skipped
from tsdsl.errors import UsageError
from tsdsl.files import write_json


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
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Write them here, as JSON.")] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The architecture's space, if it is not found.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Evaluate weights on the videos of a split, softmax scores averaged over views.

    Started with `torchrun --nproc-per-node W -m tsdsl eval ...`, W processes share the videos.
    """
    from tsdsl.cli.trained import open_trained
    from tsdsl.data import open_dataset
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluate import evaluate as evaluate_model
    from tsdsl.engine.progress import Progress
    from tsdsl.engine.ranks import joined

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
        write_json(predictions, [p.model_dump(mode="json") for p in result.predictions])
    if json:
        print_json(result.model_dump(mode="json", exclude={"predictions"}))
        return
    console = facts()
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    console.print(f"{result.num_videos} videos{skipped}, {views} views of {result.view_size_px} px")
    console.print(f"top-1 {result.top1:.2%}   top-5 {result.top5:.2%}")
    console.print(
        f"{result.flops_per_view:,} multiply-adds a view, {result.flops_per_video:,} a video ({result.views} views)"
    )
