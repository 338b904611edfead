"""The report of a quickstart: what was searched, how, and what came out, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tsdsl.analysis.lint import giga
from tsdsl.engine.device import environment
from tsdsl.engine.evaluate import Evaluation
from tsdsl.engine.metrics import read_metrics
from tsdsl.files import write_json, write_text
from tsdsl.render import draw_architecture, draw_space
from tsdsl.render.chart import Line, bar_chart, line_chart
from tsdsl.render.report import Section, charts, commands, drawing, paragraph, report_html, table
from tsdsl.search import read_alpha, step_directory
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space


@dataclass(frozen=True, slots=True)
class Result:
    """One trained model: what it is, its folder, its cost and its accuracy on the validation clips."""

    name: str
    folder: str
    macs: int
    params: int
    evaluation: Evaluation


def write_report(folder: Path, space: Space, found: Architecture, results: Sequence[Result], seconds: float) -> Path:
    """Write report.html and results.json; the path of the page."""
    both, classes = results[0].evaluation, len(results[0].evaluation.per_class)
    page = folder / "report.html"
    write_json(folder / "results.json", [_as_json(result) for result in results])
    introduction = (
        f"Out of {space.cardinality:,} architectures of the space {space.name}, a search in {len(space.steps)} steps "
        f"found one with {giga(results[0].macs)} a clip. Trained from scratch, it names {both.top1:.1%} of "
        f"{both.num_videos} unseen clips of {classes} classes right; chance is {1 / classes:.1%}."
    )
    sections = [
        Section("Both streams are needed", _accuracy(results, classes)),
        Section("The model that was found", _model(space, found)),
        Section("The search", _search(folder / "run", space)),
        Section("The space", _space(space)),
        Section("How it was made", _making(folder, seconds)),
    ]
    write_text(page, report_html("tsdsl quickstart", introduction, sections))
    return page


def _as_json(result: Result) -> dict[str, Any]:
    evaluation = result.evaluation.model_dump(mode="json", include={"top1", "top5", "num_videos", "flops_per_video"})
    return {"model": result.name, "run": result.folder, "flops": result.macs, "params": result.params, **evaluation}


def _accuracy(results: Sequence[Result], classes: int) -> str:
    bars = [(result.name, result.evaluation.top1) for result in results]
    rows = [
        (r.name, r.evaluation.top1, r.evaluation.top5, r.macs, r.params, r.evaluation.flops_per_video) for r in results
    ]
    columns = ("model", "top-1", "top-5", "multiply-adds a clip", "parameters", "multiply-adds a video")
    return (
        paragraph(
            "A class of the demo clips is a texture and a direction in which it moves. At the frames of the sparse "
            "stream left looks like right and up like down; the thin dense stream confuses textures. Each model "
            "below was trained from scratch by the same recipe."
        )
        + charts([bar_chart("Top-1 accuracy on the validation clips", bars, ("chance", 1 / classes))])
        + table("Accuracy and cost", columns, rows)
    )


def _model(space: Space, found: Architecture) -> str:
    picture = drawing(draw_architecture(space, found), "The found architecture; its decisions stand in the table")
    rows = [(path, str(value)) for path, value in found.decisions.items()]
    return picture + table("Its decisions", ("decision", "value"), rows)


def _search(run: Path, space: Space) -> str:
    parts = []
    for step in space.steps:
        folder = step_directory(run, step.index).path
        metrics = read_metrics(folder)
        alpha = read_alpha(folder)
        loss = [(float(m["iteration"]), float(m["training/loss"])) for m in metrics if m.get("training/loss")]
        entropy = [(float(a["epoch"]), float(a["entropy"])) for a in alpha]
        flops = [(float(a["epoch"]), float(a["expected_flops"]) / 1e6) for a in alpha]
        target = [Line("target", [(x, step.target_macs / 1e6) for x, _ in flops])] if step.target_macs else []
        parts += [
            f"<h3>Step {step.index}: {escape(step.title)}</h3>",
            charts(
                [
                    line_chart("Entropy of the distribution", [Line("entropy", entropy)], "epoch", "nats", True),
                    line_chart("Expected cost", [Line("expected", flops), *target], "epoch", "million multiply-adds"),
                    line_chart("Training loss of sampled architectures", [Line("loss", loss)], "iteration", "loss"),
                ]
            ),
            _probabilities(alpha, space),
        ]
    return "\n".join(parts)


def _probabilities(alpha: Sequence[dict[str, Any]], space: Space) -> str:
    rows = []
    for path, probabilities in alpha[-1]["probabilities"].items() if alpha else ():
        values = space.decision_by_path[path].values
        pairs = sorted(zip(probabilities, values, strict=True), key=lambda pair: -pair[0])
        rows.append((path, ", ".join(f"{value} {probability:.0%}" for probability, value in pairs)))
    return table("Probabilities of the choices at the end, most probable first", ("decision", "choices"), rows)


def _space(space: Space) -> str:
    rows = [
        (
            f"step {step.index}: {step.title}",
            len(step.decisions),
            space.count_architectures(step.decisions),
            giga(step.target_macs) if step.target_macs else "",
        )
        for step in space.steps
    ]
    columns = ("step", "decisions", "architectures", "target")
    return drawing(draw_space(space), "The whole space with all its choices") + table("Its steps", columns, rows)


def _making(folder: Path, seconds: float) -> str:
    lines = [
        f"tsdsl quickstart {folder}",
        "",
        "# the same, step by step",
        "tsdsl data demo clips",
        "tsdsl compile std:tiny",
        "tsdsl search --step all --data clips    # see the run's settings.json for the settings",
        "tsdsl train runs/tiny",
        "tsdsl eval runs/tiny/train --views 1x1",
        "tsdsl render",
    ]
    rows = [(name, str(value)) for name, value in environment().items()]
    return (
        paragraph(f"All of it took {seconds:.0f} s in the process that finished it. The numbers stand in results.json.")
        + commands(lines)
        + table("Environment", ("what", "version"), rows)
    )
