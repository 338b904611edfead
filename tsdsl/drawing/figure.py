"""The figure view: one architecture drawn like Figure 3 of the Auto-TSNet paper.

A box is a group: its height is the expansion, its colour the spatial kernel, its texture the temporal kernel, the
number below it the channels. A star is attention, an arrow between rows a fusion. All facts are also given as text.
Long networks continue on the next line. Own design after the figure of the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tsdsl.drawing import svg
from tsdsl.drawing.font import text_width_px
from tsdsl.drawing.found import Arrow, Box, FoundModel, Place
from tsdsl.drawing.theme import KERNEL_FILLS, LIGHT, ON_FILL, OTHER_KERNEL_FILL, STAR_FILL, Theme
from tsdsl.units import giga

MARGIN, LABEL_WIDTH, PITCH, BOX_WIDTH = 18.0, 100.0, 70.0, 44.0
HEAD_WIDTH, LEAST_WIDTH = 74.0, 700.0
LEAST_BOX, PLAIN_BOX, TALLEST_BOX = 16.0, 40.0, 84.0
"""Heights of a box without expansion among others, where none has one, and with the largest expansion."""

OVER_ROW, UNDER_ROW = 34.0, 50.0
"""Above the tallest box there is room for a star and a count over it, under it for three lines of text."""

LINE_HEAD, LINE_GAP, TITLE_HEIGHT = 34.0, 18.0, 52.0
COLUMNS_A_LINE = 14
FUSION_NAMES = {
    "time_strided_conv": "time-strided convolution",
    "time_strided_sample": "time-strided sampling",
    "time_to_channel": "time to channel",
}
FUSION_DASHES = {"time_strided_conv": "", "time_strided_sample": "6 3", "time_to_channel": "1.5 3"}
STAR_POINTS = {"glore": 5, "nonlocal": 6, "se": 4}
KERNEL_TEXTURES = {1: "plain", 3: "hatched", 5: "cross-hatched"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a figure: its places with the left edges of their columns, and the y of its top."""

    places: tuple[Place, ...]
    lefts: Mapping[Place, float]
    top: float
    is_last: bool


@dataclass(frozen=True)
class Layout:
    """The positions of a figure; each line has a row per stream."""

    streams: tuple[str, ...]
    lines: tuple[Line, ...]
    width: float
    bottom: float
    largest_expansion: float | None
    pitch: float = PITCH
    under_row: float = UNDER_ROW

    @property
    def tallest_box(self) -> float:
        """The height of the box with the largest expansion, or of every box if none has one."""
        return PLAIN_BOX if self.largest_expansion is None else TALLEST_BOX

    @property
    def row_height(self) -> float:
        """The distance of two rows."""
        return OVER_ROW + self.tallest_box + self.under_row

    def middle(self, line: Line, stream: str) -> float:
        """The y of the centre of a stream's boxes."""
        row = self.streams.index(stream)
        return line.top + LINE_HEAD + row * self.row_height + OVER_ROW + self.tallest_box / 2

    def box_height(self, expansion: float | None) -> float:
        """The height of a box; one without an expansion among boxes with expansions has the lowest height."""
        if self.largest_expansion is None:
            return PLAIN_BOX
        if expansion is None:
            return LEAST_BOX
        return max(LEAST_BOX, TALLEST_BOX * expansion / self.largest_expansion)

    def gap(self, line: Line, place: Place) -> float:
        """The x of the gap after a place, where fusions arrive."""
        return line.lefts[place] + self.pitch


def draw_figure(model: FoundModel, title: str | None = None, theme: Theme = LIGHT) -> str:
    """The picture of one architecture as SVG text."""
    layout = lay_out([model])
    heading = title or f"{model.space}: one architecture"
    facts = f"{giga(model.macs)} a clip at {model.size_px} px, {model.params_text}"
    parts = headings(layout, heading, facts, theme)
    for line in layout.lines:
        parts += ground(layout, line, model.frames, theme)
        for box in model.boxes:
            if box.place in line.lefts:
                left, middle = line.lefts[box.place] + (PITCH - BOX_WIDTH) / 2, layout.middle(line, box.stream)
                parts += draw_box(box, left, middle, BOX_WIDTH, layout.box_height(box.expansion), theme)
                parts += under_box(box, line.lefts[box.place] + PITCH / 2, middle + layout.tallest_box / 2, theme)
        for arrow in model.arrows:
            if arrow.place in line.lefts:
                parts += draw_arrow(layout, line, arrow, theme)
    legend, height = draw_legend([model], layout, theme)
    spoken = f"{heading}. {facts}. " + "; ".join(spoken_box(box) for box in model.boxes)
    return svg.document(layout.width, layout.bottom + height, spoken, [*parts, *legend], theme)


