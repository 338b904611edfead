"""The content of a graph view before layout: nodes with their lines of text, and links between streams.

A node is a stage, a group or a block. Nodes of a space show choices and ranges of cost, nodes of an architecture the
chosen values and their cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias

import numpy as np

from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.drawing.graph_text import SHORT, choices, names_of, num_blocks, operators_line, setting_lines
from tsdsl.network.cost import node_cost, node_macs, plain
from tsdsl.network.group import merged_width
from tsdsl.network.layout import Blueprint, Node
from tsdsl.operators.layers import Width
from tsdsl.operators.varying import Count, Varying, fixed
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import AttentionSlot, FusionSlot, Group, Reference, Setting
from tsdsl.units import giga

Column = tuple[int, ...]
"""The position of a node along its stream: stage; stage and group; or stage, group and block."""


class Detail(StrEnum):
    """What a node of a graph represents."""

    stage = "stage"
    group = "group"
    block = "block"


@dataclass(frozen=True, slots=True)
class Part:
    """A node: its lines of text, its mean share of the cost, and whether it may have attention."""

    name: str
    stream: str
    column: Column
    lines: tuple[str, ...]
    share: float
    has_attention: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A fusion and its operators, from the stream `source` to the stream `target`, after a column."""

    name: str
    source: str
    target: str
    column: Column
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A whole graph view; `frames` has the streams from top to bottom, `rules` the constraints as they are written."""

    title: str
    caption: str
    frames: Mapping[str, int]
    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    head: tuple[str, ...]
    rules: tuple[str, ...] = ()


DOUBLE_OUTLINE = "; double outline: attention"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Multiply-adds: least, most, and the mean over equally likely choices."""

    least: int
    most: int
    mean: float


_Costs: TypeAlias = Callable[[Sequence[Node]], _Cost]
"""The joint cost of some nodes: the extremes of a sum are not the sums of extremes."""


def space_graph(space: Space, detail: Detail = Detail.group) -> Graph:
    """The graph of a space with every choice, shape and range of cost, or of its only architecture."""
    if not space.decisions:
        only = Architecture(space=space.name, fingerprint=space.fingerprint, decisions={})
        return architecture_graph(space, only, detail=detail)
    table = CostTable(Blueprint(space))

    def cost(nodes: Sequence[Node]) -> _Cost:
        return _Cost(*table.bounds_of(nodes), sum(_mean(node) for node in nodes))

    total = sum(_mean(node) for node in table.network.nodes)
    attention = DOUBLE_OUTLINE if space.attentions else ""
    decisions = len(space.decisions)
    count = f"{space.cardinality:,} architectures{' before constraints' if space.requires else ''}"
    graph = _graph(
        space,
        table.network.nodes,
        detail,
        title=f"{space.name}: {_few_digits(count)} at {space.size} px",
        caption=f"{decisions} decisions; M: millions of multiply-adds, least..most; "
        f"%: mean share of the cost, the larger the more colour{attention}",
        cost=cost,
        total=total,
        setting=lambda value: choices(space, value),
    )
    return replace(graph, rules=tuple(dict.fromkeys(" ".join(rule.text.split()) for rule in space.requires)))


def architecture_graph(
    space: Space, architecture: Architecture, blueprint: Blueprint | None = None, detail: Detail = Detail.group
) -> Graph:
    """The graph of one architecture, without absent parts."""
    network = (blueprint or Blueprint(space)).network(architecture.decisions, architecture.step)

    def cost(nodes: Sequence[Node]) -> _Cost:
        macs = sum(plain(node_cost(node))[0] for node in nodes)
        return _Cost(macs, macs, macs)

    total = cost(network.nodes).least

    attention = DOUBLE_OUTLINE if any(node.kind == "attention" for node in network.nodes) else ""

    def setting(value: Setting) -> str:
        chosen = value.of(architecture.decisions[value.decision]) if isinstance(value, Reference) else value
        return f"{chosen:g}" if isinstance(chosen, float) else str(chosen)

    return _graph(
        space,
        network.nodes,
        detail,
        title=f"{space.name}: {giga(total)} at {network.size} px",
        caption=f"M: millions of multiply-adds; %: share of the cost, the larger the more colour{attention}",
        cost=cost,
        total=float(total),
        setting=setting,
    )


