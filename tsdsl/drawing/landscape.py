"""The landscape view: accuracy against multiply-adds, drawn like Figure 1 of the Auto-TSNet paper.

The background is the exact distribution of cost over the whole space. The targets of the steps and the Pareto front are
marked. Published models are reference points, not part of the front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log10
from typing import Literal

from tsdsl.analysis.questions.cost_histogram import CostDistribution
from tsdsl.drawing import svg
from tsdsl.drawing.font import shortened, text_width_px
from tsdsl.drawing.svg import ticks
from tsdsl.drawing.theme import LIGHT, Theme
from tsdsl.units import giga

WIDTH, HEIGHT = 900.0, 560.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 74.0, 68.0, 110.0
MARK_ROW = 15.0
"""Labels of costs are in rows above the plot, so they cover no model."""

AREA_SHARE = 0.62
"""The maximum share of the height for the distribution if there are models."""

Kind = Literal["searched", "trained", "published"]
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """A model: multiply-adds of one view, and top-1 accuracy as a fraction.

    `searched` has the shared weights of a search, `trained` its own weights, `published` is quoted from a paper. Only
    accuracies over the same number of classes are comparable.
    """

    name: str
    macs: int
    top1: float
    kind: Kind
    num_classes: int


@dataclass(frozen=True, slots=True)
class CostMark:
    """A cost without an accuracy: the target of a step, or an unmeasured model."""

    name: str
    macs: int
    is_target: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """The best accuracy predicted for a budget, and its 95 % interval."""

    macs: int
    low: float
    top1: float
    high: float


PAPER = "Gong et al., ICCV 2021"
PAPER_MODELS = (
    ModelPoint("Auto-TSNet-S", 3_400_000_000, 0.754, "published", 400),
    ModelPoint("Auto-TSNet-M", 6_100_000_000, 0.773, "published", 400),
    ModelPoint("Auto-TSNet-L", 19_900_000_000, 0.789, "published", 400),
)
"""Kinetics-400 top-1 with 30 views, printed in the paper, not measured here."""

LEGEND = {
    "searched": "found: with the search's shared weights, on the clips it chose by",
    "trained": "trained from scratch: on validation videos",
    "published": f"published: Kinetics-400, 30 views, as printed in {PAPER}; not measured here",
}


@dataclass(frozen=True)
class _Axes:
    """A logarithmic horizontal axis of multiply-adds, and two linear vertical axes: accuracy in percent, and share."""

    least: float
    most: float
    accuracy: tuple[float, ...]
    share_top: float
    top: float

    def x(self, macs: float) -> float:
        across = (log10(macs) - log10(self.least)) / (log10(self.most) - log10(self.least))
        return LEFT + across * (WIDTH - LEFT - RIGHT)

    def y_accuracy(self, percent: float) -> float:
        up = (percent - self.accuracy[0]) / (self.accuracy[-1] - self.accuracy[0])
        return HEIGHT - BOTTOM - up * (HEIGHT - self.top - BOTTOM)

    def y_share(self, share: float) -> float:
        return HEIGHT - BOTTOM - share / self.share_top * (HEIGHT - self.top - BOTTOM)


def draw_landscape(
    title: str,
    distribution: CostDistribution,
    points: Sequence[ModelPoint] = (),
    marks: Sequence[CostMark] = (),
    theme: Theme = LIGHT,
    predicted: Sequence[Prediction] = (),
) -> str:
    """The picture as SVG text; without points, only the distribution and the marks."""
    axes = _axes(distribution, points, marks, predicted)
    labels = _mark_labels(axes, marks)
    axes = replace(axes, top=TOP + MARK_ROW * len({label.row for label in labels}) + 4)
    width = WIDTH - 2 * 18
    exactness = (
        "exact"
        if distribution.uncertainty == 0
        else f"exact to within {max(distribution.uncertainty, 0.0001):.2%} of the space"
    )
    facts = (
        f"Multiply-adds of the whole space: {giga(distribution.least)} to {giga(distribution.most)}; "
        f"counted, not sampled, {exactness}"
        if distribution.is_spread
        else f"One architecture, {giga(distribution.least)}"
    )
    legend, height = _legend(points, marks, distribution.is_spread, bool(predicted), theme)
    parts = [
        svg.text(18, 28, title, theme.text, 15, bold=True, width_px=width),
        svg.text(18, 47, facts, theme.muted, 12, width_px=width),
        *(_area(axes, distribution, theme) if distribution.is_spread else ()),
        *_frame(axes, bool(points), distribution.is_spread, theme),
        *_band(axes, predicted, theme),
        *_cost_lines(axes, labels, theme),
        *_fronts(axes, points, theme),
        *_points(axes, points, marks, theme),
        *legend,
    ]
    spoken = "; ".join(
        [f"{title}. {facts}"]
        + [f"{point.name}: {giga(point.macs)}, top-1 {point.top1:.1%} ({point.kind})" for point in points]
        + [f"{mark.name}: {giga(mark.macs)}" for mark in marks]
    )
    return svg.document(WIDTH, height, spoken, parts, theme)


def pareto_front(points: Sequence[ModelPoint]) -> list[ModelPoint]:
    """The models that no other model beats or equals in both cost and accuracy, cheapest first."""
    front: list[ModelPoint] = []
    for point in sorted(points, key=lambda p: (p.macs, -p.top1, p.name)):
        if not front or point.top1 > front[-1].top1:
            front.append(point)
    return front


def _axes(
    distribution: CostDistribution,
    points: Sequence[ModelPoint],
    marks: Sequence[CostMark],
    predicted: Sequence[Prediction],
) -> _Axes:
    costs = [distribution.least, distribution.most, *(p.macs for p in points), *(m.macs for m in marks)]
    costs += [one.macs for one in predicted]
    least, most = max(1, min(costs)), max(costs)
    percents = [100 * point.top1 for point in points] or [0.0]
    percents += [100 * end for one in predicted for end in _ends(one)]
    pad = max(1.0, (max(percents) - min(percents)) * 0.15)
    percent_ticks = ticks(max(0.0, min(percents) - pad), min(100.0, max(percents) + pad))
    top = max(distribution.shares) / (AREA_SHARE if points else 0.92)
    return _Axes(least / 1.08, max(most, least * 1.5) * 1.08, tuple(percent_ticks), top, TOP)


def _area(axes: _Axes, distribution: CostDistribution, theme: Theme) -> list[str]:
    corners: list[svg.Point] = []
    base = axes.y_share(0)
    for left, right, share in zip(distribution.edges, distribution.edges[1:], distribution.shares, strict=False):
        y = axes.y_share(share)
        corners += [(axes.x(max(left, 1)), y), (axes.x(max(right, 1)), y)]
    outline = [(corners[0][0], base), *corners, (corners[-1][0], base)]
    return [svg.area(outline, theme.tint(0)), svg.line(outline, theme.line(0), 1, opacity=0.55)]


def _ends(one: Prediction) -> tuple[float, float]:
    """The interval as far as it is an accuracy."""
    return max(0.0, one.low), min(1.0, one.high)


def _band(axes: _Axes, predicted: Sequence[Prediction], theme: Theme) -> list[str]:
    """The predicted accuracies as a line in the band of their intervals."""
    if not predicted:
        return []
    low, high = ([(axes.x(p.macs), axes.y_accuracy(100 * _ends(p)[end])) for p in predicted] for end in (0, 1))
    middle = [(axes.x(p.macs), axes.y_accuracy(100 * min(1.0, max(0.0, p.top1)))) for p in predicted]
    return [svg.area([*high, *reversed(low)], theme.tint(2)), svg.line(middle, theme.line(2), 1.2)]


def _frame(axes: _Axes, has_points: bool, has_shares: bool, theme: Theme) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    if has_points:
        for percent in axes.accuracy:
            y = axes.y_accuracy(percent)
            parts.append(svg.line([(LEFT, y), (right, y)], theme.grid))
            parts.append(svg.text(LEFT - 6, y + 4, f"{percent:g}%", theme.text, 11, "end"))
        parts.append(svg.text(20, (axes.top + bottom) / 2, "top-1 accuracy", theme.text, 12, "middle", turned=True))
    if has_shares:
        parts += _share_axis(axes, has_points, theme)
    parts.append(svg.line([(LEFT, bottom), (right, bottom)], theme.edge))
    for macs, words in _cost_marks(axes):
        x = axes.x(macs)
        parts.append(svg.line([(x, bottom), (x, bottom + 5)], theme.edge))
        parts.append(svg.text(x, bottom + 18, words, theme.text, 11, "middle"))
    middle = (LEFT + right) / 2
    parts.append(svg.text(middle, bottom + 36, "multiply-adds of one view (logarithmic)", theme.text, 12, "middle"))
    return parts


def _share_axis(axes: _Axes, has_points: bool, theme: Theme) -> list[str]:
    """The axis of shares: at the right if accuracy is at the left."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    share_x = right + 6 if has_points else LEFT - 6
    anchor: svg.Anchor = "start" if has_points else "end"
    shares = [share for share in ticks(0.0, axes.share_top, 4) if share <= axes.share_top * 1.001]
    for share in shares:
        y = axes.y_share(share)
        if not has_points:
            parts.append(svg.line([(LEFT, y), (right, y)], theme.grid))
        parts.append(svg.text(share_x, y + 4, f"{100 * share:g}%", theme.line(0), 11, anchor))
    words = "share of the space's architectures in each interval"
    x = WIDTH - 14 if has_points else 20
    parts.append(svg.text(x, (axes.top + bottom) / 2, words, theme.line(0), 12, "middle", turned=True))
    return parts


