"""Graph view, charts and report: what they show, that they are well-formed and the same each time."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

import tsdsl
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.check.check import check
from tsdsl.drawing.graph import DARKEST, draw_architecture, draw_graph, draw_space, graph_lines, line_dot
from tsdsl.drawing.graph_parts import Detail, architecture_graph, mega, space_graph
from tsdsl.drawing.rasterise import svg_to_png
from tsdsl.drawing.theme import DARK, LIGHT, Theme, contrast, mixed
from tsdsl.network.layout import Blueprint
from tsdsl.report.chart import Line, line_chart, line_figure, ticks
from tsdsl.report.page import Section, bars, drawing, paragraph, report_html, table
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.stored import strictly

HOSTILE = "<b>\"quoted\" & 'single' \\ é 漢字 " + "x" * 200


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_picture_of_a_space_shows_every_group_slot_and_size(tiny: tsdsl.Space) -> None:
    shown = texts(draw_space(tiny))
    assert sum(text.startswith(("conv3d", "mbconv3d")) for text in shown) == sum(
        len(stream.groups) for stream in tiny.streams
    )
    assert shown.count("time-to-channel") == len(tiny.fusions)
    assert shown.count("attention: none | glore") == len(tiny.attentions)
    assert any(f"{tiny.cardinality:,}" in text for text in shown)


def test_the_picture_shows_searched_words_and_the_results_of_products() -> None:
    text = """tsspace 1