def _graph(
    space: Space,
    nodes: Sequence[Node],
    detail: Detail,
    title: str,
    caption: str,
    cost: _Costs,
    total: float,
    setting: Callable[[Setting], str],
) -> Graph:
    groups = {group.path: group for stream in space.streams for group in stream.groups}
    attention = _attention_lines(space, nodes, cost, total)
    parts: list[Part] = []
    for node in nodes:
        if node.kind != "group" or detail is Detail.stage:
            continue
        group = groups[node.name]
        lines = setting_lines(group, node, setting)
        own = attention.get(node.name, ())
        if detail is Detail.block:
            parts += _block_parts(group, node, setting, own, cost, total)
            continue
        own_cost = cost([node])
        text = (operators_line(group, node), *lines, str(node.shape), _cost_line(own_cost, total))
        text += own
        share = own_cost.mean / total if total else 0.0
        parts.append(Part(node.name, node.part, (group.stage, group.index), text, share, bool(own)))
    links = _links(space, nodes, setting, cost, total)
    if detail is Detail.stage:
        parts, links = _stages(space, nodes, groups, attention, cost, total), _stage_links(links)
    links = [_after_a_part(link, parts) for link in links if parts]
    head = cost([node for node in nodes if node.part == "head"])
    frames = {node.part: fixed(node.shape.frames) for node in nodes if node.kind == "input"}
    return Graph(title, caption, frames, tuple(parts), tuple(links), ("head", _cost_line(head, total)))


def _block_parts(
    group: Group,
    node: Node,
    setting: Callable[[Setting], str],
    attention: tuple[str, ...],
    cost: _Costs,
    total: float,
) -> Iterable[Part]:
    shape = node.shape_in
    by_index = [tuple(blocks) for _, blocks in groupby(node.blocks, key=lambda block: block.index)]
    width = by_index[0][0].width_in or Width.of(shape.channels)
    for number, blocks in enumerate(by_index):
        width = merged_width(width, blocks)
        after = replace(node.shape, channels=width.channels)
        own = tuple(replace(block, index=0) for block in blocks)
        own_cost = cost([replace(node, own=own, layout=None, shape_in=shape, shape=after)])
        is_last = number == len(by_index) - 1
        shown = replace(node, own=blocks, layout=None) if group.is_each else node
        is_new = number == 0 or group.is_each
        first = (" | ".join(names_of(group, shown)), *setting_lines(group, shown, setting)) if is_new else ()
        text = (f"group {group.index}, block {number + 1}", *first, str(after))
        text += (_cost_line(own_cost, total),)
        text += attention if is_last else ()
        share = own_cost.mean / total if total else 0.0
        column = (group.stage, group.index, number + 1)
        yield Part(f"{node.name}.block{number}", node.part, column, text, share, bool(attention) and is_last)
        shape = after


def _stages(
    space: Space,
    nodes: Sequence[Node],
    groups: Mapping[str, Group],
    attention: Mapping[str, tuple[str, ...]],
    cost: _Costs,
    total: float,
) -> list[Part]:
    """One part per stage of each stream: the common choices of its groups, and their cost including attention."""
    found: dict[tuple[str, int], list[Node]] = {}
    for node in nodes:
        if node.kind == "group":
            found.setdefault((node.part, groups[node.name].stage), []).append(node)
    parts = []
    for (stream, stage), own in found.items():
        count = num_blocks(own)
        operators = " | ".join(dict.fromkeys(name for node in own for name in names_of(groups[node.name], node)))
        attending = [slot.path for slot in space.attentions if (slot.stream, slot.stage) == (stream, stage)]
        of_stage = cost([*own, *(node for node in nodes if node.kind == "attention" and node.part in attending)])
        prefix = f"{stream}.stage{stage}."
        num_decisions = sum(decision.path.startswith(prefix) for decision in space.decisions)
        num_attention = sum(node.name in attention for node in own)
        blocks = f"{count} block{'s' * (count != '1')}"
        lines = [f"stage {stage}", operators, f"{_counted(len(own), 'group')}, {blocks}"]
        lines += [_counted(num_decisions, "decision")] if num_decisions and of_stage.least != of_stage.most else []
        lines += [str(own[-1].shape), _cost_line(of_stage, total)]
        lines += [f"attention at {_counted(num_attention, 'place')}"] if num_attention else []
        share = of_stage.mean / total if total else 0.0
        parts.append(Part(f"{stream}.stage{stage}", stream, (stage,), tuple(lines), share, num_attention > 0))
    return parts


