"""Graph view, charts and report: what they show, that they are well-formed and the same each time."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

import tsdsl
from tsdsl.render.chart import Line, line_chart, line_figure, ticks
from tsdsl.render.graph import architecture_dot, draw_architecture, draw_space, space_dot
from tsdsl.render.report import Section, bars, drawing, paragraph, report_html, table

HOSTILE = "<b>\"quoted\" & 'single' \\ é 漢字 " + "x" * 200


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_picture_of_a_space_shows_every_group_slot_and_size(tiny: tsdsl.Space) -> None:
    shown = texts(draw_space(tiny))
    assert sum(text.startswith(("conv3d", "mbconv3d")) for text in shown) == sum(
        len(stream.groups) for stream in tiny.streams
    )
    assert sum("time-to-channel" in text for text in shown) == len(tiny.fusions)
    assert any(f"{tiny.cardinality:,}" in text for text in shown)


def test_the_picture_of_an_architecture_leaves_out_what_is_absent(tiny: tsdsl.Space) -> None:
    first = next(tiny.sample(seed=0, step=1))
    dot = architecture_dot(tiny, first)
    assert "dense" not in dot
    assert "sparse.stage1.group1" in dot
    whole = next(tiny.sample(seed=2))
    shown = texts(draw_architecture(tiny, whole))
    drawn = sum(text in ("conv", "sample", "time-to-channel") for text in shown)
    assert drawn == sum(value not in ("none",) for path, value in whole.decisions.items() if path.startswith("fusion"))


def test_pictures_are_the_same_each_time(tiny: tsdsl.Space) -> None:
    assert draw_space(tiny) == draw_space(tiny)


def test_hostile_names_break_nothing(tiny: tsdsl.Space) -> None:
    assert ElementTree.fromstring(draw_space(tiny.model_copy(update={"name": HOSTILE}))) is not None
    assert space_dot(tiny.model_copy(update={"name": HOSTILE})).count("digraph") == 1
    svg = line_chart(HOSTILE, [Line(HOSTILE, [(0, 1), (1, 2)]), Line("b", [(0, 2)])], HOSTILE, HOSTILE)
    assert ElementTree.fromstring(svg).get("aria-label", "").startswith(HOSTILE)
    assert all(len(text) < 80 for text in texts(svg))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (3.2, 3.9), (1e6, 9e6), (5, 5), (0, 0), (-2, 7)])
def test_ticks_are_ascending_and_span_the_range(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert marks == sorted(set(marks))
    assert 2 <= len(marks) <= 12
    assert marks[0] <= low
    assert marks[-1] >= high


def test_a_chart_without_points_is_still_a_picture() -> None:
    assert ElementTree.fromstring(line_chart("empty", [Line("a", [])], "x", "y")) is not None
    assert line_figure("empty", [Line("a", [])], "x", "y") == ""


def test_a_chart_has_its_numbers_behind_it() -> None:
    figure = line_figure("loss", [Line("a", [(1, 0.25), (2, 0.125)]), Line("b", [(2, 7)])], "epoch", "nats")
    assert figure.count("<tr>") == 3
    assert '<th scope="row">2</th><td class="number">0.125</td><td class="number">7</td>' in figure


class Balance(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.external: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.external += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_is_well_formed_and_fetches_nothing(tiny: tsdsl.Space) -> None:
    body = paragraph(HOSTILE) + drawing(draw_space(tiny), HOSTILE)
    body += bars(HOSTILE, [(HOSTILE, 0.5)])
    body += table(HOSTILE, ("a", "b"), [(HOSTILE, HOSTILE), ("x", 3), ("y", 0.5)])
    page = report_html(HOSTILE, HOSTILE, [Section(HOSTILE, body)])
    checker = Balance()
    checker.feed(page)
    assert checker.open == []
    assert checker.external == ["#part1"]
    assert page.count("<script") == 1
    assert "50.0%" in page
