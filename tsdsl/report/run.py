"""Writes the page of a search with its training runs, of a single training run, or of a quickstart."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from tsdsl.artifacts.locate import SPACE_FILE, newest_architecture, read_space, space_of
from tsdsl.artifacts.trained import training_record
from tsdsl.drawing import draw_figure, found_model
from tsdsl.drawing.found import FoundModel
from tsdsl.drawing.landscape import PAPER
from tsdsl.drawing.theme import DARK, LIGHT
from tsdsl.engine.device import environment
from tsdsl.errors import FileError, RunError
from tsdsl.files import write_text
from tsdsl.network.layout import UNSCALED, Blueprint
from tsdsl.report.commands import train_command
from tsdsl.report.landscape import QUICKSTART, landscape_of, measured, predictions, trained_point
from tsdsl.report.page import Section, commands, drawing, folded, paragraph, report_html, table
from tsdsl.report.quickstart import quickstart_command, quickstart_section
from tsdsl.report.search_parts import rank_sections, search_sections, searched_steps, space_section, step_command
from tsdsl.report.training_parts import finished, training_folders, training_sections
from tsdsl.space.architecture import Architecture, read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale
from tsdsl.units import giga

WAYS = {
    "searched": "found, with the shared weights of the search",
    "trained": "trained from scratch",
    "published": f"printed in {PAPER}; not measured here",
}


def write_report(run: Path, output: Path | None = None, space: Space | None = None) -> Path:
    """Write the page of a run, by default as its report.html, and return the path.

    Raises:
        FileError: `run` is not the folder of a run, or a file in it is damaged.
    """
    page = output or run / "report.html"
    write_text(page, run_page(run, space))
    return page


def run_page(folder: Path, space: Space | None = None) -> str:
    """The HTML of a run; `space` is that of a training run, if known.

    Raises:
        FileError: the folder is not a run, or a file in it is damaged.
    """
    is_quickstart = (folder / QUICKSTART).is_file()
    search = folder / "run" if is_quickstart else folder
    trained = training_folders(folder)
    if (search / SPACE_FILE).is_file() and (search / "settings.json").is_file():
        space = read_space(search / SPACE_FILE)
        searched: Path | None = search
    elif trained:
        searched = None
        architecture = trained[0] / "architecture.json"
        space = space or space_of(architecture, read_architecture(architecture)).space
    else:
        raise FileError(f"{folder}: is not a run", help="give a folder written by search, train or quickstart")
    scale = UNSCALED
    if searched is None:
        record = training_record(trained[0])
        scale = record.scale if record is not None else UNSCALED
    found = _found(searched or trained[0], space)
    sections = quickstart_section(folder) if is_quickstart else []
    model = found_model(Blueprint(space, scale=scale), found) if found is not None else None
    if model is not None and found is not None:
        sections.append(_model(model, found))
    if searched is not None:
        sections += search_sections(searched, space) + rank_sections(searched)
    sections += training_sections(trained, show_commands=not is_quickstart)
    sections += _landscape(folder, searched, trained, space, scale)
    label = str(searched / SPACE_FILE) if searched is not None else f"{trained[0] / 'architecture.json'}"
    sections.append(space_section(space, label, scale))
    made = [quickstart_command(folder)] if is_quickstart else _commands(searched, space, trained)
    sections.append(_making(folder, made, trained, found))
    kind = "quickstart" if is_quickstart else "search" if searched is not None else "training"
    return report_html(f"{space.name}: {kind} {folder.resolve().name}", _introduction(space, model), sections)


def _found(folder: Path, space: Space) -> Architecture | None:
    """The newest architecture of a run; None if no step has finished."""
    joint = folder / "joint" / "architecture.json"
    try:
        path = newest_architecture(folder)
    except FileError:
        path = joint
    return read_architecture(path, space) if path.is_file() else None


def _introduction(space: Space, model: FoundModel | None) -> str:
    if not space.decisions and model is not None:
        return f"The network {space.name} has {giga(model.macs)} per clip and {model.params:,} parameters."
    size = f"The space {space.name} has {space.cardinality:,} architectures"
    if model is None:
        return f"{size}; the search has found none yet."
    return f"{size}. The result has {giga(model.macs)} per clip and {model.params:,} parameters."


def _model(model: FoundModel, found: Architecture) -> Section:
    title = "The found model" if found.decisions else "The model"
    drawn = f"{model.space}: the found architecture" if found.decisions else model.space
    rows = [(path, str(value)) for path, value in found.decisions.items()]
    decisions = folded("Its decisions", table("Decisions of the found architecture", ("decision", "value"), rows))
    picture = drawing(draw_figure(model, drawn), "A box is a group; see the legend", draw_figure(model, drawn, DARK))
    return Section(title, picture + (decisions if rows else ""))


def _landscape(
    folder: Path, searched: Path | None, trained: Sequence[Path], space: Space, scale: Scale
) -> list[Section]:
    """Measured accuracies by cost; empty if there are none."""
    if searched is not None:
        points, predicted = measured(searched, space), predictions(searched, space)
    else:
        predicted = []
        points = [point for point in map(trained_point, trained) if point is not None]
    if not points:
        return []
    title = "Accuracy against cost"
    try:
        landscape = landscape_of(space, scale, points, predicted=predicted)
    except RunError as error:
        return [Section(title, paragraph(f"The space's architectures cannot be counted by cost: {error.message}."))]
    rows = [(p.name, p.macs, p.top1, WAYS[p.kind], p.num_classes) for p in landscape.points]
    behind = folded(
        "The numbers", table("Models by cost", ("model", "multiply-adds", "top-1", "origin", "classes"), rows)
    )
    before = " over the cost of all architectures of the space" if space.decisions else ", by cost"
    drawn = drawing(landscape(LIGHT), f"Models{before}", landscape(DARK))
    made = f"tsdsl render {shlex.quote(str(folder))} --view landscape" if searched is not None else ""
    return [Section(title, drawn + behind, made_by=made)]


def _commands(searched: Path | None, space: Space, trained: Sequence[Path]) -> list[str]:
    """The commands that repeat a run."""
    steps = searched_steps(searched, space) if searched is not None else []
    found = [step_command(searched, step) for step in steps if searched is not None]
    records = [(folder, training_record(folder)) for folder in trained]
    return found + [train_command(folder, record) for folder, record in records if record is not None]


def _making(folder: Path, made: list[str], trained: list[Path], found: Architecture | None) -> Section:
    """The commands in order, and the environment that they ran in."""
    recorded: Mapping[str, str] = next((r.environment for r in map(finished, trained) if r is not None), {})
    versions = dict(recorded) or (dict(found.versions) if found is not None else {}) or environment()
    rows = [(name, str(value)) for name, value in versions.items()]
    after = [f"tsdsl {command} {shlex.quote(str(folder))}" for command in ("verify", "report")]
    return Section(
        "Commands and environment", commands([*made, *after]) + table("Environment", ("component", "version"), rows)
    )