space s {
  classes = 5
  size    = 12
  shared w = {1, 1.5, 2}
  stream one { frames = 2  stage 0 {
    group conv3d(kernel = 1x3x3, channels = 8 * w, act = {relu, hswish})
    group mbconv3d(t = 1, k = 3, expansion = w, channels = 8, act = swish, se = {none, all}, se_ratio = {0.1, 0.2})
  } }
}
"""
    space = check(SourceFile("s", text)).spaces[0].space
    shown = texts(draw_space(space))
    assert {"kernel 1x3x3 · c 8..16", "act relu, hswish", "e 1..2 · c 8"} <= {*shown}
    assert "se none, all · se_ratio 0.1, 0.2" in shown
    one = next(a for a in tsdsl.Space.of(space).sample(50, seed=1) if a.decisions["one.stage0.group1.act"] == "hswish")
    assert "act hswish" in texts(draw_architecture(space, one))


def test_the_picture_of_an_architecture_leaves_out_what_is_absent(tiny: tsdsl.Space) -> None:
    first = next(tiny.sample(seed=0, step=1))
    graph = architecture_graph(tiny, first)
    assert list(graph.frames) == ["sparse"]
    assert {part.stream for part in graph.parts} == {"sparse"}
    whole = next(tiny.sample(seed=2))
    shown = texts(draw_architecture(tiny, whole))
    drawn = sum(text in ("conv", "sample", "time-to-channel") for text in shown)
    assert drawn == sum(value not in ("none",) for path, value in whole.decisions.items() if path.startswith("fusion"))


def test_shares_of_the_cost_add_up(tiny: tsdsl.Space) -> None:
    for graph in (space_graph(tiny, Detail.stage), architecture_graph(tiny, next(tiny.sample()), detail=Detail.stage)):
        # What is missing is head and fusion.
        assert 0.95 < sum(part.share for part in graph.parts) < 1
    blocks, groups = (space_graph(tiny, detail) for detail in (Detail.block, Detail.group))
    assert sum(part.share for part in blocks.parts) == pytest.approx(sum(part.share for part in groups.parts))


def test_the_range_of_a_stage_is_that_of_its_groups_together(auto_tsnet: tsdsl.Space) -> None:
    table = CostTable(Blueprint(auto_tsnet))
    nodes = [node for node in table.network.nodes if node.name.startswith("sparse.stage1.group")]
    low, high = table.bounds_of(nodes)
    least, most = zip(*(table.node_bounds(node) for node in nodes), strict=True)
    assert sum(least) <= low < high <= sum(most)
    (stage,) = [p for p in space_graph(auto_tsnet, Detail.stage).parts if p.name == "sparse.stage1"]
    assert any(f"{mega(low)}..{mega(high)} M" in line for line in stage.lines)


@pytest.mark.parametrize("detail", list(Detail))
def test_every_detail_has_its_nodes(tiny: tsdsl.Space, detail: Detail) -> None:
    found = next(tiny.sample(seed=2))
    model_l = Blueprint(tiny, scale=next(model for model in tiny.models if model.name == "L"))
    graph = architecture_graph(tiny, found, model_l, detail)
    network = model_l.network(found.decisions)
    groups = [node for node in network.nodes if node.kind == "group"]
    expected = {
        Detail.stage: len({node.name.rsplit(".", 1)[0] for node in groups}),
        Detail.group: len(groups),
        Detail.block: sum(len(node.blocks) for node in groups),
    }
    assert len(graph.parts) == expected[detail]
    assert ElementTree.fromstring(draw_graph(graph, DARK)) is not None


def test_a_fusion_leaves_the_source_and_arrives_at_the_next_group(tiny: tsdsl.Space) -> None:
    graph = space_graph(tiny)
    (line,) = graph_lines(graph)
    dot = line_dot(graph, line)
    assert '"fusion.stage1.group1" -> "dense.stage1.group1" [dir=back' in dot
    assert '"fusion.stage1.group1" -> "sparse.stage2.group1"' in dot


@pytest.mark.parametrize("detail", list(Detail))
def test_a_fusion_between_absent_groups_is_drawn_between_what_is_there(detail: Detail) -> None:
    stem, absent = "group conv3d(kernel = 1x3x3, channels = 8)", "group {conv3d(kernel = 1x3x3), none}(channels = 8)"
    stages = f"stage 0 {{ {stem} }}  stage 1 {{ {absent} }}"
    streams = f"stream one {{ frames = 2  {stages}  stage 2 {{ {absent} }} }}  stream two {{ frames = 4  {stages} }}"
    fusion = "fusion two -> one { after = stage[0..1]  op = time_to_channel }"
    text = f"tsspace 1 space s {{ classes = 3  size = 8  {streams}  {fusion} }}"
    space = check(SourceFile("absent", text)).spaces[0].space
    nothing = {d.path: "none" for d in space.decisions}
    architecture = Architecture(space="s", fingerprint=space.fingerprint, decisions=nothing)
    graph = architecture_graph(space, architecture, detail=detail)
    assert len(graph.links) == 2
    named = {part.name for part in graph.parts} | {"head"} | {link.name for link in graph.links}
    dot = line_dot(graph, graph_lines(graph)[0])
    edges = [line for line in dot.splitlines() if "fusion" in line and " -> " in line and "rank" not in line]
    ends = [re.findall('"(.*?)"', line) for line in edges]
    assert len(ends) == 4
    assert {end for line in ends for end in line[:2]} <= named
    assert draw_architecture(space, architecture, detail=detail).startswith("<svg")


def test_a_long_space_goes_on_in_lines_that_say_so(auto_tsnet: tsdsl.Space) -> None:
    graph = space_graph(auto_tsnet)
    lines = graph_lines(graph)
    assert [len(line.columns) for line in lines] == [10, 3]
    assert [column for line in lines for column in line.columns] == sorted({part.column for part in graph.parts})
    shown = texts(draw_graph(graph))
    assert shown.count("continues") == shown.count("continued") == 2
    assert shown.count("head") == 1


def test_a_stage_on_several_lines_says_which_groups_stand_on_each(auto_tsnet: tsdsl.Space) -> None:
    shown = texts(draw_space(auto_tsnet, Detail.block))
    assert shown.count("stage 3") == 2
    assert shown.count("stage 3, group 4") == 2


def test_the_text_alternative_of_a_large_graph_counts_instead_of_listing(auto_tsnet: tsdsl.Space) -> None:
    groups, blocks = (
        ElementTree.fromstring(draw_space(auto_tsnet, detail)).get("aria-label", "")
        for detail in (Detail.group, Detail.block)
    )
    assert "sparse.stage3.group1: mbconv3d" in groups
    assert "sparse stage 3: 11 nodes" in blocks
    assert len(blocks) < 600


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_on_the_darkest_node_can_be_read(theme: Theme) -> None:
    for number in range(4):
        assert contrast(theme.text, mixed(theme.tint(number), theme.line(number), DARKEST)) >= 4.5


def test_pictures_are_the_same_each_time_and_have_no_ids(tiny: tsdsl.Space) -> None:
    assert draw_space(tiny) == draw_space(tiny)
    assert " id=" not in draw_space(tiny)


def hostile_space(space: tsdsl.Space) -> tsdsl.Space:
    """A space whose name, and whose stream's name wherever it stands, are hostile."""
    text = json.dumps({**space.to_dict(), "name": ""})
    renamed = json.loads(text.replace('"dense', json.dumps(HOSTILE)[:-1]))
    return strictly(tsdsl.Space, {**renamed, "name": HOSTILE})  # `space_from_dict` would refuse it


