"""Spaces and architectures as HTML for notebooks, which call `_repr_html_` of the last value of a cell."""

from __future__ import annotations

from tsdsl.analysis.questions.bounds import extremes, is_exact
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.check.load import load as load_text
from tsdsl.drawing import draw_figure, draw_space, found_model
from tsdsl.drawing.theme import THEMES
from tsdsl.errors import TsdslError, UsageError
from tsdsl.library.pictures import Picture
from tsdsl.markup import block, paragraph, table
from tsdsl.network.layout import Blueprint
from tsdsl.source_files import shipped_with
from tsdsl.space.architecture import Architecture, problems
from tsdsl.space.model import Space
from tsdsl.units import counted, giga, many


def space_html(space: Space) -> str:
    """The sizes, costs, steps and drawing of a space; the reason instead of one that cannot be computed."""
    blueprint = Blueprint(space)
    rows = [
        (
            str(step.index),
            step.title,
            many(space.count_architectures(step.decisions)),
            _range(blueprint, step.index),
            "" if step.target_macs is None else giga(step.target_macs),
        )
        for step in space.steps
    ]
    facts = f"{many(space.classes)} classes, {space.size} px, {_range(blueprint, None)} a clip"
    shown = table(("step", "title", "architectures", "multiply-adds", "target"), rows) if rows else ""
    try:
        picture = Picture(draw_space(space), f"the space {space.name}")._repr_html_()
    except TsdslError as error:
        picture = paragraph(str(error))
    return block(repr(space), paragraph(facts), shown, picture)


def architecture_html(architecture: Architecture, space: Space | None = None) -> str:
    """The costs and choices of an architecture, and its figure where its space is known or a shipped one."""
    rows = [(path, str(value)) for path, value in architecture.decisions.items()]
    listed = table(("decision", "value"), rows)
    summary = f"<summary>{counted(len(rows), 'decision')}</summary>"
    try:
        picture = architecture_picture(architecture, space)._repr_html_()
    except UsageError:
        picture = ""
    return block(repr(architecture), picture, f"<details>{summary}{listed}</details>")


def architecture_picture(architecture: Architecture, space: Space | None = None, theme: str = "light") -> Picture:
    """The figure of an architecture.

    Raises:
        UsageError: its space is neither given nor a shipped one.
    """
    known = (load_text(name, architecture.space) for name in shipped_with(architecture.space))
    for one in known if space is None else (space,):
        if not problems(one, architecture):
            title = f"an architecture of {one.name}"
            model = found_model(Blueprint(one), architecture)
            return Picture(draw_figure(model, one.name, THEMES[theme]), title)
    raise UsageError(
        f"the space {architecture.space} of this architecture is not known",
        help="take the architecture from its space: space.architecture(...)",
    )


def _range(blueprint: Blueprint, step: int | None) -> str:
    try:
        table = CostTable(blueprint, step)
        least, most = extremes(table, "macs")
        about = "" if is_exact(table, "macs") else "about "
    except TsdslError as error:
        return str(error)
    return f"{about}{giga(least)} to {giga(most)}" if least < most else giga(least)
