"""Spaces and architectures as HTML for notebooks, which call `_repr_html_` of the last value of a cell."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from tsdsl.analysis.questions.bounds import extremes, is_exact
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.api import load
from tsdsl.drawing import draw_figure, draw_space, found_model
from tsdsl.errors import TsdslError
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
    table = _table(("step", "title", "architectures", "multiply-adds", "target"), rows) if rows else ""
    try:
        picture = _picture(draw_space(space), f"the space {space.name}")
    except TsdslError as error:
        picture = _paragraph(str(error))
    return _block(repr(space), _paragraph(facts), table, picture)


def architecture_html(architecture: Architecture) -> str:
    """The costs and choices of an architecture, and its figure where its space is a shipped one."""
    rows = [(path, str(value)) for path, value in architecture.decisions.items()]
    shown = _table(("decision", "value"), rows)
    summary = f"<summary>{counted(len(rows), 'decision')}</summary>"
    return _block(repr(architecture), _figure(architecture), f"<details>{summary}{shown}</details>")


def _figure(architecture: Architecture) -> str:
    for name in shipped_with(architecture.space):
        space = load(name, architecture.space)
        if not problems(space, architecture):
            svg = draw_figure(found_model(Blueprint(space), architecture))
            return _picture(svg, f"an architecture of {space.name}")
    return ""


def _range(blueprint: Blueprint, step: int | None) -> str:
    try:
        table = CostTable(blueprint, step)
        least, most = extremes(table, "macs")
        about = "" if is_exact(table, "macs") else "about "
    except TsdslError as error:
        return str(error)
    return f"{about}{giga(least)} to {giga(most)}" if least < most else giga(least)


def _block(heading: str, *parts: str) -> str:
    return f"<div><strong>{escape(heading.strip('<>'))}</strong>{''.join(parts)}</div>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _picture(svg: str, spoken: str) -> str:
    """The SVG as an image: several on one page then share no identifiers, and nothing in them can run."""
    data = b64encode(svg.encode()).decode()
    return f'<img alt="{escape(spoken)}" style="max-width: 100%" src="data:image/svg+xml;base64,{data}">'
