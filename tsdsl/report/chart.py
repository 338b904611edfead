"""Line charts of a report as inline SVG in the colours of the page, each with a table of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tsdsl.drawing.font import shortened, text_width_px
from tsdsl.drawing.svg import ticks
from tsdsl.report.page import folded, table

DASHES = ("", "6 3", "2 3", "8 3 2 3")
WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 50, 44
FONT = "Arimo, Arial, Helvetica, sans-serif"
MAX_POINTS, MAX_ROWS = 600, 40
DOT = 'fill="none" stroke-width="5" stroke-linecap="round"'


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name in the legend and its points."""

    name: str
    points: Sequence[tuple[float, float]]
    is_joined: bool = True


def line_figure(title: str, lines: Sequence[Line], x_label: str, y_label: str, from_zero: bool = False) -> str:
    """A chart with a table of its numbers as HTML; empty if no line has points."""
    drawn = [line for line in lines if line.points]
    if not drawn:
        return ""
    chart = line_chart(title, drawn, x_label, y_label, from_zero)
    return f"<figure>{chart}{folded('The numbers', _numbers(title, drawn, x_label))}</figure>"


def line_chart(title: str, lines: Sequence[Line], x_label: str, y_label: str, from_zero: bool = False) -> str:
    """A chart of lines as SVG with a legend; its text alternative gives the first and last values."""
    drawn = [Line(line.name, thinned(line.points, MAX_POINTS), line.is_joined) for line in lines if line.points]
    xs = [x for line in drawn for x, _ in line.points] or [0.0, 1.0]
    ys = [y for line in drawn for _, y in line.points] or [0.0, 1.0]
    x_ticks = ticks(min(xs), max(xs), 4)
    y_ticks = ticks(0.0 if from_zero else min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    spoken = "; ".join(f"{n.name} from {n.points[0][1]:.4g} to {n.points[-1][1]:.4g}" for n in drawn)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{title}. {spoken}", quote=True)}" font-family="{FONT}">',
        _text(8, 16, title, size=14, bold=True, width_px=WIDTH - 16),
    ]
    for y in y_ticks:
        (x1, y1), (x2, y2) = place(x_ticks[0], y), place(x_ticks[-1], y)
        parts.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
        parts.append(_text(LEFT - 6, y1 + 4, f"{y:.4g}", anchor="end"))
    for x in x_ticks:
        parts.append(_text(place(x, y_ticks[0])[0], HEIGHT - BOTTOM + 18, f"{x:.4g}", anchor="middle"))
    for index, line in enumerate(drawn):
        if not line.is_joined:
            dots = [place(*point) for point in line.points]
            parts += [f'<polyline class="s0" points="{x:.1f},{y:.1f} {x:.1f},{y:.1f}" {DOT}/>' for x, y in dots]
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line.points))
        alone = len(line.points) == 1
        points = f"{points} {points}" if alone else points
        parts.append(
            f'<polyline class="s{index % 4}" points="{points}" fill="none" stroke-width="{7 if alone else 2}" '
            f'stroke-linecap="round"{"" if alone else _dash(index)}/>'
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, anchor="middle", width_px=WIDTH - LEFT))
    label = escape(shortened(y_label, HEIGHT - TOP - BOTTOM, 12))
    parts.append(
        f'<text x="13" y="{middle}" font-size="12" text-anchor="middle" transform="rotate(-90 13 {middle})">'
        f"{label}</text>"
    )
    return "".join([*parts, *(_legend(drawn) if len(drawn) > 1 else []), "</svg>"])


def thinned(points: Sequence[tuple[float, float]], most: int) -> Sequence[tuple[float, float]]:
    """At most `most` evenly spaced points, including the first and the last."""
    if len(points) <= most:
        return points
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def _numbers(title: str, lines: Sequence[Line], x_label: str) -> str:
    """The points as a table of at most `MAX_ROWS` rows."""
    longest = max(lines, key=lambda line: len(line.points)).points
    kept = [x for x, _ in thinned(longest, MAX_ROWS)]
    values = [dict(line.points) for line in lines]
    some = f" ({len(kept)} of {len(longest)} points)" if len(kept) < len(longest) else ""
    rows = [(f"{x:g}", *(f"{v[x]:.5g}" if x in v else "" for v in values)) for x in kept]
    return table(f"{title}{some}", (x_label, *(line.name for line in lines)), rows)


def _text(
    x: float, y: float, text: str, size: int = 12, anchor: str = "start", bold: bool = False, width_px: float = 0
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    shown = shortened(text, width_px, size, bold) if width_px else text
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}>{escape(shown)}</text>'


def _dash(index: int) -> str:
    dash = DASHES[index % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _legend(lines: Sequence[Line]) -> list[str]:
    room = (WIDTH - LEFT) / len(lines) - 36
    parts, x = [], float(LEFT)
    for index, line in enumerate(lines):
        name = shortened(line.name, room, 12)
        parts.append(
            f'<line class="s{index % 4}" x1="{x:.1f}" y1="33" x2="{x + 22:.1f}" y2="33" '
            f'stroke-width="2"{_dash(index)}/>'
        )
        parts.append(_text(x + 27, 37, name))
        x += 42 + text_width_px(name, 12)
    return parts
