"""The section of a quickstart report which shows that both streams are needed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from pydantic import Field

from tsdsl.engine.evaluation.evaluate import Evaluation
from tsdsl.files import write_json
from tsdsl.report.landscape import QUICKSTART
from tsdsl.report.page import Section, bars, paragraph, table
from tsdsl.space.stored import Frozen, read_record

RESULTS = "results.json"
COLUMNS = ("model", "top-1", "top-5", "multiply-adds per clip", "parameters", "multiply-adds per video")


@dataclass(frozen=True, slots=True)
class Result:
    """A trained model: its description, folder, cost and accuracy on the validation clips."""

    name: str
    folder: str
    macs: int
    params: int
    evaluation: Evaluation
    is_random: bool = False


class Measured(Frozen):
    """A result as it is kept."""

    model: str
    run: str
    flops: int
    params: int
    classes: int = Field(ge=1)
    top1: float
    top5: float
    num_videos: int
    flops_per_video: int
    random: bool = False


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Write the numbers of a quickstart for its report."""
    write_json(folder / RESULTS, [_as_json(result) for result in results])


def quickstart_section(folder: Path) -> list[Section]:
    """The section of a finished quickstart; empty before.

    Raises:
        FileError: its results are damaged.
    """
    results = _results(folder)
    return [_accuracy(folder, results)] if results else []


def comparison(folder: Path) -> str:
    """The accuracy of the found architecture beside that of the random ones, in a sentence; empty without any.

    Raises:
        FileError: the results are damaged.
    """
    results = _results(folder)
    top1 = [result.top1 for result in results if result.random]
    if not top1:
        return ""
    deviation = f", standard deviation {100 * stdev(top1):.1f} points" if len(top1) > 1 else ""
    return (
        f"The found architecture is right on {results[0].top1:.1%}, random ones of its cost on {mean(top1):.1%} on "
        f"average{deviation}; it is better than {sum(results[0].top1 > one for one in top1)} of {len(top1)}."
    )


def _results(folder: Path) -> tuple[Measured, ...]:
    """What a finished quickstart measured, the found architecture first; nothing before."""
    path = folder / RESULTS
    if not path.exists():
        return ()
    return read_record(path, tuple[Measured, ...], "what a quickstart wrote", "run the quickstart again")


def quickstart_command(folder: Path) -> str:
    """The command that repeats a quickstart, from its record."""
    path = folder / QUICKSTART
    recorded = read_record(path, dict[str, Any], "what a quickstart wrote", "run the quickstart again")
    given = {name: recorded.get(name) for name in ("seed", "compare")}
    options = [f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None]
    return " ".join(["tsdsl quickstart", shlex.quote(str(folder)), *options])


def _as_json(result: Result) -> dict[str, Any]:
    evaluation = result.evaluation.model_dump(mode="json", include={"top1", "top5", "num_videos", "flops_per_video"})
    classes = len(result.evaluation.per_class)
    facts = {"model": result.name, "run": result.folder, "random": result.is_random}
    return {**facts, "flops": result.macs, "params": result.params, "classes": classes, **evaluation}


def _accuracy(folder: Path, results: Sequence[Measured]) -> Section:
    shown = [(result.model, result.top1) for result in results]
    classes, videos = results[0].classes, results[0].num_videos
    rows = [(r.model, r.top1, r.top5, r.flops, r.params, r.flops_per_video) for r in results]
    text = (
        "A class of the demo clips is a texture and a direction of motion. At the frames of the sparse stream, left "
        "looks like right and up like down; the thin dense stream confuses textures. Each model was trained from "
        f"scratch with the same recipe and tested on {videos} unseen clips of {classes} classes."
    )
    body = (
        paragraph(f"{text} {comparison(folder)}")
        + bars("Top-1 accuracy on the validation clips", [*shown, ("chance", 1 / classes)])
        + table("Accuracy and cost", COLUMNS, rows)
    )
    return Section("Both streams are needed", body, made_by=quickstart_command(folder))