def lay_out(
    models: Sequence[FoundModel], pitch: float = PITCH, under_row: float = UNDER_ROW, title_height: float = TITLE_HEIGHT
) -> Layout:
    """A layout shared by several models, columns `pitch` apart: equal groups have equal positions."""
    streams = tuple(dict.fromkeys(name for model in models for name in model.frames))
    places = sorted({place for model in models for place in model.places})
    chunks = list(wrapped(places, COLUMNS_A_LINE))
    expansions = [box.expansion for model in models for box in model.boxes if box.expansion is not None]
    layout = Layout(streams, (), LEAST_WIDTH, title_height, max(expansions, default=None), pitch, under_row)
    height = LINE_HEAD + len(streams) * layout.row_height + LINE_GAP
    lines = []
    for number, chunk in enumerate(chunks):
        lefts = {place: MARGIN + LABEL_WIDTH + index * pitch for index, place in enumerate(chunk)}
        lines.append(Line(chunk, lefts, title_height + number * height, number == len(chunks) - 1))
    width = max((MARGIN * 2 + LABEL_WIDTH + len(chunk) * pitch + HEAD_WIDTH for chunk in chunks), default=0.0)
    bottom = title_height + len(chunks) * height
    return replace(layout, lines=tuple(lines), width=max(LEAST_WIDTH, width), bottom=bottom)


def wrapped(places: Sequence[Place], most: int) -> Iterable[tuple[Place, ...]]:
    """Places in lines of at most `most`, broken between stages if possible."""
    line: list[Place] = []
    for stage in dict.fromkeys(place[0] for place in places):
        own = [place for place in places if place[0] == stage]
        if line and len(line) + len(own) > most:
            yield tuple(line)
            line = []
        line += own
        while len(line) > most:
            yield tuple(line[:most])
            line = line[most:]
    if line:
        yield tuple(line)


def headings(layout: Layout, heading: str, facts: str, theme: Theme) -> list[str]:
    """The two heading lines of a figure."""
    width = layout.width - 2 * MARGIN
    return [
        svg.text(MARGIN, 26, heading, theme.text, size=15, bold=True, width_px=width),
        svg.text(MARGIN, 44, facts, theme.muted, size=12, width_px=width),
    ]


def ground(layout: Layout, line: Line, frames: Mapping[str, int], theme: Theme) -> list[str]:
    """The background of a line: stages as bands, names of streams, and the flow to the head."""
    parts = []
    bottom = line.top + LINE_HEAD + len(layout.streams) * layout.row_height
    for stage in dict.fromkeys(place[0] for place in line.places):
        own = [place for place in line.places if place[0] == stage]
        left, width = line.lefts[own[0]] + 2, len(own) * layout.pitch - 4
        parts.append(svg.rect(left, line.top, width, bottom - line.top, theme.band, radius=6))
        parts.append(svg.text(left + 8, line.top + 18, f"stage {stage}", theme.muted, bold=True, width_px=width - 12))
    right = line.lefts[line.places[-1]] + layout.pitch
    middles = [layout.middle(line, stream) for stream in layout.streams]
    for number, (stream, y) in enumerate(zip(layout.streams, middles, strict=True)):
        colour = theme.line(number)
        if stream not in frames:
            continue
        parts.append(svg.text(MARGIN, y - 4, stream, colour, 13, bold=True, width_px=LABEL_WIDTH - 26))
        parts.append(svg.text(MARGIN, y + 12, f"{frames[stream]} frames", theme.muted))
        start = MARGIN + LABEL_WIDTH - 18
        if line.is_last:
            parts.append(svg.line([(start, y), (right + 14, y)], colour, 2))
        else:
            parts.append(svg.line([(start, y), (right + 20, y)], colour, 2))
            parts.append(svg.arrow_head(right + 26, y, "right", colour, 8))
            parts.append(svg.text(right + 32, y + 4, "continues", theme.muted))
    if line.is_last and middles:
        parts += _head(right + 14, [y for s, y in zip(layout.streams, middles, strict=True) if s in frames], theme)
    return parts