@pytest.mark.parametrize("detail", list(Detail))
def test_hostile_names_break_no_graph(tiny: tsdsl.Space, detail: Detail) -> None:
    space = hostile_space(tiny)
    svg = draw_space(space, detail)
    assert sum(text.endswith("frames") for text in texts(svg)) == 2
    assert not any("x" * 100 in text for text in texts(svg))
    assert svg_to_png(svg).startswith(b"\x89PNG")
    architecture = next(tiny.sample())
    decisions = {re.sub("^dense", lambda _: HOSTILE, path): v for path, v in architecture.decisions.items()}
    hostile = architecture.model_copy(update={"decisions": decisions})
    assert ElementTree.fromstring(draw_architecture(space, hostile, detail=detail)) is not None


def test_hostile_names_break_no_chart() -> None:
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


NESTED = """tsspace 1
space s {
  classes = 3
  size    = 16
  block mb = mbconv3d(t = {1, 3}, k = 3, expansion = 2)
  stream one {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = {8, 16}, stride = 2)
      group {mb, conv3d(kernel = {1x1x1, 3x1x1}), none}(channels = {8, 16}) * 1 .. 2
      group mb(channels = 8) * 1 .. 2 each
    }
  }
  require one.stage[0].group[2].op == mb
    implies one.stage[0].group[1].channels == 16
  RULES
}
"""


def test_a_group_shows_what_is_decided_under_which_operator_and_whether_each_block_decides() -> None:
    space = check(SourceFile("x", NESTED.replace("RULES", ""))).spaces[0].space
    lines = [part.lines for part in space_graph(space).parts]
    assert lines[1][:4] == (
        "mbconv3d | conv3d | none x 0..2",
        "c 8, 16",
        "mbconv3d: t 1, 3 · k 3",
        "e 2",
    )
    assert lines[1][4] == "conv3d: kernel 1x1x1, 3x1x1"
    assert lines[2][0] == "mbconv3d x 1..2 each"


@pytest.mark.parametrize("number", [0, 4, 6])
def test_the_first_constraints_stand_below_the_title_of_a_space(number: int) -> None:
    text = NESTED.replace("RULES", "\n".join(f"require params <= {80 - n} Kparams" for n in range(number)))
    space = check(SourceFile("x", text)).spaces[0].space
    shown = texts(draw_space(space))
    assert any("before constraints" in line for line in shown)
    assert "require one.stage[0].group[2].op == mb implies one.stage[0].group[1].channels == 16" in shown
    assert [line for line in shown if line.startswith("require params")] == [
        f"require params <= {80 - n} Kparams" for n in range(min(number, 4))
    ]
    assert ("and 2 more constraints" in shown) == (number == 6)
