"""The alpha view: a heat map of the probability of every choice after an epoch, and the entropy of each decision.

A row is a group or a slot, a block of cells one of its decisions, a cell one choice with its value. The size of the
picture depends only on the decisions, so the epochs of a step are frames of a film. The script of a report finds
decisions by number, and the parts that differ between epochs by class. Own design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from tsdsl.drawing import svg
from tsdsl.drawing.font import shortened, text_width_px
from tsdsl.drawing.theme import LIGHT, Theme, contrast, mixed
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.units import giga

MARGIN, ROW_LABEL, ROW, LEAST_CELL, MAX_CELL = 18.0, 126.0, 22.0, 28.0, 110.0
ENTROPY_WIDTH, BLOCK_GAP, SECTION_GAP, LEAST_WIDTH = 34.0, 14.0, 18.0, 680.0
CURVE_TOP, CURVE_HEIGHT, FIRST_SECTION = 62.0, 64.0, 184.0
SHORT_VALUES = {"time_strided_conv": "conv", "time_strided_sample": "sample", "time_to_channel": "time to channel"}
SECTION_HEAD = 38.0
DARK_INK, PALE_INK = "#000000", "#FFFFFF"


@dataclass(frozen=True)
class AlphaEpoch:
    """The distribution after an epoch: entropy in nats, expected multiply-adds, probabilities by decision."""

    epoch: int
    entropy: float
    expected_macs: float
    probabilities: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    decisions: Mapping[str, str]


@dataclass(frozen=True)
class _Section:
    """Rows with the same blocks; `cells` has for each attribute the number of cells and their width."""

    heading: str
    rows: tuple[_Row, ...]
    cells: Mapping[str, tuple[int, float]]

    @property
    def width(self) -> float:
        return ROW_LABEL + sum(n * width + ENTROPY_WIDTH + BLOCK_GAP for n, width in self.cells.values())

    @property
    def height(self) -> float:
        return SECTION_HEAD + ROW * len(self.rows) + SECTION_GAP


def alpha_epochs(entries: Sequence[Mapping[str, Any]]) -> list[AlphaEpoch]:
    """The last entry of each epoch in a step's `alpha.jsonl`."""
    epochs: dict[int, AlphaEpoch] = {}
    for entry in entries:
        probabilities = {path: tuple(p) for path, p in entry["probabilities"].items()}
        number = int(entry["epoch"])
        epochs[number] = AlphaEpoch(number, float(entry["entropy"]), float(entry["expected_flops"]), probabilities)
    return [epochs[number] for number in sorted(epochs)]


def draw_alpha(
    space: Space, history: Sequence[AlphaEpoch], index: int = -1, title: str = "", theme: Theme = LIGHT
) -> str:
    """The picture of one epoch of a step as SVG text, with a curve over all of `history`."""
    shown = history[index]
    sections = _sections(space, shown)
    width = max([LEAST_WIDTH, *(section.width + 2 * MARGIN for section in sections)])
    heading = title or f"{space.name}: what the search has decided"
    facts = facts_of_epoch(history, shown)
    parts = [
        svg.text(MARGIN, 26, heading, theme.text, 15, bold=True, width_px=width - 2 * MARGIN),
        svg.classed("facts", [svg.text(MARGIN, 44, facts, theme.muted, 12, width_px=width - 2 * MARGIN)]),
        *_curve(history, shown, width, theme),
        *_legend(width, theme),
    ]
    y = FIRST_SECTION
    for section in sections:
        parts += _draw_section(space, section, shown, y, theme)
        y += section.height
    spoken = f"{heading}. {facts}. " + "; ".join(_spoken(space, shown, path) for path in shown.probabilities)
    return svg.document(width, y + MARGIN, spoken, parts, theme)


def facts_of_epoch(history: Sequence[AlphaEpoch], shown: AlphaEpoch) -> str:
    """The line under the title."""
    return (
        f"epoch {shown.epoch} of {history[-1].epoch}: entropy {shown.entropy:.2f} nats, "
        f"{history[0].entropy:.2f} at the beginning; expected cost {giga(round(shown.expected_macs))}"
    )


