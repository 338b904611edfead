"""Landscape view: what is marked, the Pareto front, and that labels keep apart and within the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest

import tsdsl
from support.picture_checks import HOSTILE, assert_nothing_is_cut, texts
from tsdsl.analysis.questions.cost_histogram import CostDistribution, cost_distribution
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.drawing.font import text_width_px
from tsdsl.drawing.landscape import PAPER_MODELS, CostMark, ModelPoint, Prediction, draw_landscape, pareto_front
from tsdsl.drawing.theme import DARK, LIGHT, Theme
from tsdsl.network.layout import Blueprint


@pytest.fixture(scope="module")
def distribution(tiny: tsdsl.Space) -> CostDistribution:
    return cost_distribution(CostTable(Blueprint(tiny)), intervals=40)


def point(name: str, macs: int, top1: float) -> ModelPoint:
    return ModelPoint(name, macs, top1, "trained", 48)


POINTS = (
    point("found", 13_280_000, 0.979),
    point("dense removed", 5_200_000, 0.469),
    point("sparse removed", 5_900_000, 0.476),
    *(point(f"random {index}", 13_000_000 + 300_000 * index, 0.92 + 0.01 * index) for index in range(4)),
)
MARKS = (CostMark("step 1", 8_000_000), CostMark("step 2", 20_000_000), CostMark("sampled", 39_000_000, False))


def test_the_front_has_the_models_that_none_beats() -> None:
    front = pareto_front([point("a", 3, 0.5), point("b", 2, 0.6), point("c", 4, 0.7), point("d", 4, 0.65)])
    assert [p.name for p in front] == ["b", "c"]
    assert pareto_front([]) == []


def test_of_equal_models_one_is_on_the_front() -> None:
    assert [p.name for p in pareto_front([point("b", 2, 0.6), point("a", 2, 0.6)])] == ["a"]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_model_and_target_is_named_and_nothing_is_cut(distribution: CostDistribution, theme: Theme) -> None:
    svg = draw_landscape("tiny", distribution, POINTS, MARKS, theme)
    assert_nothing_is_cut(svg)
    for p in POINTS:
        assert f"{p.name}: {p.top1:.1%}" in texts(svg)
    assert "step 2: 20 M" in texts(svg)


def test_predicted_accuracies_are_a_line_in_the_band_of_their_intervals(distribution: CostDistribution) -> None:
    predicted = [Prediction(9_000_000, -0.1, 0.5, 0.7), Prediction(30_000_000, 0.8, 0.95, 1.2)]
    svg = draw_landscape("tiny", distribution, POINTS, MARKS, predicted=predicted)
    assert_nothing_is_cut(svg)
    assert any("95 % interval" in words for words in texts(svg))
    without = draw_landscape("tiny", distribution, POINTS, MARKS)
    assert svg.count("<polygon") == without.count("<polygon") + 1
    assert not any("95 % interval" in words for words in texts(without))


def test_labels_of_close_models_do_not_overlap(distribution: CostDistribution) -> None:
    boxes = []
    for element in ElementTree.fromstring(draw_landscape("tiny", distribution, POINTS, MARKS)).iter():
        if element.tag.endswith("text") and "paint-order" in element.attrib:
            x, y = float(element.attrib["x"]), float(element.attrib["y"])
            wide = text_width_px(element.text or "", 11, element.get("font-weight") == "bold")
            boxes.append((x, y - 9, x + wide, y + 2))
    assert len(boxes) == len(POINTS) + len(MARKS)
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_labels_of_costs_stand_over_the_plot_and_off_the_lines_of_others(distribution: CostDistribution) -> None:
    costs = (300_000_000, 310_000_000, 600_000_000, 2_000_000_000, 18_000_000_000, 27_000_000_000, 36_000_000_000)
    marks = tuple(CostMark(f"a model of {macs}", macs, is_target=False) for macs in costs)
    root = ElementTree.fromstring(draw_landscape("x3d", distribution, PAPER_MODELS, marks))
    labels, places = [], []
    for element in root.iter():
        if element.tag.endswith("text") and "paint-order" in element.attrib:
            x, y = float(element.attrib["x"]), float(element.attrib["y"])
            box = (x, y - 8, x + text_width_px(element.text or "", 11, element.get("font-weight") == "bold"), y)
            (labels if "a model of" in (element.text or "") else places).append(box)
    lines = [
        [tuple(map(float, point.split(","))) for point in element.attrib["points"].split()]
        for element in root.iter()
        if element.tag.endswith("polyline") and element.get("stroke-width") == "1.5"
    ]
    vertical = [line for line in lines if line[0][0] == line[1][0] and line[1][1] - line[0][1] > 100]
    assert len(labels) == len(vertical) == len(marks)
    for left, _, right, bottom in labels:
        assert bottom < min(y for _, y, _, _ in places)
        assert not any(left < line[0][0] < right and line[0][1] < bottom for line in vertical)


def test_published_models_are_said_to_be_quoted(distribution: CostDistribution) -> None:
    svg = draw_landscape("quoted", distribution, PAPER_MODELS)
    assert any("not measured here" in text for text in texts(svg))
    assert "Auto-TSNet-L: 78.9%" in texts(svg)


def test_without_models_the_axis_is_the_share_of_the_space(distribution: CostDistribution) -> None:
    shown = texts(draw_landscape("tiny", distribution, (), MARKS))
    assert "top-1 accuracy" not in shown
    assert any("share of the space" in text for text in shown)


def test_a_space_of_one_architecture_has_a_picture_too() -> None:
    one = tsdsl.load("std:x3d")
    spread = cost_distribution(CostTable(Blueprint(one)))
    assert spread.least == spread.most
    assert sum(spread.shares) == 1
    assert_nothing_is_cut(draw_landscape("x3d", spread))


def test_hostile_names_are_shortened(distribution: CostDistribution) -> None:
    hostile = (ModelPoint(HOSTILE, 9_000_000, 0.5, "trained", 48), ModelPoint(HOSTILE, 9_100_000, 0.51, "searched", 48))
    svg = draw_landscape(HOSTILE, distribution, hostile, (CostMark(HOSTILE, 9_000_000),))
    assert_nothing_is_cut(svg)
    assert svg == draw_landscape(HOSTILE, distribution, hostile, (CostMark(HOSTILE, 9_000_000),))
