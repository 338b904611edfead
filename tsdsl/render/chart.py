"""Small charts as SVG text: lines over a common axis, and bars; text is text, colours are not the only mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")
WIDTH, HEIGHT = 460, 254
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 44, 44
FONT = "Arimo, Arial, Helvetica, sans-serif"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name in the legend and its points; `level` draws it as a dashed horizontal mark."""

    name: str
    points: Sequence[tuple[float, float]]


def line_chart(title: str, lines: Sequence[Line], x_label: str, y_label: str, from_zero: bool = False) -> str:
    """A chart of lines as SVG, with a legend under the title and a text alternative of its last values."""
    drawn = [line for line in lines if line.points]
    xs = [x for line in drawn for x, _ in line.points] or [0.0, 1.0]
    ys = [y for line in drawn for _, y in line.points] or [0.0, 1.0]
    x_ticks = ticks(min(xs), max(xs))
    y_ticks = ticks(0.0 if from_zero else min(ys), max(ys))

    def place(x: float, y: float) -> str:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return f"{LEFT + across * (WIDTH - LEFT - RIGHT):.1f},{HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM):.1f}"

    last = "; ".join(f"{line.name} ends at {line.points[-1][1]:.4g}" for line in drawn)
    parts = [_opening(f"{title}. {last}", HEIGHT), _text(WIDTH / 2, 16, title, size=13, anchor="middle", bold=True)]
    for y in y_ticks:
        start, end = place(x_ticks[0], y), place(x_ticks[-1], y)
        (x1, y1), (x2, y2) = start.split(","), end.split(",")
        parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#d9dee3"/>')
        parts.append(_text(LEFT - 6, float(y1) + 4, f"{y:.4g}", anchor="end"))
    for x in x_ticks:
        x1, _ = place(x, y_ticks[0]).split(",")
        parts.append(_text(float(x1), HEIGHT - BOTTOM + 16, f"{x:.4g}", anchor="middle"))
    for index, line in enumerate(drawn):
        path = " ".join(place(x, y) for x, y in line.points)
        dash = DASHES[index % 6]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[index % 6]}" stroke-width="2"{dashed}/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, anchor="middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="13" y="{middle}" font-size="11" text-anchor="middle" fill="#333" '
        f'transform="rotate(-90 13 {middle})">{escape(y_label)}</text>'
    )
    if len(drawn) > 1:
        parts += _legend(drawn)
    return "".join([*parts, "</svg>"])


def bar_chart(title: str, bars: Sequence[tuple[str, float]], mark: tuple[str, float] | None = None) -> str:
    """Horizontal bars of fractions from 0 to 1, each with its name and percentage; `mark` is a vertical line."""
    row, left, right = 30, 190, 60
    height = 34 + row * len(bars) + (22 if mark else 6)
    span = WIDTH + 120 - left - right
    spoken = "; ".join(f"{name} {value:.1%}" for name, value in bars)
    parts = [_opening(f"{title}. {spoken}", height, WIDTH + 120), _text(8, 18, title, size=13, bold=True)]
    for index, (name, value) in enumerate(bars):
        y = 30 + index * row
        parts.append(_text(left - 8, y + 16, name, anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{max(1.0, value * span):.1f}" height="{row - 10}" rx="3" '
            f'fill="{COLOURS[index % 6]}"/>'
        )
        parts.append(_text(left + value * span + 6, y + 16, f"{value:.1%}"))
    if mark:
        x = left + mark[1] * span
        bottom = 30 + len(bars) * row
        parts.append(f'<line x1="{x:.1f}" y1="26" x2="{x:.1f}" y2="{bottom}" stroke="#333" stroke-dasharray="4 3"/>')
        parts.append(_text(x, bottom + 13, f"{mark[0]} {mark[1]:.1%}", anchor="middle"))
    return "".join([*parts, "</svg>"])


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that span [low, high], about `count` of them and never fewer than two."""
    if high <= low:
        low, high = (low - 0.5, low + 0.5) if low else (0.0, 1.0)
    raw = (high - low) / count
    magnitude = 10.0 ** floor(log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
    first, last = floor(low / step), ceil(high / step)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _opening(spoken: str, height: float, width: float = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(spoken, quote=True)}" font-family="{FONT}">'
    )


def _text(
    x: float, y: float, text: str, size: int = 11, anchor: str = "start", bold: bool = False, colour: str = "#333"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, x = [], float(LEFT)
    for index, line in enumerate(lines):
        dash = DASHES[index % 6]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(
            f'<line x1="{x}" y1="25" x2="{x + 22}" y2="25" stroke="{COLOURS[index % 6]}" stroke-width="2"{dashed}/>'
        )
        parts.append(_text(x + 26, 29, line.name))
        x += 40 + 6.2 * len(line.name)
    return parts
