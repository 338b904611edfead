"""Pure functions that return SVG text: a document and the shapes of pictures.

Numbers have at most one decimal, so equal pictures are equal text. Nothing has an id, so a page can contain several
pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from math import ceil, cos, floor, log10, pi, sin
from typing import Literal
from unicodedata import bidirectional

from tsdsl.drawing.font import FONT_FAMILIES, shortened
from tsdsl.drawing.theme import Theme

NOT_SHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
"""Characters that XML cannot contain or that reverse the following text; U+FFFD replaces them."""

LEFT_TO_RIGHT = "\u200e"

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


def document(width: float, height: float, spoken: str, parts: Iterable[str], theme: Theme) -> str:
    """A complete picture on the background of the theme; `spoken` is its text alternative."""
    w, h = number(width), number(height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        f'aria-label="{xml(spoken)}" font-family="{FONT_FAMILIES}">\n'
        f'<rect width="{w}" height="{h}" fill="{theme.background}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def xml(text: str) -> str:
    """The text escaped for XML, including attributes."""
    return escape(NOT_SHOWN.sub("\ufffd", text), quote=True)


def number(value: float) -> str:
    """A length with at most one decimal."""
    return f"{round(value, 1):g}" if abs(value) < 100_000 else f"{value:.0f}"


def text(
    x: float,
    y: float,
    content: str,
    colour: str,
    size: float = 11,
    anchor: Anchor = "start",
    bold: bool = False,
    width_px: float | None = None,
    turned: bool = False,
    halo: str | None = None,
) -> str:
    """A line of text with its baseline at y; if wider than `width_px`, it is shortened with a tooltip.

    `turned` text runs upwards. A `halo` in the background colour separates it from lines behind.
    """
    shown = content if width_px is None else shortened(content, width_px, size, bold)
    hint = f"<title>{xml(content)}</title>" if shown != content else ""
    shown = _in_order(shown)
    weight = ' font-weight="bold"' if bold else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    turn = f' transform="rotate(-90 {number(x)} {number(y)})"' if turned else ""
    glow = f' stroke="{halo}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{place} fill="{colour}"{weight}{turn}{glow}>'
        f"{xml(shown)}{hint}</text>"
    )


def _in_order(shown: str) -> str:
    """The text with a mark after a right-to-left name, so a following `: 12 M` keeps its order."""
    last = next((i for i in reversed(range(len(shown))) if bidirectional(shown[i]) in ("R", "AL")), len(shown))
    return f"{shown[: last + 1]}{LEFT_TO_RIGHT}{shown[last + 1 :]}" if last + 1 < len(shown) else shown


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str = "none",
    stroke: str | None = None,
    stroke_width: float = 1,
    radius: float = 0,
    opacity: float = 1,
    dash: str = "",
) -> str:
    """A rectangle."""
    rounding = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"{rounding} '
        f'fill="{fill}"{_stroke(stroke, stroke_width, dash)}{_opacity(opacity)}/>'
    )


def line(
    points: Sequence[Point],
    stroke: str,
    stroke_width: float = 1,
    dash: str = "",
    opacity: float = 1,
    fill: str = "none",
) -> str:
    """A line through points, or with a fill the enclosed area."""
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polyline points="{path}" fill="{fill}"{_stroke(stroke, stroke_width, dash)}{_opacity(opacity)}/>'


def area(points: Sequence[Point], fill: str, opacity: float = 1) -> str:
    """A filled polygon without outline."""
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon points="{path}" fill="{fill}"{_opacity(opacity)}/>'


def circle(x: float, y: float, radius: float, fill: str, stroke: str | None = None, stroke_width: float = 1) -> str:
    """A circle."""
    return (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}"'
        f"{_stroke(stroke, stroke_width, '')}/>"
    )


def star(x: float, y: float, radius: float, points: int, fill: str, stroke: str) -> str:
    """A star with one point upwards."""
    corners = []
    for index in range(2 * points):
        reach = radius if index % 2 == 0 else radius * 0.45
        angle = pi * index / points
        corners.append(f"{number(x + reach * sin(angle))},{number(y - reach * cos(angle))}")
    return f'<polygon points="{" ".join(corners)}" fill="{fill}" stroke="{stroke}" stroke-linejoin="round"/>'


def arrow_head(x: float, y: float, direction: Literal["up", "down", "right"], colour: str, size: float = 7) -> str:
    """A filled arrow head with its tip at (x, y)."""
    half = size * 0.55
    back: Sequence[Point] = {
        "up": ((x - half, y + size), (x + half, y + size)),
        "down": ((x - half, y - size), (x + half, y - size)),
        "right": ((x - size, y - half), (x - size, y + half)),
    }[direction]
    return area(((x, y), *back), colour)


def hatch(x: float, y: float, width: float, height: float, rising: bool, gap: float) -> str:
    """Path data of parallel diagonals in a rectangle, `gap` apart along its top."""
    pieces = []
    offset = gap / 2
    while offset < width + height:
        # A falling diagonal is a mirrored rising one.
        x1, y1 = (offset, 0.0) if offset <= width else (width, offset - width)
        x2, y2 = (0.0, offset) if offset <= height else (offset - height, height)
        if not rising:
            x1, x2 = width - x1, width - x2
        pieces.append(f"M{number(x + x1)},{number(y + y1)}L{number(x + x2)},{number(y + y2)}")
        offset += gap
    return "".join(pieces)


def stripes(x: float, y: float, width: float, height: float, gap: float) -> str:
    """Path data of horizontal lines in a rectangle."""
    pieces = []
    offset = gap / 2
    while offset < height:
        pieces.append(f"M{number(x)},{number(y + offset)}H{number(x + width)}")
        offset += gap
    return "".join(pieces)


def path(data: str, stroke: str, stroke_width: float = 1, opacity: float = 1) -> str:
    """A path without fill."""
    return f'<path d="{data}" fill="none"{_stroke(stroke, stroke_width, "")}{_opacity(opacity)}/>'


def faded(parts: Iterable[str], opacity: float) -> str:
    """A group of paler parts."""
    return f'<g opacity="{opacity:g}">' + "".join(parts) + "</g>"


def classed(name: str, parts: Iterable[str], number: int | None = None) -> str:
    """A group of parts with a class, and optionally a number, for a script."""
    numbered = "" if number is None else f' data-number="{number}"'
    return f'<g class="{name}"{numbered}>' + "".join(parts) + "</g>"


def _stroke(stroke: str | None, stroke_width: float, dash: str) -> str:
    if stroke is None:
        return ""
    width = f' stroke-width="{number(stroke_width)}"' if stroke_width != 1 else ""
    return f' stroke="{stroke}"{width}' + (f' stroke-dasharray="{dash}"' if dash else "")


def _opacity(opacity: float) -> str:
    return f' opacity="{opacity:g}"' if opacity != 1 else ""


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count`, at least two, round numbers that span [low, high]."""
    if high <= low:
        low, high = (low - 0.5, low + 0.5) if low else (0.0, 1.0)
    raw = (high - low) / count
    magnitude = 10.0 ** floor(log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
    first, last = floor(low / step), ceil(high / step)
    return [round(i * step, 12) for i in range(first, last + 1)]