def _head(x: float, middles: Sequence[float], theme: Theme) -> list[str]:
    middle = (middles[0] + middles[-1]) / 2
    return [
        svg.line([(x, middles[0]), (x, middles[-1])], theme.edge, 2),
        svg.line([(x, middle), (x + 8, middle)], theme.edge, 2),
        svg.rect(x + 8, middle - 15, HEAD_WIDTH - 24, 30, theme.neutral, theme.text, radius=4),
        svg.text(x + 8 + (HEAD_WIDTH - 24) / 2, middle + 4, "head", theme.text, 12, "middle", bold=True),
    ]


def draw_box(box: Box, left: float, middle: float, width: float, height: float, theme: Theme) -> list[str]:
    """The box of a group with its texture, stars and number of blocks."""
    top = middle - height / 2
    hint = f"<title>{svg.xml(spoken_box(box))}</title>"
    parts = [
        f"<g>{hint}",
        svg.rect(left, top, width, height, fill_of(box.kernel, theme), theme.text, radius=2),
        texture(left, top, width, height, box.kernel[0] if box.kernel else 1),
        "</g>",
    ]
    if box.num_blocks > 1:
        count = f"× {box.num_blocks}"
        stars = 8 + 14 * len(box.attention) if box.attention else 0
        over_stars = 16 if stars + text_width_px(count, 10) > width else 0
        parts.append(svg.text(left + width, top - 5 - over_stars, count, theme.muted, 10, "end"))
    for number, operator in enumerate(box.attention):
        x = left + 8 + 14 * number
        parts.append(svg.star(x, top - 9, 7.5, STAR_POINTS.get(operator, 8), STAR_FILL, ON_FILL))
    return [part for part in parts if part]


def fill_of(kernel: tuple[int, int, int] | None, theme: Theme) -> str:
    """The colour of a spatial kernel."""
    return KERNEL_FILLS.get(kernel[1], OTHER_KERNEL_FILL) if kernel else theme.neutral


def texture(left: float, top: float, width: float, height: float, kernel_frames: int) -> str:
    """The texture of a temporal kernel: none for 1, hatches for 3, crossed hatches for 5, stripes for larger ones."""
    if kernel_frames == 1:
        return ""
    if kernel_frames > 5:
        return svg.path(svg.stripes(left, top, width, height, 6), ON_FILL, 1, 0.55)
    data = svg.hatch(left, top, width, height, True, 8)
    if kernel_frames == 5:
        data += svg.hatch(left, top, width, height, False, 8)
    return svg.path(data, ON_FILL, 1, 0.55)


def under_box(box: Box, centre: float, bottom: float, theme: Theme) -> list[str]:
    """Channels, kernel and expansion as text, below the lowest possible edge of a box in the row."""
    y = bottom + 15
    parts = [svg.text(centre, y, str(box.channels), theme.text, 12, "middle", bold=True)]
    if box.kernel:
        parts.append(svg.text(centre, y + 13, kernel_text(box.kernel), theme.text, 10, "middle"))
    if box.expansion is not None:
        parts.append(svg.text(centre, y + 25, f"e {box.expansion:g}", theme.text, 10, "middle"))
    return parts


def kernel_text(kernel: tuple[int, int, int]) -> str:
    """`3x5x5`."""
    return "x".join(str(size) for size in kernel)


def draw_arrow(layout: Layout, line: Line, arrow: Arrow, theme: Theme, shift: float = 0, letter: str = "") -> list[str]:
    """A fusion arrow between two rows, in the gap after its place."""
    x = layout.gap(line, arrow.place) + shift
    start, end = layout.middle(line, arrow.source), layout.middle(line, arrow.target)
    colour = fusion_colour(arrow.operator, theme)
    rises = end < start
    tip = end + (2 if rises else -2)
    tail = tip + (8 if rises else -8)
    words = f"{arrow.source} to {arrow.target}: {FUSION_NAMES.get(arrow.operator, arrow.operator)}"
    hint = f"<title>{svg.xml(words)}</title>"
    parts = [
        f"<g>{hint}",
        svg.circle(x, start, 3, colour),
        svg.line([(x, start), (x, tail)], colour, 2.4, FUSION_DASHES.get(arrow.operator, "8 3 2 3")),
        svg.arrow_head(x, tip, "up" if rises else "down", colour, 9),
        "</g>",
    ]
    if letter:
        # Off the heads of arrows that end here.
        outwards = 4 if shift > 0 else -4
        parts.append(svg.text(x + outwards, start + (15 if rises else -8), letter, colour, 11, "middle", bold=True))
    return parts


