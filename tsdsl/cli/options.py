"""The options that several commands take, each declared once: `model: ModelName = None` gives a command `--model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tsdsl.cli.work.console import note

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Files or folders, or - to filter standard input.")]
CheckOnly = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")]
ShowDiff = Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change.")]

SpaceName = Annotated[str | None, typer.Option("--space", help="Name of the space, if the file holds several.")]
InSpace = Annotated[str | None, typer.Option("--in", help="Space of the architecture, if it is not found.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Scale to one of the space's models, e.g. L.")]

Within = Annotated[
    str | None, typer.Option("--within", help="Multiply-adds: at most 1.4GFLOPs, or a window 1.2G..1.4G.")
]
RunStep = Annotated[str | None, typer.Option("--step", help="A step number, or joint; default: the last.")]

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the training clips.")]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", help="Peak learning rate of the weights.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Clips per batch.")]
Views = Annotated[str | None, typer.Option("--views", help="Clips x crops per video, such as 10x3; default: 10x1.")]
TrainedWeights = Annotated[
    Path | None, typer.Option("--weights", help="Weights file; default: that of the training run.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=0, help="Processes that decode clips.")]
Cache = Annotated[bool | None, typer.Option("--cache", help="Keep decoded videos in memory.")]
Log = Annotated[
    list[str] | None, typer.Option("--log", metavar="TRACKER", help="Log to wandb or mlflow, too; repeatable.")
]
Settings = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML file of settings; other options override it.")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see --show-settings.")
]
ShowSettings = Annotated[
    bool, typer.Option("--show-settings", help="Print all settings as a file for --settings, and exit.")
]

OldBudget = Annotated[str | None, typer.Option("--budget", hidden=True)]
OldFlops = Annotated[str | None, typer.Option("--flops", hidden=True)]
OldTarget = Annotated[str | None, typer.Option("--target", hidden=True)]
OldCount = Annotated[int | None, typer.Option("--count", min=3, hidden=True)]
OldPoints = Annotated[int | None, typer.Option("--points", min=2, hidden=True)]


def renamed(value: T, old: T | None, old_name: str, name: str) -> T:
    """The value of an option; that of its old name where it is given, with a note of the new one."""
    if old is None:
        return value
    note(f"{old_name} is called {name} now")
    return old
