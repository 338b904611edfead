"""What a quickstart's report tells besides its search and training: that both streams are needed."""

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
from tsdsl.report.page import Section, bars, paragraph, table

MARKER = "quickstart.json"
RESULTS = "results.json"
COLUMNS = ("model", "top-1", "top-5", "multiply-adds a clip", "parameters", "multiply-adds a video")


@dataclass(frozen=True, slots=True)
class Result:
    """One trained model: what it is, its folder, its cost and its accuracy on the validation clips."""

    name: str
    folder: str
    macs: int
    params: int
    evaluation: Evaluation


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Keep the numbers of a quickstart, from which its report is made."""
    write_json(folder / RESULTS, [_as_json(result) for result in results])


def quickstart_section(folder: Path) -> list[Section]:
    """The section of a finished quickstart; nothing before.

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
    """The command of a quickstart, as its folder records it."""
    try:
        recorded = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        options = [f"--{name} {recorded[name]}" for name in ("seed", "compare") if recorded[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{folder / MARKER}: is not what a quickstart wrote ({error})"
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
        "A class of the demo clips is a texture and a direction in which it moves. At the frames of the sparse "
        "stream left looks like right and up like down; the thin dense stream confuses textures. Each model "
        f"was trained from scratch by the same recipe and named {videos} clips of {classes} classes that none of them "
        "had seen."
    )
    body = (
        paragraph(text)
        + bars("Top-1 accuracy on the validation clips", [*shown, ("chance", 1 / classes)])
        + table("Accuracy and cost", COLUMNS, [[result[name] for name in names] for result in results])
    )
    return Section("Both streams are needed", body, made_by=quickstart_command(folder))