def _cost_marks(axes: _Axes) -> list[tuple[int, str]]:
    """Round costs along the axis, far enough apart for their labels."""
    found: list[tuple[int, str]] = []
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = []
        for exponent in range(0, 16):
            for step in steps:
                macs = step * 10**exponent
                if axes.least <= macs <= axes.most:
                    found.append((macs, _short(macs)))
        spans = [(axes.x(macs), text_width_px(words, 11)) for macs, words in found]
        if all(x2 - x1 > (w1 + w2) / 2 + 8 for (x1, w1), (x2, w2) in pairwise(spans)):
            break
    return found


def _short(macs: int) -> str:
    return giga(macs).replace("FLOPs", "").strip()


@dataclass(frozen=True, slots=True)
class _MarkLabel:
    """The label of a cost: its text, left edge and row above the plot, counted from the top."""

    mark: CostMark
    words: str
    left: float
    row: int


def _mark_labels(axes: _Axes, marks: Sequence[CostMark]) -> list[_MarkLabel]:
    """Labels in as few rows as possible, without covering each other or the line of another.

    A label is to the right of its line, or to the left if there is no room.
    """
    before: list[_MarkLabel] = []
    after: list[_MarkLabel] = []
    limit = WIDTH - RIGHT
    for mark in sorted(marks, key=lambda mark: mark.macs, reverse=True):
        x = axes.x(mark.macs)
        words = f"{shortened(mark.name, 180, 11)}: {_short(mark.macs)}"
        wide = text_width_px(words, 11)
        if x + 4 + wide > limit:
            # The lines of cheaper marks pass below it, so it is above all their labels.
            before.append(_MarkLabel(mark, words, x - 4 - wide, len(before)))
            limit = x
        else:
            after.append(_MarkLabel(mark, words, x + 4, 0))
    ends: list[float] = []
    placed = []
    for label in reversed(after):
        row = next((row for row in range(len(ends)) if max(ends[row:]) < label.left - 4), len(ends))
        ends += [0.0] if row == len(ends) else []
        ends[row] = label.left + text_width_px(label.words, 11) + 6
        placed.append(replace(label, row=len(before) + row))
    return before + placed