def fusion_colour(operator: str, theme: Theme) -> str:
    """The colour of a kind of fusion."""
    return theme.fusion_kinds.get(operator, theme.fusion)


def spoken_box(box: Box) -> str:
    """A group as text, for a text alternative and a tooltip."""
    words = [f"{box.path}: {box.num_blocks} x {box.operator}, {box.channels} channels"]
    if box.kernel:
        words.append(f"kernel {kernel_text(box.kernel)}")
    if box.expansion is not None:
        words.append(f"expansion {box.expansion:g}")
    words += [f"attention {operator}" for operator in box.attention]
    return ", ".join(words)


def draw_legend(models: Sequence[FoundModel], layout: Layout, theme: Theme) -> tuple[list[str], float]:
    """The legend of a figure with the marks that occur, and its height."""
    boxes = [box for model in models for box in model.boxes]
    kernels = sorted({box.kernel[1] for box in boxes if box.kernel})
    times = sorted({box.kernel[0] for box in boxes if box.kernel})
    expansions = sorted({box.expansion for box in boxes if box.expansion is not None})
    kinds = sorted({arrow.operator for model in models for arrow in model.arrows})
    attentions = sorted({operator for box in boxes for operator in box.attention})
    entries: list[tuple[str, str]] = []
    sides = {k: f"{k} x {k}" for k in kernels}
    named = [(KERNEL_FILLS[k], sides[k]) for k in kernels if k in KERNEL_FILLS]
    others = ", ".join(sides[k] for k in kernels if k not in KERNEL_FILLS)
    for fill, words in [*named, *([(OTHER_KERNEL_FILL, others)] if others else [])]:
        entries.append((svg.rect(0, -11, 22, 14, fill, theme.text, radius=2), f"k {words}"))
    if any(box.kernel is None for box in boxes):
        entries.append((svg.rect(0, -11, 22, 14, theme.neutral, theme.text, radius=2), "no convolution"))
    for t in times:
        entries.append(
            (
                svg.rect(0, -11, 22, 14, "#FFFFFF", theme.text, radius=2) + texture(0, -11, 22, 14, t),
                f"t {t}, {KERNEL_TEXTURES.get(t, 'striped')}",
            )
        )
    if expansions:
        entries.append((_expansion_mark(theme), f"height: expansion {_span(expansions)}"))
    if boxes:
        entries.append((svg.text(0, 0, str(boxes[0].channels), theme.text, 12, bold=True), "channels"))
    for operator in attentions:
        entries.append((svg.star(11, -4, 7.5, STAR_POINTS.get(operator, 8), STAR_FILL, ON_FILL), operator))
    for operator in kinds:
        entries.append((_arrow_mark(operator, theme), f"fusion: {FUSION_NAMES.get(operator, operator)}"))
    return _flow(entries, layout, theme)


def _expansion_mark(theme: Theme) -> str:
    return svg.rect(2, -2, 8, 5, theme.neutral, theme.text) + svg.rect(12, -11, 8, 14, theme.neutral, theme.text)


def _arrow_mark(operator: str, theme: Theme) -> str:
    colour = fusion_colour(operator, theme)
    dash = FUSION_DASHES.get(operator, "8 3 2 3")
    return svg.line([(0, -4), (16, -4)], colour, 2.4, dash) + svg.arrow_head(23, -4, "right", colour, 8)


def _span(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"


def _flow(entries: Sequence[tuple[str, str]], layout: Layout, theme: Theme) -> tuple[list[str], float]:
    """Marks with labels from left to right, wrapped to the width."""
    parts, x, y = [], MARGIN, layout.bottom + 8
    for mark, words in entries:
        width = 30 + text_width_px(words, 11) + 20
        if x > MARGIN and x + width > layout.width - MARGIN:
            x, y = MARGIN, y + 22
        parts.append(f'<g transform="translate({svg.number(x)} {svg.number(y)})">{mark}</g>')
        parts.append(svg.text(x + 30, y, words, theme.text))
        x += width
    return parts, y - layout.bottom + MARGIN
