"""The sections of a report on a search: results, curves and probabilities of each step, and the space."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsdsl.analysis.questions.summary import step_report
from tsdsl.drawing import draw_architecture, draw_space
from tsdsl.drawing.theme import DARK, LIGHT
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.network.layout import UNSCALED, Blueprint
from tsdsl.report.alpha_film import alpha_film
from tsdsl.report.chart import Line, line_figure
from tsdsl.report.commands import search_command
from tsdsl.report.page import Section, charts, commands, drawing, folded, made_by, paragraph, subheading, table
from tsdsl.searching import SearchResult, read_alpha, read_result, step_directory
from tsdsl.searching.ranking import agreements, read_ranking
from tsdsl.searching.record.run_record import RUN_KIND, STEP_KIND, RunRecord
from tsdsl.searching.settings import StepSettings
from tsdsl.space.architecture import Architecture, read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

Points = list[tuple[float, float]]
RESULTS = ("step", "multiply-adds", "target", "accuracy", "entropy, nats", "sampled architectures", "seconds")
FACTS = ("step", "decisions", "architectures", "least", "most", "target", "share within")
SHOWN_CONTENDERS, NORMAL_95 = 5, 1.96
COLUMNS_PER_LINE = 7
"""Columns of the graph of the space in a line: ten are too small to read in print."""


def searched_steps(run: Path, space: Space) -> list[int | None]:
    """The steps that have started; None is the joint search."""
    steps = [*(step.index for step in space.steps), None]
    return [step for step in steps if step_directory(run, step).settings.exists()]


def step_name(space: Space, step: int | None) -> str:
    """The title of a step."""
    return "joint search" if step is None else f"step {step}: {space.step(step).title}"


def search_sections(run: Path, space: Space) -> list[Section]:
    """Results and curves of the search so far."""
    steps = searched_steps(run, space)
    rows: list[tuple[str | int | float, ...]] = []
    undecided = contenders = ""
    for step in steps:
        result = read_result(step_directory(run, step))
        name = step_name(space, step)
        if result is None:
            rows.append((name, "not finished", *[""] * (len(RESULTS) - 2)))
            continue
        target = result.target if result.target is not None else "none"
        numbers = (result.flops, target, result.accuracy, f"{result.entropy:.3f}", result.samples)
        rows.append((name, *numbers, f"{result.seconds:.1f}"))
        if result.undecided is not None:
            undecided += paragraph(f"Undecided, {name}: {result.undecided}.")
        if result.top:
            contenders += _contenders(name, result, read_architecture(result.architecture))
    note = undecided + paragraph(
        "Accuracy is that of the found architecture with the shared weights, on the clips used to choose it. "
        "Multiply-adds are per clip."
    )
    curves = "\n".join(_curves(run, space, step) for step in steps)
    return [
        Section("Results of the search", table("Results by step", RESULTS, rows) + note + contenders),
        Section("Curves of the search", curves),
    ]


def _contenders(name: str, result: SearchResult, found: Architecture) -> str:
    """How sure a step is of what it found, and what comes next."""
    rows = []
    for place, contender in enumerate(result.top[:SHOWN_CONTENDERS], start=1):
        changed = [
            f"{path} = {value}" for path, value in contender.decisions.items() if found.decisions.get(path) != value
        ]
        score = f"{contender.score:+.4f} ± {NORMAL_95 * contender.deviation:.4f}"
        rows.append((str(place), score, ", ".join(changed) or "the architecture found"))
    columns = ("place", "score above the average, 95 % interval", "differs from the one found in")
    sure = paragraph(
        f"The architecture found in {name} is the best in {result.best_share:.0%} of the draws from the posterior; the "
        f"best is expected to score {result.expected_loss:.4f} more."
    )
    return table(f"The best architectures, {name}", columns, rows) + sure


def step_command(run: Path, step: int | None) -> str:
    """The command that searches a step again."""
    record = RunDirectory(run).read_settings(RUN_KIND, RunRecord)
    settings = step_directory(run, step).read_settings(STEP_KIND, StepSettings)
    return search_command(run, str(RunDirectory(run).space), step, record.data, settings)


def space_section(space: Space, argument: str, scale: Scale = UNSCALED) -> Section:
    """The space with all its choices and the exact facts of its steps; without decisions, its network at `scale`.

    `argument` names the space on the command line.
    """
    made_by = f"tsdsl inspect {shlex.quote(argument)}"
    if not space.decisions:
        only = Architecture(space=space.name, fingerprint=space.fingerprint, decisions={})
        scaled = Blueprint(space, scale=scale)
        light, dark = (draw_architecture(space, only, scaled, theme=theme) for theme in (LIGHT, DARK))
        return Section("The network", drawing(light, f"The network {space.name}", dark), made_by)
    blueprint = Blueprint(space)
    rows = [_facts(step_report(blueprint, step.index)) for step in space.steps]
    counted = table("Exact sizes, bounds in multiply-adds, and shares within the target", FACTS, rows)
    light, dark = (draw_space(space, theme=theme, columns_a_line=COLUMNS_PER_LINE) for theme in (LIGHT, DARK))
    drawn = drawing(light, f"The space {space.name} with all its choices", dark)
    return Section("The space", (counted if rows else "") + drawn, made_by)


def _facts(report: dict[str, Any]) -> tuple[str | int | float, ...]:
    within = report["within_target"]
    return (
        f"step {report['step']}: {report['title']}",
        len(report["decisions"]),
        int(report["cardinality"]),
        report["flops"]["min"],
        report["flops"]["max"],
        report["target"] if report["target"] is not None else "none",
        f"{within['share']:.3g}" if within is not None else "",
    )


def _curves(run: Path, space: Space, step: int | None) -> str:
    folder = step_directory(run, step)
    settings = folder.read_settings(STEP_KIND, StepSettings)
    metrics, alpha = read_metrics(folder.path), read_alpha(folder.path, space)
    losses = [Line(name, _points(metrics, f"{name}/loss")) for name in ("training", "validation")]
    accuracies = [Line(name, _points(metrics, f"{name}/accuracy")) for name in ("training", "validation")]
    entropy = [(float(entry["epoch"]), float(entry["entropy"])) for entry in alpha]
    cost = [(float(entry["epoch"]), float(entry["expected_flops"]) / 1e6) for entry in alpha]
    targets = [Line("target", [(x, settings.target_macs / 1e6) for x, _ in cost])] if settings.target_macs else []
    drawn = [
        line_figure("Loss of sampled architectures", losses, "iteration", "cross-entropy"),
        line_figure("Accuracy of sampled architectures", accuracies, "iteration", "fraction", from_zero=True),
        line_figure("Entropy of the distribution", [Line("entropy", entropy)], "epoch", "nats", from_zero=True),
        line_figure("Expected cost", [Line("expected", cost), *targets] if cost else [], "epoch", "M multiply-adds"),
    ]
    name = step_name(space, step)
    listed = [f"{key} = {value}" for key, value in settings.model_dump(mode="json").items()]
    return (
        subheading(name[:1].upper() + name[1:])
        + charts([figure for figure in drawn if figure])
        + alpha_film(name, alpha, space)
        + made_by(step_command(run, step))
        + folded("All settings of this step", commands(listed))
    )


def _points(metrics: Sequence[dict[str, Any]], key: str) -> Points:
    return [(float(entry["iteration"]), float(entry[key])) for entry in metrics if entry.get(key) is not None]


def rank_sections(run: Path) -> list[Section]:
    """How well shared weights, cost and scores of untrained networks rank; empty if `tsdsl rank` trained too few."""
    ranked = read_ranking(run)
    found = agreements(ranked)
    if not found:
        return []
    points = sorted((one.scores.predictors["shared weights"], one.accuracy) for one in ranked)
    scatter = line_figure(
        "Accuracy from scratch by accuracy with shared weights",
        [Line("architectures", points, is_joined=False)],
        "with shared weights",
        "trained from scratch",
    )
    rows = [(name, f"{a.tau:.2f}", f"{a.low:.2f} to {a.high:.2f}") for name, a in found.items()]
    columns = ("predictor", "Kendall's tau", "95 % interval")
    drawn = table(f"Agreement with {len(ranked)} architectures trained from scratch", columns, rows) + scatter
    return [Section("How far the shared weights can be trusted", drawn, f"tsdsl rank {shlex.quote(str(run))}")]