def _cost_lines(axes: _Axes, labels: Sequence[_MarkLabel], theme: Theme) -> list[str]:
    lines, words = [], []
    for number, label in enumerate(sorted(labels, key=lambda label: label.mark.macs)):
        x, colour = axes.x(label.mark.macs), theme.line(number + 1)
        baseline = TOP + MARK_ROW * label.row + 10
        dash = "6 4" if label.mark.is_target else ""
        lines.append(svg.line([(x, baseline - 8), (x, HEIGHT - BOTTOM)], colour, 1.5, dash))
        words.append(svg.text(label.left, baseline, label.words, colour, 11, halo=theme.background))
    return lines + words


def _front_lines(axes: _Axes, points: Sequence[ModelPoint]) -> list[tuple[Kind, list[svg.Point]]]:
    """A line through the front of each kind, because accuracies of different kinds are not comparable."""
    kinds: tuple[Kind, ...] = ("published", "searched", "trained")
    fronts = [(kind, pareto_front([point for point in points if point.kind == kind])) for kind in kinds]
    return [(kind, [_place(axes, point) for point in front]) for kind, front in fronts if len(front) > 1]


def _place(axes: _Axes, point: ModelPoint) -> svg.Point:
    return axes.x(point.macs), axes.y_accuracy(100 * point.top1)


def _fronts(axes: _Axes, points: Sequence[ModelPoint], theme: Theme) -> list[str]:
    dashes = {"published": "2 3", "searched": "5 3", "trained": ""}
    return [svg.line(path, _colour(kind, theme), 1.8, dashes[kind]) for kind, path in _front_lines(axes, points)]


def _colour(kind: str, theme: Theme) -> str:
    return {"searched": theme.line(2), "trained": theme.line(1), "published": theme.muted}[kind]


def _mark(x: float, y: float, kind: str, theme: Theme) -> str:
    colour = _colour(kind, theme)
    if kind == "published":
        corners = [(x, y - 6.5), (x + 6.5, y), (x, y + 6.5), (x - 6.5, y), (x, y - 6.5)]
        return svg.line(corners, colour, 2, fill=theme.background)
    return svg.circle(x, y, 5.5, colour if kind == "trained" else theme.background, colour, 2)


