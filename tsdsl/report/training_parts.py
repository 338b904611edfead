"""The section of a report on training runs: accuracies, curves and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdsl.artifacts.trained import training_record
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.evaluations import current_evaluations
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.record import TrainResult, read_train_result
from tsdsl.report.chart import Line, line_figure
from tsdsl.report.commands import train_command
from tsdsl.report.page import Section, bars, charts, commands, folded, made_by, subheading, table

EVALUATED = ("run", "weights", "data set", "split", "views", "top-1", "top-5", "videos")
COLUMNS = ("run", "top-1", "top-5", "training loss", "multiply-adds", "parameters", "epochs", "seconds")


def training_folders(folder: Path) -> list[Path]:
    """The folder if it is a training run, and the training runs in it."""
    found = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    return [path for path in found if training_record(path) is not None]


def finished(folder: Path) -> TrainResult | None:
    """The result of a training run; None if unfinished."""
    run = RunDirectory(folder)
    return read_train_result(run) if run.result.exists() else None


def training_sections(folders: Sequence[Path], show_commands: bool) -> list[Section]:
    """Accuracies and curves of training runs, optionally with their commands; empty without runs."""
    if not folders:
        return []
    rows: list[tuple[str | int | float, ...]] = []
    shown: list[tuple[str, float]] = []
    classes = 0
    for folder in folders:
        result, record = finished(folder), training_record(folder)
        assert record is not None
        classes = record.classes
        if result is None:
            rows.append((folder.name, "not finished", *[""] * (len(COLUMNS) - 2)))
            continue
        accuracies = [value if value is not None else "none" for value in (result.val_top1, result.val_top5)]
        numbers = (f"{result.train_loss:.4g}", result.flops, result.params, result.epochs, f"{result.seconds:.1f}")
        rows.append((folder.name, *accuracies, *numbers))
        if result.val_top1 is not None:
            shown.append((folder.name, result.val_top1))
    bar_chart = bars("Top-1 accuracy on the validation videos", [*shown, ("chance", 1 / classes)]) if shown else ""
    curves = "\n".join(_curves(folder, show_commands) for folder in folders)
    trained = table("Training runs, each from scratch; accuracies of their own validation", COLUMNS, rows)
    return [Section("Trained models", bar_chart + trained + _evaluations(folders) + curves)]


def _evaluations(folders: Sequence[Path]) -> str:
    """A table of the evaluations of the weights that the runs have; empty without any."""
    rows = [
        (folder.name, one.weights, one.data, one.split, one.views, one.top1, one.top5, one.num_videos)
        for folder in folders
        for one in current_evaluations(folder).values()
    ]
    return table("Evaluations of their weights", EVALUATED, rows) if rows else ""


def _curves(folder: Path, show_command: bool) -> str:
    metrics = read_metrics(folder)

    def points(key: str) -> list[tuple[float, float]]:
        return [(float(m["epoch"]), float(m[key])) for m in metrics if m.get(key) is not None and "epoch" in m]

    drawn = [
        line_figure("Training loss", [Line("loss", points("train/loss"))], "epoch", "cross-entropy"),
        line_figure(
            "Top-1 accuracy",
            [Line("training", points("train/top1")), Line("validation", points("val/top1"))],
            "epoch",
            "fraction",
            from_zero=True,
        ),
    ]
    record = training_record(folder)
    assert record is not None
    listed = [f"{key} = {value}" for key, value in record.settings.model_dump(mode="json").items()]
    return (
        subheading(f"Curves of {folder.name}")
        + charts([figure for figure in drawn if figure])
        + (made_by(train_command(folder, record)) if show_command else "")
        + folded("All settings of this run", commands(listed))
    )
