"""The graph view: streams as rows, stages as clusters, groups as nodes, fusion between the rows.

Graphviz lays out one line of columns at a time. Long networks continue on the next line, so they stay legible and
layout time is proportional to their length. Nodes with a larger share of the cost are darker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tsdsl.drawing import svg
from tsdsl.drawing.dot import BOLD_FONT_NAME, quote_label, render_dot
from tsdsl.drawing.font import shortened
from tsdsl.drawing.graph_parts import (
    Column,
    Detail,
    Graph,
    Link,
    Part,
    architecture_graph,
    space_graph,
)
from tsdsl.drawing.theme import LIGHT, Theme, mixed
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.units import counted

COLUMNS_A_LINE = 10
MARGIN, TITLE_HEIGHT, LINE_GAP, LEAST_WIDTH = 16.0, 54.0, 14.0, 420.0
DARKEST = 0.34
RULE_HEIGHT, MAX_RULES = 16.0, 5
MAX_SPOKEN = 50


@dataclass(frozen=True, slots=True)
class GraphLine:
    """Columns of a graph that are laid out together."""

    columns: tuple[Column, ...]
    is_first: bool
    is_last: bool


def draw_space(
    space: Space, detail: Detail = Detail.group, theme: Theme = LIGHT, columns_a_line: int = COLUMNS_A_LINE
) -> str:
    """The picture of a whole space as SVG text: every choice, shape and range of cost."""
    return draw_graph(space_graph(space, detail), theme, columns_a_line)


def draw_architecture(
    space: Space,
    architecture: Architecture,
    blueprint: Blueprint | None = None,
    detail: Detail = Detail.group,
    theme: Theme = LIGHT,
) -> str:
    """The picture of one architecture as SVG text, without absent parts."""
    return draw_graph(architecture_graph(space, architecture, blueprint, detail), theme)


def draw_graph(graph: Graph, theme: Theme = LIGHT, columns_a_line: int = COLUMNS_A_LINE) -> str:
    """The picture of a graph: a title and its lines below each other."""
    drawings = [_Drawing(render_dot(line_dot(graph, line, theme))) for line in graph_lines(graph, columns_a_line)]
    width = max([LEAST_WIDTH, *(drawing.width + 2 * MARGIN for drawing in drawings)])
    parts = [
        svg.text(MARGIN, 26, graph.title, theme.text, 15, bold=True, width_px=width - 2 * MARGIN),
        svg.text(MARGIN, 44, graph.caption, theme.muted, 11, width_px=width - 2 * MARGIN),
    ]
    y = TITLE_HEIGHT
    for rule in _listed(graph.rules):
        parts.append(svg.text(MARGIN, y + 6, rule, theme.muted, 11, width_px=width - 2 * MARGIN))
        y += RULE_HEIGHT
    for drawing in drawings:
        parts.append(drawing.placed(MARGIN, y))
        y += drawing.height + LINE_GAP
    return svg.document(width, y, f"{graph.title}. {_spoken(graph)}", parts, theme)


def _listed(rules: Sequence[str]) -> list[str]:
    """The first constraints, and how many there are besides."""
    more = len(rules) - MAX_RULES
    return [*rules[:MAX_RULES], *([f"and {counted(more, 'more constraint')}"] if more > 0 else [])]


def graph_lines(graph: Graph, columns_a_line: int = COLUMNS_A_LINE) -> list[GraphLine]:
    """The columns in lines of limited length, broken between stages if possible."""
    columns = sorted({part.column for part in graph.parts})
    chunks: list[list[Column]] = []
    for stage in dict.fromkeys(column[0] for column in columns):
        own = [column for column in columns if column[0] == stage]
        if chunks and len(chunks[-1]) + len(own) <= columns_a_line:
            chunks[-1] += own
        else:
            chunks += [own[i : i + columns_a_line] for i in range(0, len(own), columns_a_line)]
    last = len(chunks) - 1
    return [GraphLine(tuple(chunk), number == 0, number == last) for number, chunk in enumerate(chunks)]


def line_dot(graph: Graph, line: GraphLine, theme: Theme = LIGHT) -> str:
    """The DOT source of one line."""
    lines = [
        "digraph space {",
        '  graph [rankdir=LR, newrank=true, ranksep=0.3, nodesep=0.2, bgcolor="transparent"];',
        f'  node [shape=box, style="rounded,filled", fontsize=10, fontcolor="{theme.text}", '
        'margin="0.08,0.05", penwidth=1.1];',
        f'  edge [color="{theme.edge}", arrowsize=0.6, penwidth=1.1];',
    ]
    streams = list(graph.frames)
    shown = [part for part in graph.parts if part.column in line.columns]
    ends: dict[str, str] = {}
    for number, stream in enumerate(streams):
        own = [part for part in shown if part.stream == stream]
        lines += _stream(graph, line, stream, own, theme, number)
        ends[stream] = _quoted(own[-1].name) if own else _quoted(f"{stream} begins")
    if line.is_last:
        lines.append(
            f'  "head" [label={_label(graph.head)}, color="{theme.text}", fillcolor="{theme.neutral}", '
            f'fontname="{BOLD_FONT_NAME}"];'
        )
        lines += [f'  {end} -> "head";' for end in ends.values()]
    else:
        for number, (stream, end) in enumerate(ends.items()):
            port, colour = _quoted(f"{stream} continues"), theme.line(number)
            lines.append(f'  {port} [label="continues", shape=plaintext, style="", fontcolor="{theme.muted}"];')
            lines.append(f'  {end} -> {port} [color="{colour}", weight=20];')
    for link in graph.links:
        if link.column in line.columns:
            lines += _fusion(graph, line, link, shown, streams, theme)
    lines += _columns(graph, line, shown, streams)
    return "\n".join([*lines, "}"])


def _stream(graph: Graph, line: GraphLine, stream: str, own: Sequence[Part], theme: Theme, number: int) -> list[str]:
    colour = theme.line(number)
    begins = _quoted(f"{stream} begins")
    words = (stream, f"{graph.frames[stream]} frames" if line.is_first else "continued")
    # Labels of stages are placed where no fusion passes, and shortened if there is no such place.
    is_lowest = 0 < number == len(graph.frames) - 1
    has_room = number == 0 or is_lowest
    lines = [
        f'  {begins} [label={_label(words)}, shape=plaintext, style="", fontsize=12, fontcolor="{colour}", '
        f'fontname="{BOLD_FONT_NAME}"];'
    ]
    for stage in dict.fromkeys(part.column[0] for part in own):
        nodes = [_node(part, theme, number) for part in own if part.column[0] == stage]
        if len(own[0].column) == 1:
            lines += nodes
            continue
        label = _label((_stage_label(graph, line, stage) if has_room else f"stage {stage}",))
        lines += [
            f"  subgraph {_quoted(f'cluster_{stream}_{stage}')} {{",
            f'    label={label}; style="rounded"; color="{colour}"; fontcolor="{colour}"; '
            f"fontsize=10; margin=7; labeljust=l; labelloc={'b' if is_lowest else 't'};",
            *nodes,
            "  }",
        ]
    chain = [begins, *(_quoted(part.name) for part in own)]
    if len(chain) > 1:
        lines.append(f'  {" -> ".join(chain)} [color="{colour}", weight=20];')
    return lines


def _stage_label(graph: Graph, line: GraphLine, stage: int) -> str:
    """`stage 3`, with the numbers of its groups if it continues on another line."""
    groups = sorted({column[1] for column in line.columns if column[0] == stage})
    everywhere = {part.column[1] for part in graph.parts if part.column[0] == stage}
    if set(groups) == everywhere:
        return f"stage {stage}"
    span = f"group {groups[0]}" if len(groups) == 1 else f"groups {groups[0]} to {groups[-1]}"
    return f"stage {stage}, {span}"


def _node(part: Part, theme: Theme, number: int) -> str:
    fill = mixed(theme.tint(number), theme.line(number), DARKEST * min(1.0, part.share * 4))
    double = ", peripheries=2" if part.has_attention else ""
    return (
        f"    {_quoted(part.name)} [label={_label(part.lines)}, "
        f'color="{theme.line(number)}", fillcolor="{fill}"{double}];'
    )


def _fusion(
    graph: Graph, line: GraphLine, link: Link, shown: Sequence[Part], streams: Sequence[str], theme: Theme
) -> list[str]:
    """A box between two rows, from the last node of the source to the next node of the target."""
    is_of_stages = len(link.column) == 1
    before = [part for part in shown if part.stream == link.source and part.column <= link.column]
    after = [part for part in shown if part.stream == link.target and part.column >= link.column]
    if not is_of_stages:
        after = [part for part in after if part.column > link.column]
    box = _quoted(link.name)
    source = _quoted(before[-1].name if before else f"{link.source} begins")
    end = "head" if line.is_last else f"{link.target} continues"
    arrives = _quoted(after[0].name if after else end)
    rises = streams.index(link.source) > streams.index(link.target)
    # An edge within a column orders it, so it runs downwards whichever way its arrow points.
    leaves = f"{box} -> {source} [dir=back" if rises else f"{source} -> {box} [dir=forward"
    lines = [
        f'  {box} [label={_label(link.lines)}, shape=box, style="filled", fontsize=9, '
        f'color="{theme.fusion}", fillcolor="{theme.fusion_tint}"];',
        f'  {leaves}, color="{theme.fusion}"];',
    ]
    if not is_of_stages:
        lines.append(f'  {box} -> {arrives} [color="{theme.fusion}"];')
    else:
        enters = f"{arrives} -> {box} [dir=back" if rises else f"{box} -> {arrives} [dir=forward"
        lines.append(f'  {enters}, color="{theme.fusion}"];')
    return lines


def _columns(graph: Graph, line: GraphLine, shown: Sequence[Part], streams: Sequence[str]) -> list[str]:
    """Nodes of a column under each other, in the order of the streams."""
    begins = [_quoted(f"{stream} begins") for stream in streams]
    lines = [_same_rank(begins)]
    for column in line.columns:
        names = [
            _quoted(part.name) for stream in streams for part in shown if (part.stream, part.column) == (stream, column)
        ]
        boxes = [_quoted(link.name) for link in graph.links if link.column == column]
        lines.append(_same_rank(names, boxes))
    if not line.is_last:
        lines.append(_same_rank([_quoted(f"{stream} continues") for stream in streams]))
    return lines


def _same_rank(names: Sequence[str], others: Sequence[str] = ()) -> str:
    order = f" {' -> '.join(names)} [style=invis];" if len(names) > 1 else ""
    return f"  {{ rank=same; {'; '.join([*names, *others])};{order} }}"


def _quoted(name: str) -> str:
    return quote_label(name)


def _label(lines: Sequence[str]) -> str:
    return quote_label("\n".join(shortened(line, 200, 10) for line in lines))


def _spoken(graph: Graph) -> str:
    """A text of every node; for large graphs, the number of nodes in each stage."""
    if len(graph.parts) > MAX_SPOKEN:
        counts = Counter(f"{part.stream} stage {part.column[0]}" for part in graph.parts)
        return "; ".join(f"{place}: {count} nodes" for place, count in counts.items())
    return "; ".join(f"{part.name}: {', '.join(part.lines)}" for part in graph.parts)


class _Drawing:
    """A line drawn by Graphviz: its size in pixels and its content."""

    def __init__(self, text: str) -> None:
        root, self.content = text.rstrip().removesuffix("</svg>").split(">", 1)
        self.left, self.top, self.width, self.height = map(float, re.search(r'viewBox="([^"]*)"', root)[1].split())  # type: ignore[index]

    def placed(self, x: float, y: float) -> str:
        """The drawing as a part of another, without ids, which would repeat on every line.

        Not as a nested `svg` element: it clips, for which resvg allocates a layer of the size of the whole picture.
        """
        content = re.sub(r'(<[a-z]+) id="[^"]*"', r"\1", self.content)
        return f'<g transform="translate({svg.number(x - self.left)} {svg.number(y - self.top)})">{content}</g>'