def _points(axes: _Axes, points: Sequence[ModelPoint], marks: Sequence[CostMark], theme: Theme) -> list[str]:
    """Marks, with labels at the best free places around them."""
    places = [_place(axes, point) for point in points]
    taken: list[Rectangle] = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    crossed: list[Rectangle] = []
    for mark in marks:
        x = axes.x(mark.macs)
        crossed.append((x, axes.top, x, HEIGHT - BOTTOM))
    for _, path in _front_lines(axes, points):
        for (x1, y1), (x2, y2) in pairwise(path):
            steps = max(1, int(max(abs(x2 - x1), abs(y2 - y1)) / 6))
            dots = [(x1 + (x2 - x1) * i / steps, y1 + (y2 - y1) * i / steps) for i in range(steps + 1)]
            crossed += [(x, y, x, y) for x, y in dots]
    labels = []
    for point, (x, y) in zip(points, places, strict=True):
        name = shortened(point.name, 200, 11, bold=True)
        words = f"{name}: {point.top1:.1%}"
        wide = text_width_px(words, 11, bold=True)
        left, baseline = _free_place((x, y), wide, axes.top, taken, crossed)
        taken.append((left - 2, baseline - 10, left + wide + 2, baseline + 3))
        colour = _colour(point.kind, theme)
        labels.append(svg.text(left, baseline, words, colour, 11, bold=True, halo=theme.background))
    return labels + [_mark(x, y, point.kind, theme) for point, (x, y) in zip(points, places, strict=True)]


def _free_place(
    place: svg.Point, wide: float, top: float, taken: Sequence[Rectangle], crossed: Sequence[Rectangle]
) -> tuple[float, float]:
    """(left, baseline) of a label near its mark, covering nothing and crossing few lines."""
    x, y = place
    best, found = float("inf"), (min(max(LEFT, x + 11), WIDTH - RIGHT - wide), y + 4)
    for far in range(0, 200, 7):
        for rise in dict.fromkeys((far, -far)):
            for left, baseline in (
                (x + 11, y + 4),
                (x - 11 - wide, y + 4),
                (x - wide / 2, y - 12),
                (x - wide / 2, y + 20),
            ):
                box = (left - 2, baseline + rise - 10, left + wide + 2, baseline + rise + 3)
                inside = box[0] >= LEFT and box[2] <= WIDTH - RIGHT and box[1] >= top and box[3] <= HEIGHT - BOTTOM
                if not inside or any(_overlap(box, other) for other in taken):
                    continue
                price = far + 4 * sum(_overlap(box, other) for other in crossed)
                if price < best:
                    best, found = price, (left, baseline + rise)
    return found


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _legend(
    points: Sequence[ModelPoint], marks: Sequence[CostMark], has_shares: bool, has_band: bool, theme: Theme
) -> tuple[list[str], float]:
    """The legend, and the height of the picture with it."""
    entries: list[tuple[str, str]] = []
    for kind in ("trained", "searched", "published"):
        classes = sorted({point.num_classes for point in points if point.kind == kind})
        if classes:
            on = "" if kind == "published" else f", {' or '.join(map(str, classes))} classes"
            entries.append((_mark(8, -4, kind, theme), LEGEND[kind] + on))
    if any(len(pareto_front([p for p in points if p.kind == kind])) > 1 for kind in LEGEND):
        entries.append((svg.line([(0, 2), (18, -10)], theme.muted, 1.8), "no other of its kind is cheaper and better"))
    if has_band:
        band = svg.rect(0, -11, 18, 13, theme.tint(2), theme.line(2))
        entries.append((band, "predicted from what the search measured, 95 % interval"))
    if has_shares:
        entries.append((svg.rect(0, -11, 18, 13, theme.tint(0), theme.line(0)), "architectures of the space, by cost"))
    if any(mark.is_target for mark in marks):
        entries.append((svg.line([(9, -12), (9, 4)], theme.muted, 1.5, "4 3"), "target of a step"))
    if any(not mark.is_target for mark in marks):
        entries.append((svg.line([(9, -12), (9, 4)], theme.muted, 1.5), "a model's cost"))
    parts, x, y = [], LEFT, HEIGHT - BOTTOM + 58
    for sign, words in entries:
        wide = 26 + text_width_px(words, 11) + 22
        if x > LEFT and x + wide > WIDTH:
            x, y = LEFT, y + 20
        parts.append(f'<g transform="translate({svg.number(x)} {svg.number(y)})">{sign}</g>')
        parts.append(svg.text(x + 26, y, words, theme.text, 11))
        x += wide
    return parts, y + 18
