"""Builds the HTML of a report: one file without external resources, for phones, screen readers and print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tsdsl.drawing.svg import NOT_SHOWN
from tsdsl.report.style import SCRIPT, STYLE

Cell = str | int | float
LONG_NUMBER = 10**15
# Nothing is fetched, whatever text the page contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its HTML body, and the command that produced it."""

    title: str
    body: str
    made_by: str = ""


def report_html(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    links = "".join(f'<li><a href="#part{n}">{escape(s.title)}</a></li>' for n, s in enumerate(sections, 1))
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, 1))
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{paragraph(introduction)}\n</header>\n"
        f'<nav aria-label="Parts of this report"><ul>{links}</ul></nav>\n<main>\n{body}\n</main>\n'
        "<footer><p>Written by tsdsl. This file loads no other resources.</p></footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
    return NOT_SHOWN.sub("\ufffd", page)


def _section(number: int, section: Section) -> str:
    made = made_by(section.made_by) if section.made_by else ""
    heading = f'<h2 id="part{number}">{escape(section.title)}</h2>'
    return f'<section aria-labelledby="part{number}">{heading}\n{section.body}\n{made}\n</section>'


def subheading(text: str) -> str:
    """A heading in a section."""
    return f"<h3>{escape(text)}</h3>"


def made_by(command: str) -> str:
    """The command that produced the preceding content."""
    return f'<p class="made">Made by <code>{escape(command)}</code></p>'


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def commands(lines: Sequence[str]) -> str:
    """Commands in a preformatted block."""
    return "<pre>" + escape("\n".join(lines)) + "</pre>"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table; numbers are right-aligned, floats are fractions shown as percentages."""
    head = "".join(
        f'<th scope="col"{_right(all(_is_number(row[place]) for row in rows))}>{escape(column)}</th>'
        for place, column in enumerate(columns)
    )
    lines = []
    for first, *rest in rows:
        cells = "".join(_cell(value) for value in rest)
        lines.append(f'<tr><th scope="row">{breakable(str(first))}</th>{cells}</tr>')
    return scrolling(
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>",
        caption,
    )


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.1%}</td>'
    if isinstance(value, int):
        return f'<td class="number{" long" if abs(value) > LONG_NUMBER else ""}">{value:,}</td>'
    return f"<td{_right(_is_number(value))}>{breakable(value)}</td>"


def _is_number(value: Cell) -> bool:
    """Whether a cell is a number, possibly formatted as text."""
    return not isinstance(value, str) or re.fullmatch(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", value) is not None


def _right(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def breakable(text: str) -> str:
    """Escaped text; dotted paths may break after a dot."""
    return escape(text).replace(".", ".<wbr>") if text.count(".") > 1 else escape(text)


def bars(caption: str, rows: Sequence[tuple[str, float]]) -> str:
    """Fractions from 0 to 1 as a table with a bar in each row."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{value:.1%}</td>'
        f'<td class="bars"><span class="bar" style="--v:{100 * value:.2f}"></span></td></tr>'
        for name, value in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{lines}</tbody></table>"


def scrolling(inner: str, name: str) -> str:
    """A scrollable region, also by keyboard."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(name, quote=True)}">{inner}</div>'


def folded(summary: str, inner: str) -> str:
    """Content that is hidden until the reader opens it."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def drawing(svg: str, caption: str, dark: str = "") -> str:
    """A picture in a scrollable figure; `dark` is shown on dark pages, without it the background is white."""
    ground = "drawing" if dark else "drawing paper"
    pictures = f'<div class="on-light">{_inline(svg)}</div><div class="on-dark">{_inline(dark)}</div>'
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<div class="wide {ground}" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}">'
        f"{pictures if dark else _inline(svg)}</div></figure>"
    )


def _inline(svg: str) -> str:
    """An SVG document without its XML declaration."""
    return svg[svg.index("<svg") :] if "<svg" in svg else svg


def charts(figures: Sequence[str]) -> str:
    """Charts in a grid."""
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""
