"""The width of text in the shipped font, to lay out pictures without a browser.

A TrueType file maps characters to glyphs in `cmap` and gives the advance of each glyph in `hmtx` (OpenType 1.9).
Characters missing in the font are assumed to be as wide as high, which is about right for Chinese and too wide for most
others, so text is shortened rather than cut.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

FONT_NAME = "Arimo"
"""The family of the fonts shipped in `fonts/`; as wide as Arial."""

FONT_FAMILIES = "Arimo,Arial,Helvetica,sans-serif"
"""The `font-family` of text in SVG: the shipped font, then those a browser may have of the same widths."""

ELLIPSIS = "…"


def text_width_px(text: str, size_px: float, bold: bool = False) -> float:
    """The width of a line of text at `size_px`."""
    widths = advances(bold)
    return sum(widths.get(ord(character), 1.0) for character in text) * size_px


def shortened(text: str, width_px: float, size_px: float, bold: bool = False) -> str:
    """The text on one line; if wider than `width_px`, an ellipsis replaces its middle."""
    line = " ".join(text.split())
    if text_width_px(line, size_px, bold) <= width_px:
        return line
    for kept in range(len(line) - 1, 0, -1):
        front = kept - kept // 3
        candidate = line[:front].rstrip() + ELLIPSIS + line[len(line) - kept // 3 :].lstrip()
        if text_width_px(candidate, size_px, bold) <= width_px:
            return candidate
    return ELLIPSIS


@cache
def advances(bold: bool = False) -> Mapping[int, float]:
    """The advance of each character in the shipped font by code point, relative to the font size."""
    name = f"{FONT_NAME}-{'Bold' if bold else 'Regular'}.ttf"
    font = (files("tsdsl.drawing") / "fonts" / name).read_bytes()
    table_at = _tables(font)
    (units_per_em,) = struct.unpack_from(">H", font, table_at["head"] + 18)
    (num_metrics,) = struct.unpack_from(">H", font, table_at["hhea"] + 34)
    metrics = struct.unpack_from(f">{2 * num_metrics}H", font, table_at["hmtx"])[::2]
    return {
        point: metrics[min(glyph, num_metrics - 1)] / units_per_em for point, glyph in _glyphs(font, table_at).items()
    }


def _tables(font: bytes) -> dict[str, int]:
    (num_tables,) = struct.unpack_from(">H", font, 4)
    return {
        font[12 + 16 * i : 16 + 16 * i].decode("ascii"): struct.unpack_from(">I", font, 20 + 16 * i)[0]
        for i in range(num_tables)
    }


def _glyphs(font: bytes, table_at: Mapping[str, int]) -> dict[int, int]:
    """The glyph of each code point, from the `cmap` table of format 4."""
    cmap = table_at["cmap"]
    (num_encodings,) = struct.unpack_from(">H", font, cmap + 2)
    for i in range(num_encodings):
        (offset,) = struct.unpack_from(">I", font, cmap + 8 + 8 * i)
        at = cmap + offset
        format, _, _, double_num_segments = struct.unpack_from(">4H", font, at)
        if format == 4:
            return _segments(font, at, double_num_segments // 2)
    return {}


def _segments(font: bytes, at: int, num_segments: int) -> dict[int, int]:
    ends_at, starts_at = at + 14, at + 16 + 2 * num_segments
    deltas_at, offsets_at = starts_at + 2 * num_segments, starts_at + 4 * num_segments
    ends = struct.unpack_from(f">{num_segments}H", font, ends_at)
    starts = struct.unpack_from(f">{num_segments}H", font, starts_at)
    deltas = struct.unpack_from(f">{num_segments}H", font, deltas_at)
    offsets = struct.unpack_from(f">{num_segments}H", font, offsets_at)
    glyphs: dict[int, int] = {}
    for number, (start, end, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for point in range(start, end + 1):
            if point == 0xFFFF:
                continue
            if offset == 0:
                glyph = (point + delta) & 0xFFFF
            else:
                (glyph,) = struct.unpack_from(">H", font, offsets_at + 2 * number + offset + 2 * (point - start))
                glyph = (glyph + delta) & 0xFFFF if glyph else 0
            if glyph:
                glyphs[point] = glyph
    return glyphs
