"""Colours of pictures, light and dark, from Okabe and Ito's palette for colour-blind readers.

The contrast to the background is at least 4.5 for text and 3 for strokes, as required by WCAG 2.1; colours of the
palette that are too pale are replaced by darker or lighter ones of the same hue. No fact is shown only by colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ThemeName(StrEnum):
    """The two themes."""

    light = "light"
    dark = "dark"


@dataclass(frozen=True)
class Theme:
    """The colours of one theme. `lines` are for strokes and text; `tints` are backgrounds of text."""

    background: str
    text: str
    muted: str
    edge: str
    grid: str
    band: str
    neutral: str
    mark: str
    lines: tuple[str, ...]
    tints: tuple[str, ...]
    fusion: str
    fusion_tint: str
    fusion_kinds: Mapping[str, str] = field(default_factory=dict)
    heat: tuple[str, str] = ("#FFFFFF", "#005A8F")

    def line(self, index: int) -> str:
        """The colour of the stream or series with this number."""
        return self.lines[index % len(self.lines)]

    def tint(self, index: int) -> str:
        """The background colour of the stream or series with this number."""
        return self.tints[index % len(self.tints)]


LIGHT = Theme(
    background="#FFFFFF",
    text="#1A1A1A",
    muted="#4A5560",
    edge="#5F6B76",
    grid="#D9DEE3",
    band="#F3F5F7",
    neutral="#EEEEEE",
    mark="#B34700",
    lines=("#0072B2", "#B34700", "#00795A", "#A6467B"),
    tints=("#E6F1F8", "#FBEBE0", "#E3F4EE", "#F8EBF2"),
    fusion="#8A6400",
    fusion_tint="#FFF8DC",
    fusion_kinds={"time_strided_conv": "#B34700", "time_strided_sample": "#0072B2", "time_to_channel": "#00795A"},
    heat=("#FFFFFF", "#00558C"),
)
DARK = Theme(
    background="#14181D",
    text="#F2F4F6",
    muted="#AAB4BE",
    edge="#8C98A4",
    grid="#39424C",
    band="#1C2229",
    neutral="#2A313A",
    mark="#F0A868",
    lines=("#56B4E9", "#F0A868", "#3CC9A0", "#E3A0C6"),
    tints=("#12303F", "#3A2716", "#10352B", "#3A2232"),
    fusion="#E6C34D",
    fusion_tint="#332C12",
    fusion_kinds={"time_strided_conv": "#F0A868", "time_strided_sample": "#56B4E9", "time_to_channel": "#3CC9A0"},
    heat=("#14181D", "#8FD0F5"),
)
THEMES: Mapping[str, Theme] = {ThemeName.light: LIGHT, ThemeName.dark: DARK}

KERNEL_FILLS: Mapping[int, str] = {1: "#C9CED3", 3: "#56B4E9", 5: "#E69F00", 7: "#4DBF99"}
"""The fill of a box of a figure by spatial kernel; equal in both themes, because hatches on it are dark."""

OTHER_KERNEL_FILL = "#D794BA"
STAR_FILL = "#F0E442"
ON_FILL = "#1A1A1A"
"""The colour of hatches and text on those fills."""


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours written `#RRGGBB`, from 1 to 21 (WCAG 2.1, 1.4.3)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(low: str, high: str, share: float) -> str:
    """The mix of two colours, `share` of the second."""
    pairs = zip(_channels(low), _channels(high), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