def entropy_nats(probabilities: Sequence[float]) -> float:
    """The entropy of one decision."""
    return -sum(p * log(p) for p in probabilities if p > 0)


def value_text(value: Value) -> str:
    """The text of a choice in a cell."""
    if isinstance(value, float):
        return f"{value:g}"
    return SHORT_VALUES.get(value, value) if isinstance(value, str) else str(value)


def _sections(space: Space, shown: AlphaEpoch) -> list[_Section]:
    """The decisions of an epoch by stream, fusion and attention, then those without a place."""
    places: dict[str, tuple[str, str]] = {}
    for stream in space.streams:
        for group in stream.groups:
            places[group.path] = (stream.name, f"stage {group.stage} group {group.index}")
    for fusion in space.fusions:
        after = f"after stage {fusion.stage} group {fusion.group}"
        places[fusion.path] = (f"fusion {fusion.source} to {fusion.target}", after)
    for attention in space.attentions:
        after = f"after stage {attention.stage} group {attention.group}"
        places[attention.path] = (f"attention {attention.stream}", after)
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for path in shown.probabilities:
        owner = max((p for p in places if path.startswith(p + ".")), key=len, default="")
        heading, label = places.get(owner, ("shared", path))
        attribute = path.removeprefix(owner + ".") if owner else "value"
        rows.setdefault(heading, {}).setdefault(label, {})[attribute] = path
    return [_section(space, heading, found) for heading, found in rows.items()]


def _section(space: Space, heading: str, rows: Mapping[str, Mapping[str, str]]) -> _Section:
    cells: dict[str, tuple[int, float]] = {}
    for decisions in rows.values():
        for attribute, path in decisions.items():
            values = space.decision_by_path[path].values
            wide = max(text_width_px(value_text(value), 10) + 10 for value in values)
            count, width = cells.get(attribute, (0, LEAST_CELL))
            cells[attribute] = (max(count, len(values)), min(MAX_CELL, max(width, wide)))
    return _Section(heading, tuple(_Row(label, decisions) for label, decisions in rows.items()), cells)


def _draw_section(space: Space, section: _Section, shown: AlphaEpoch, top: float, theme: Theme) -> list[str]:
    parts = [svg.text(MARGIN, top + 12, section.heading, theme.text, 13, bold=True, width_px=section.width)]
    numbers = {path: number for number, path in enumerate(shown.probabilities)}
    lefts: dict[str, float] = {}
    x = MARGIN + ROW_LABEL
    for attribute, (count, cell) in section.cells.items():
        lefts[attribute] = x
        parts.append(svg.text(x, top + 31, attribute, theme.muted, 11, bold=True, width_px=count * cell))
        parts.append(svg.text(x + count * cell + 6, top + 31, "H", theme.muted, 11, bold=True))
        x += count * cell + ENTROPY_WIDTH + BLOCK_GAP
    for number, row in enumerate(section.rows):
        y = top + SECTION_HEAD + number * ROW
        parts.append(svg.text(MARGIN, y + 14, row.label, theme.text, 11, width_px=ROW_LABEL - 8))
        for attribute, path in row.decisions.items():
            count, cell = section.cells[attribute]
            values, probabilities = space.decision_by_path[path].values, shown.probabilities[path]
            entropy = f"{abs(entropy_nats(probabilities)):.2f}"
            words = svg.text(lefts[attribute] + count * cell + 6, y + 14, entropy, theme.muted, 10)
            cells = _cells(values, probabilities, lefts[attribute], y, cell, theme)
            parts.append(svg.classed("decision", [words, *cells], numbers[path]))
    return parts