def _links(
    space: Space, nodes: Sequence[Node], setting: Callable[[Setting], str], cost: _Costs, total: float
) -> list[Link]:
    slots = {slot.path: slot for slot in space.fusions}
    costs: dict[str, list[_Cost]] = {}
    operators: dict[str, set[str]] = {}
    are_open = {node.part for node in nodes if node.kind == "fusion" and isinstance(node.condition, Varying)}
    for node in nodes:
        if node.kind == "fusion":
            costs.setdefault(node.part, []).append(cost([node]))
            operators.setdefault(node.part, set()).add(node.blocks[0].name)
    links = []
    for path, own in costs.items():
        slot = slots[path]
        names = [a.operator for a in slot.alternatives if path in are_open or a.operator in operators[path]]
        # Alternatives exclude each other, so costs are not added.
        least = 0 if "none" in names else min(one.least for one in own)
        mean = sum(one.mean for one in own)
        line = _cost_line(_Cost(least, max(one.most for one in own), mean), total)
        merge = (f"merge {setting(slot.merge)}",) if isinstance(slot.merge, Reference) else ()
        lines = (*(SHORT.get(name, name) for name in names), *merge, line)
        links.append(Link(path, slot.source, slot.target, (slot.stage, slot.group), lines))
    return links


def _stage_links(links: Sequence[Link]) -> list[Link]:
    """The fusions of a stage between two streams as one link with all their alternatives."""
    found: dict[tuple[str, str, int], list[Link]] = {}
    for link in links:
        found.setdefault((link.source, link.target, link.column[0]), []).append(link)
    joined = []
    for (stream, target, stage), own in found.items():
        alternatives = dict.fromkeys(line for link in own for line in link.lines[:-1])
        places = f"at {_counted(len(own), 'place')}"
        name = f"fusion {stream} to {target} {stage}"
        joined.append(Link(name, stream, target, (stage,), (*alternatives, places)))
    return joined


def _after_a_part(link: Link, parts: Sequence[Part]) -> Link:
    """A fusion after the last column up to its place that has a part, as groups there may be absent."""
    columns = sorted(part.column for part in parts)
    return replace(link, column=max((c for c in columns if c[:2] <= link.column), default=columns[0]))


def _attention_lines(space: Space, nodes: Sequence[Node], cost: _Costs, total: float) -> dict[str, tuple[str, ...]]:
    """The possible or chosen attention at the end of each group and its cost, by the path of the group."""
    slots = {slot.path: slot for slot in space.attentions}
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.kind == "attention":
            slot = slots[node.part]
            is_open = isinstance(node.condition, Varying)
            words = _alternatives(slot) if is_open else ", ".join(block.name for block in node.blocks)
            path = f"{slot.stream}.stage{slot.stage}.group{slot.group}"
            found[path] = (f"attention: {words}", _cost_line(cost([node]), total))
    return found


def _alternatives(slot: FusionSlot | AttentionSlot) -> str:
    return " | ".join(SHORT.get(a.operator, a.operator) for a in slot.alternatives)


def _mean(node: Node) -> float:
    """The mean multiply-adds of a node over equally likely choices."""
    return sum(_mean_count(macs) for macs in node_macs(node))


def _mean_count(count: Count) -> float:
    return float(np.mean(count.table)) if isinstance(count, Varying) else float(count)


def _cost_line(cost: _Cost, total: float) -> str:
    low, high = mega(cost.least), mega(cost.most)
    span = f"{high} M" if low == high else f"{low}..{high} M"
    return f"{span}, {_percent(cost.mean / total)}" if total else span


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def mega(macs: int) -> str:
    """Millions with three digits, without an exponent."""
    return f"{macs / 1e6:.3g}" if macs < 999_500_000 else f"{macs / 1e6:.0f}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _few_digits(count: str) -> str:
    """A count, in scientific notation if it is long."""
    number, _, noun = count.partition(" ")
    digits = number.replace(",", "")
    return count if len(digits) <= 60 else f"{digits[0]}.{digits[1:3]}e{len(digits) - 1} {noun}"
