"""The section of a quickstart report which shows that both streams are needed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.engine.evaluation.evaluate import Evaluation
from tsdsl.errors import FileError
from tsdsl.files import write_json
from tsdsl.report.landscape import QUICKSTART
from tsdsl.report.page import Section, bars, paragraph, table

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


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Write the numbers of a quickstart for its report."""
    write_json(folder / RESULTS, [_as_json(result) for result in results])


def quickstart_section(folder: Path) -> list[Section]:
    """The section of a finished quickstart; empty before.

    Raises:
        FileError: its results are damaged.
    """
    path = folder / RESULTS
    if not path.exists():
        return []
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        return [_accuracy(folder, results)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path}: is not what a quickstart wrote ({error})", help="run the quickstart again") from error


def quickstart_command(folder: Path) -> str:
    """The command that repeats a quickstart, from its record."""
    try:
        recorded = json.loads((folder / QUICKSTART).read_text(encoding="utf-8"))
        options = [f"--{name} {recorded[name]}" for name in ("seed", "compare") if recorded[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{folder / QUICKSTART}: is not what a quickstart wrote ({error})"
        raise FileError(problem, help="run the quickstart again") from error
    return " ".join(["tsdsl quickstart", shlex.quote(str(folder)), *options])


def _as_json(result: Result) -> dict[str, Any]:
    evaluation = result.evaluation.model_dump(mode="json", include={"top1", "top5", "num_videos", "flops_per_video"})
    classes = len(result.evaluation.per_class)
    facts = {"model": result.name, "run": result.folder, "flops": result.macs, "params": result.params}
    return {**facts, "classes": classes, **evaluation}


def _accuracy(folder: Path, results: Sequence[dict[str, Any]]) -> Section:
    names = ("model", "top1", "top5", "flops", "params", "flops_per_video")
    shown = [(str(result["model"]), float(result["top1"])) for result in results]
    classes, videos = results[0]["classes"], results[0]["num_videos"]
    text = (
        "A class of the demo clips is a texture and a direction of motion. At the frames of the sparse stream, left "
        "looks like right and up like down; the thin dense stream confuses textures. Each model was trained from "
        f"scratch with the same recipe and tested on {videos} unseen clips of {classes} classes."
    )
    body = (
        paragraph(text)
        + bars("Top-1 accuracy on the validation clips", [*shown, ("chance", 1 / classes)])
        + table("Accuracy and cost", COLUMNS, [[result[name] for name in names] for result in results])
    )
    return Section("Both streams are needed", body, made_by=quickstart_command(folder))