def _cells(
    values: Sequence[Value], probabilities: Sequence[float], left: float, y: float, cell: float, theme: Theme
) -> list[str]:
    parts, outline = [], ""
    top = max(probabilities)
    for number, (value, probability) in enumerate(zip(values, probabilities, strict=True)):
        x = left + number * cell
        fill = mixed(*theme.heat, probability)
        ink = _ink_on(fill)
        words = value_text(value)
        hint = f"<title>{svg.xml(f'{words}: {probability:.1%}')}</title>"
        parts.append(f"<g>{hint}{svg.rect(x, y, cell, ROW - 2, fill, theme.grid)}")
        parts.append(svg.text(x + cell / 2, y + 14, words, ink, 10, "middle", width_px=cell - 6) + "</g>")
        if probability == top and list(probabilities).count(top) == 1:
            outline = svg.rect(x + 0.5, y + 0.5, cell - 1, ROW - 3, stroke=theme.mark, stroke_width=2)
    return [*parts, outline] if outline else parts


def _ink_on(fill: str) -> str:
    return max((DARK_INK, PALE_INK), key=lambda colour: contrast(colour, fill))


def _curve(history: Sequence[AlphaEpoch], shown: AlphaEpoch, width: float, theme: Theme) -> list[str]:
    """The entropy over the epochs, with a mark at the epoch shown."""
    left, right, bottom = MARGIN + ROW_LABEL, width - MARGIN - 8, CURVE_TOP + CURVE_HEIGHT
    first, last = history[0].epoch, max(history[-1].epoch, history[0].epoch + 1)
    highest = max(max(epoch.entropy for epoch in history), 1e-9)

    def place(epoch: AlphaEpoch) -> svg.Point:
        across = (epoch.epoch - first) / (last - first)
        return left + across * (right - left), bottom - epoch.entropy / highest * (CURVE_HEIGHT - 6)

    x, y = place(shown)
    return [
        svg.text(MARGIN, CURVE_TOP + 14, "entropy", theme.text, 12, bold=True),
        svg.text(MARGIN, CURVE_TOP + 29, "of all decisions", theme.muted, 11),
        svg.text(left - 6, CURVE_TOP + 10, f"{highest:.3g}", theme.muted, 10, "end"),
        svg.text(left - 6, bottom + 3, "0", theme.muted, 10, "end"),
        svg.line([(left, bottom), (right, bottom)], theme.edge),
        svg.classed("now", [svg.line([(x, CURVE_TOP), (x, bottom)], theme.mark, 1.5, "3 3")]),
        svg.classed("curve", [svg.line([place(epoch) for epoch in history], theme.line(0), 2)]),
        svg.classed("now", [svg.circle(x, y, 4, theme.mark)]),
        svg.text(left, bottom + 15, f"epoch {first}", theme.muted, 10),
        svg.text(right, bottom + 15, f"epoch {history[-1].epoch}", theme.muted, 10, "end"),
    ]


def _legend(width: float, theme: Theme) -> list[str]:
    """The legend: colours of five probabilities, the outline of the most probable choice, and the meaning of H."""
    y = CURVE_TOP + CURVE_HEIGHT + 24
    parts = [svg.text(MARGIN, y + 13, "probability", theme.text, 11)]
    x = MARGIN + ROW_LABEL
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        fill = mixed(*theme.heat, share)
        ink = _ink_on(fill)
        parts.append(svg.rect(x, y, 40, 18, fill, theme.grid))
        parts.append(svg.text(x + 20, y + 13, f"{share:.0%}", ink, 10, "middle"))
        x += 40
    parts.append(svg.rect(x + 18, y + 1, 26, 16, stroke=theme.mark, stroke_width=2))
    parts.append(svg.text(x + 50, y + 13, "most probable", theme.text, 11))
    parts.append(svg.text(x + 146, y + 13, "H: entropy of a decision in nats", theme.text, 11))
    return parts


def _spoken(space: Space, shown: AlphaEpoch, path: str) -> str:
    values, probabilities = space.decision_by_path[path].values, shown.probabilities[path]
    best = max(range(len(values)), key=lambda number: probabilities[number])
    return f"{shortened(path, 400, 11)}: {value_text(values[best])} {probabilities[best]:.0%}"
