"""`tsdsl rank`: whether the shared weights of a search rank architectures as training from scratch does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import (
    BatchSize,
    Cache,
    Changes,
    Device,
    Epochs,
    Json,
    LearningRate,
    OldCount,
    Quiet,
    RunStep,
    Settings,
    Workers,
    renamed,
)
from tsdsl.cli.work.console import facts, note, print_json
from tsdsl.cli.work.settings_sources import fitted, given_settings


def rank(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a search or a quickstart.")],
    number: Annotated[int, typer.Option("-n", "--number", min=3, help="Number of architectures to train.")] = 50,
    step: RunStep = None,
    device: Device = "auto",
    settings: Settings = None,
    changes: Changes = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    workers: Workers = None,
    cache: Cache = None,
    quiet: Quiet = False,
    json: Json = False,
    old_count: OldCount = None,
) -> None:
    """Train architectures within the target from scratch, and compare their order with that by the shared weights.

    Kendall's tau is printed with a 95 % interval, beside that of cost and of scores that need no training. Processes
    of the same command share the work; after an interruption it continues. --settings and --set are those of train.
    """
    from tsdsl.artifacts.locate import SPACE_FILE, read_space, recommended_clip
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.recipe import TrainOptions
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.report.landscape import run_of
    from tsdsl.report.run import write_report
    from tsdsl.searching.front import finished_step
    from tsdsl.searching.ranking import agreements, rank_architectures, read_ranking

    count = renamed(number, old_count, "--count", "--number")
    folder = run_of(run)
    space = read_space(folder / SPACE_FILE)
    chosen = finished_step(folder, step)
    flags = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "num_workers": workers,
        "cache": cache,
    }
    given = given_settings(settings, flags, changes or [])
    has_clip = any(name.startswith("clip.") for name in given.values)
    options = fitted(TrainOptions, given, {"clip": recommended_clip(None, folder)} if has_clip else {})
    with Progress(quiet=quiet) as progress:
        rank_architectures(folder, space, chosen, count, options, device=choose_device(device), progress=progress)
    ranked = read_ranking(folder)
    note(f"wrote {write_report(run)}")
    found = agreements(ranked)
    if json:
        print_json(
            {
                "trained": len(ranked),
                "tau": {name: asdict(agreement) for name, agreement in found.items()},
                "architectures": [
                    {"name": one.name, "accuracy": one.accuracy, **one.scores.model_dump(mode="json")} for one in ranked
                ],
            }
        )
        return
    console = facts()
    console.print(f"{len(ranked)} architectures trained; Kendall's tau with their accuracies:")
    for name, agreement in found.items():
        console.print(f"{name:>16} {agreement.tau:6.2f} [{agreement.low:.2f}, {agreement.high:.2f}]", markup=False)
    if len(ranked) < count:
        console.print(f"{count - len(ranked)} more are not trained yet; other processes are at them")
