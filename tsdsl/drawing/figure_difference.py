"""The difference of two architectures as a figure, in which unchanged parts are pale.

A group that differs has two boxes, A at the left and B at the right, and changed numbers as `old → new`. A fusion of
only one of them has its letter, attention of only one is on its box. Own design.
"""

from __future__ import annotations

from tsdsl.drawing import svg
from tsdsl.drawing.figure import (
    BOX_WIDTH,
    MARGIN,
    Layout,
    Line,
    draw_arrow,
    draw_box,
    draw_legend,
    ground,
    kernel_text,
    lay_out,
)
from tsdsl.drawing.font import shortened, text_width_px
from tsdsl.drawing.found import Box, FoundModel, Place
from tsdsl.drawing.theme import LIGHT, Theme
from tsdsl.units import giga

PITCH, UNDER_ROW, PAIR_GAP, TITLE_HEIGHT = 98.0, 62.0, 6.0, 70.0
PALE = 0.3
ABSENT = "–"
LETTERS = ("A", "B")


def draw_difference(
    first: FoundModel, second: FoundModel, names: tuple[str, str] = ("first", "second"), theme: Theme = LIGHT
) -> str:
    """The picture of the differences of two architectures of one space, as SVG text.

    `names` are the names of A and B in the heading.
    """
    models = (first, second)
    layout = lay_out(models, PITCH, UNDER_ROW, TITLE_HEIGHT)
    changes = changed_boxes(first, second)
    changed_arrows = _kinds(first) ^ _kinds(second)
    heading = (
        f"{shortened(first.space, 400, 15, bold=True)}: two architectures differ in {_counted(len(changes), 'group')}"
    )
    heading += f" and {_counted(len(changed_arrows), 'fusion arrow')}"
    parts = _headings(models, names, heading, layout, theme)
    frames = {**second.frames, **first.frames}
    for line in layout.lines:
        parts += ground(layout, line, frames, theme)
        for stream in layout.streams:
            for place in line.places:
                pair = (first.box_at.get((stream, place)), second.box_at.get((stream, place)))
                parts += _group(layout, line, place, stream, pair, (stream, place) in changes, theme)
        parts += _arrows(layout, line, first, second, theme)
    legend, height = draw_legend(models, layout, theme)
    spoken = f"{heading}. " + "; ".join(_spoken(first, second, key) for key in changes)
    return svg.document(layout.width, layout.bottom + height, spoken, [*parts, *legend], theme)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def changed_boxes(first: FoundModel, second: FoundModel) -> list[tuple[str, Place]]:
    """The streams and places of the groups with different choices; costs do not count."""
    keys = dict.fromkeys([*first.box_at, *second.box_at])
    return [key for key in keys if _chosen(first.box_at.get(key)) != _chosen(second.box_at.get(key))]


def _chosen(box: Box | None) -> tuple[object, ...] | None:
    if box is None:
        return None
    return (box.operator, box.num_blocks, box.kernel, box.expansion, box.channels, box.attention)


def _headings(
    models: tuple[FoundModel, FoundModel],
    names: tuple[str, str],
    heading: str,
    layout: Layout,
    theme: Theme,
) -> list[str]:
    parts = [svg.text(MARGIN, 26, heading, theme.text, 15, bold=True, width_px=layout.width - 2 * MARGIN)]
    for number, (letter, name, model) in enumerate(zip(LETTERS, names, models, strict=True)):
        facts = f": {giga(model.macs)}, {model.params_text}"
        short = shortened(name, layout.width - 2 * MARGIN - 20 - text_width_px(facts, 12), 12)
        y = 45 + 17 * number
        parts.append(svg.text(MARGIN, y, letter, theme.mark, 12, bold=True))
        parts.append(svg.text(MARGIN + 14, y, short + facts, theme.text, 12))
    return parts


def _group(
    layout: Layout,
    line: Line,
    place: Place,
    stream: str,
    pair: tuple[Box | None, Box | None],
    is_changed: bool,
    theme: Theme,
) -> list[str]:
    left, middle = line.lefts[place], layout.middle(line, stream)
    centre = left + PITCH / 2
    if not is_changed:
        box = pair[0]
        if box is None:
            return []
        height = layout.box_height(box.expansion)
        ground_of_box = svg.rect(centre - BOX_WIDTH / 2, middle - height / 2, BOX_WIDTH, height, theme.band)
        pale = svg.faded(draw_box(box, centre - BOX_WIDTH / 2, middle, BOX_WIDTH, height, theme), PALE)
        same = svg.text(centre, middle + layout.tallest_box / 2 + 27, str(box.channels), theme.muted, 11, "middle")
        return [ground_of_box, pale, same]
    parts = []
    width = (BOX_WIDTH + 20 - PAIR_GAP) / 2
    for number, box in enumerate(pair):
        x = centre - width - PAIR_GAP / 2 + number * (width + PAIR_GAP)
        letter_y = middle + layout.tallest_box / 2 + 12
        parts.append(svg.text(x + width / 2, letter_y, LETTERS[number], theme.mark, 11, "middle", bold=True))
        if box is None:
            parts.append(svg.rect(x, middle - 8, width, 16, theme.background, theme.muted, radius=2, dash="3 3"))
        else:
            parts += draw_box(box, x, middle, width, layout.box_height(box.expansion), theme)
    y = middle + layout.tallest_box / 2 + 27
    for words, differs in _lines(*pair):
        size = 12 if words.replace(" → ", "").isdigit() else 10
        colour = theme.text if differs else theme.muted
        parts.append(svg.text(centre, y, words, colour, size, "middle", bold=differs, width_px=PITCH - 4))
        y += 12.5
    return parts


def _lines(first: Box | None, second: Box | None) -> list[tuple[str, bool]]:
    """Channels, kernel and expansion of both, one value if they agree."""
    lines = []
    for pair in (
        tuple(str(box.channels) if box else ABSENT for box in (first, second)),
        tuple(kernel_text(box.kernel) if box and box.kernel else ABSENT for box in (first, second)),
        tuple(f"e {box.expansion:g}" if box and box.expansion is not None else ABSENT for box in (first, second)),
    ):
        if first is None or second is None or pair[0] == pair[1]:
            words = next((word for word in pair if word != ABSENT), ABSENT)
            lines += [(words, first is None or second is None)] if words != ABSENT else []
        else:
            lines.append((f"{pair[0]} → {pair[1].removeprefix('e ')}", True))
    return lines


def _arrows(layout: Layout, line: Line, first: FoundModel, second: FoundModel, theme: Theme) -> list[str]:
    """Arrows of both, pale, and arrows of one with its letter."""
    kept = _kinds(first) & _kinds(second)
    parts = []
    for model, letter, shift in ((first, LETTERS[0], -6.0), (second, LETTERS[1], 6.0)):
        for arrow in model.arrows:
            if arrow.place not in line.lefts:
                continue
            if (arrow.path, arrow.operator) not in kept:
                parts += draw_arrow(layout, line, arrow, theme, shift, letter)
            elif model is first:
                parts.append(svg.faded(draw_arrow(layout, line, arrow, theme), PALE))
    return parts


def _kinds(model: FoundModel) -> set[tuple[str, str]]:
    return {(arrow.path, arrow.operator) for arrow in model.arrows}


def _spoken(first: FoundModel, second: FoundModel, key: tuple[str, Place]) -> str:
    boxes = (first.box_at.get(key), second.box_at.get(key))
    path = next(box.path for box in boxes if box is not None)
    return f"{path}: " + ", ".join(words for words, differs in _lines(*boxes) if differs)
