"""The page of a run: one HTML file that needs no network and no script, readable on a phone and in print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1.2rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .4rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d9dee3; padding-bottom: .2rem; }
p { max-width: 46rem; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; color: #4a5560; padding-bottom: .3rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #e3e7eb; text-align: left; vertical-align: top; }
th[scope=col] { border-bottom: 2px solid #9aa5b0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; border: 1px solid #e3e7eb; border-radius: 6px; padding: .6rem; margin: .8rem 0; }
.wide:focus { outline: 2px solid #0072B2; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; margin: .8rem 0; }
.charts svg { max-width: 100%; height: auto; }
code, pre { font: .86rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: #f4f6f8; }
pre { padding: .7rem; overflow-x: auto; border-radius: 6px; }
code { padding: .1rem .25rem; border-radius: 3px; overflow-wrap: anywhere; }
@media print { .wide { overflow: visible; border: 0; } .wide svg { width: 100%; height: auto; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, as HTML made by the functions below."""

    title: str
    body: str


def report_html(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    body = "\n".join(f"<section><h2>{escape(s.title)}</h2>\n{s.body}\n</section>" for s in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{paragraph(introduction)}\n{body}\n</main>\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def commands(lines: Sequence[str]) -> str:
    """Commands as they were run."""
    return "<pre>" + escape("\n".join(lines)) + "</pre>"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | int | float]]) -> str:
    """A table; numbers are aligned at the right, a float is a fraction shown as a percentage."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = []
    for first, *rest in rows:
        cells = "".join(_cell(value) for value in rest)
        lines.append(f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>')
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.1%}</td>'
    return f'<td class="number">{value:,}</td>' if isinstance(value, int) else f"<td>{escape(value)}</td>"


def drawing(svg: str, alternative: str) -> str:
    """A wide picture that scrolls sideways, with a text alternative."""
    spoken = escape(alternative, quote=True)
    return f'<div class="wide" tabindex="0" role="img" aria-label="{spoken}">{svg}</div>'


def charts(pictures: Sequence[str]) -> str:
    """Charts side by side where there is room."""
    return f'<div class="charts">{"".join(pictures)}</div>'
