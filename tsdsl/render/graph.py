"""The graph view: streams as rows, stages as clusters, groups as nodes, fusion between the rows.

A space shows its choices, shapes and ranges of cost; an architecture shows what was chosen, and leaves out
what is absent. Colours are from Okabe and Ito's palette, which colour-blind readers can tell apart; none of
them is the only carrier of a fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tsdsl.analysis.cost import node_cost, plain
from tsdsl.analysis.lint import giga
from tsdsl.analysis.network import Blueprint, Network, Node
from tsdsl.analysis.report import PartRow, part_rows
from tsdsl.render.dot import BOLD_FONT_NAME, quote_label, render_dot
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import AttentionSlot, FusionSlot, Group, Space, Stream, Value, group_path

STREAM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
STREAM_TINTS = ("#E6F1F8", "#FBEBE0", "#E3F4EE", "#F8EBF2")
FUSION_TINT = "#FFF8DC"
TEXT, EDGE = "#1a1a1a", "#5f6b76"
SHORT = {
    "time_strided_conv": "conv",
    "time_strided_sample": "sample",
    "time_to_channel": "time-to-channel",
    "expansion": "e",
    "channels": "c",
}
SHOWN = ("kernel", "t", "k", "expansion", "channels")


@dataclass(frozen=True, slots=True)
class Labels:
    """The lines of text on each group, slot and head that is drawn, and a title."""

    title: str
    groups: Mapping[str, tuple[str, ...]]
    fusions: Mapping[str, tuple[str, ...]]
    attentions: Mapping[str, str]
    head: tuple[str, ...]


def draw_space(space: Space) -> str:
    """The picture of a whole space as SVG text: every choice, shape and range of cost."""
    return render_dot(space_dot(space))


def draw_architecture(space: Space, architecture: Architecture, blueprint: Blueprint | None = None) -> str:
    """The picture of one architecture as SVG text; parts that it does not have are not drawn."""
    return render_dot(architecture_dot(space, architecture, blueprint))


def space_dot(space: Space) -> str:
    """The DOT source of a whole space."""
    rows = {row.name: row for row in part_rows(space)}
    labels = Labels(
        title=f"{space.name}: {space.cardinality:,} architectures at {space.size} px",
        groups={g.path: _space_group(space, g, rows[g.path]) for s in space.streams for g in s.groups},
        fusions={f.path: (_alternatives(f), _range(rows[f.path])) for f in space.fusions if f.path in rows},
        attentions={a.path: _alternatives(a) for a in space.attentions},
        head=("head", _range(rows["head"])),
    )
    return _dot(space, labels, [stream.name for stream in space.streams])


def architecture_dot(space: Space, architecture: Architecture, blueprint: Blueprint | None = None) -> str:
    """The DOT source of one architecture."""
    network = (blueprint or Blueprint(space)).network(architecture.decisions, architecture.step)
    macs = {node.name: plain(node_cost(node))[0] for node in network.nodes}
    total = sum(macs.values())
    decisions = architecture.decisions
    groups = {group.path: group for stream in space.streams for group in stream.groups}
    fusions: dict[str, tuple[str, ...]] = {}
    attentions: dict[str, str] = {}
    for node in network.nodes:
        if node.kind == "fusion":
            operator = node.name.removeprefix(node.part + ".")
            fusions[node.part] = (SHORT.get(operator, operator), _share(macs[node.name], total))
        elif node.kind == "attention":
            attentions[node.part] = ", ".join(block.name for block in node.blocks)
    labels = Labels(
        title=f"{space.name}: {giga(total)} at {network.size} px",
        groups={
            node.name: _found_group(groups[node.name], decisions, node, macs[node.name], total)
            for node in network.nodes
            if node.kind == "group"
        },
        fusions=fusions,
        attentions=attentions,
        head=("head", _share(sum(macs[n.name] for n in network.nodes if n.part == "head"), total)),
    )
    return _dot(space, labels, _streams(network))


def _streams(network: Network) -> list[str]:
    return [node.part for node in network.nodes if node.kind == "input"]


def _space_group(space: Space, group: Group, row: PartRow) -> tuple[str, ...]:
    choices = dict(row.choices)
    lines = [_operator(group, group.repeat)]
    small = [f"{SHORT.get(name, name)} {_span(choices[name])}" for name in SHOWN if name in choices]
    lines += ["   ".join(small[:2]), "   ".join(small[2:])]
    c, t, h, w = row.shape
    return (*[line for line in lines if line], f"{c} x {t} x {h} x {w}", _range(row))


def _found_group(group: Group, decisions: Mapping[str, Value], node: Node, macs: int, total: int) -> tuple[str, ...]:
    chosen = []
    for name in SHOWN:
        setting = group.attributes.get(name)
        if setting is not None:
            value = decisions[setting.decision] if not isinstance(setting, int | float | str) else setting
            chosen.append(
                f"{SHORT.get(name, name)} {value:g}" if isinstance(value, float) else f"{SHORT.get(name, name)} {value}"
            )
    return (_operator(group, len(node.blocks)), "   ".join(chosen), str(node.shape), _share(macs, total))


def _operator(group: Group, repeat: int) -> str:
    return group.operator + (f" x {repeat}" if repeat > 1 else "")


def _span(values: str) -> str:
    """`32, 40, 48` as `32..48`; one or two values as they are."""
    items = values.split(", ")
    return values if len(items) < 3 else f"{items[0]}..{items[-1]}"


def _alternatives(slot: FusionSlot | AttentionSlot) -> str:
    return " | ".join(SHORT.get(a.operator, a.operator) for a in slot.alternatives)


def _range(row: PartRow) -> str:
    low, high = _mega(row.least_macs), _mega(row.most_macs)
    return f"{high} M" if low == high else f"{low}..{high} M"


def _share(macs: int, total: int) -> str:
    return f"{_mega(macs)} M ({macs / max(total, 1):.0%})"


def _mega(macs: int) -> str:
    """Millions with three digits, and never an exponent."""
    return f"{macs / 1e6:.3g}" if macs < 999_500_000 else f"{macs / 1e6:.0f}"


def _dot(space: Space, labels: Labels, streams: list[str]) -> str:
    lines = [
        "digraph space {",
        f"  graph [rankdir=LR, newrank=true, ranksep=0.28, nodesep=0.22, labelloc=t, labeljust=l, fontsize=15, "
        f'fontcolor="{TEXT}", label={quote_label(labels.title)}];',
        f'  node [shape=box, style="rounded,filled", fontsize=10, fontcolor="{TEXT}", '
        'margin="0.09,0.05", penwidth=1.1];',
        f'  edge [color="{EDGE}", arrowsize=0.6, penwidth=1.1, fontsize=9];',
    ]
    shown = [stream for stream in space.streams if stream.name in streams]
    for index, stream in enumerate(shown):
        lines += _stream(space, stream, labels, STREAM_COLOURS[index % 4], STREAM_TINTS[index % 4])
    lines.append(
        f'  "head" [label={quote_label(chr(10).join(labels.head))}, color="{TEXT}", fillcolor="#EEEEEE", '
        f'fontname="{BOLD_FONT_NAME}"];'
    )
    for stream in shown:
        lines.append(f'  {quote_label(stream.groups[-1].path)} -> "head";')
    for slot in space.fusions:
        if slot.path in labels.fusions and {slot.source, slot.target} <= set(streams):
            lines += _fusion(space, slot, "\n".join(labels.fusions[slot.path]))
    return "\n".join([*lines, "}"])


def _stream(space: Space, stream: Stream, labels: Labels, colour: str, tint: str) -> list[str]:
    attentions = {(a.stage, a.group): a.path for a in space.attentions if a.stream == stream.name}
    name = quote_label(f"{stream.name} frames")
    text = quote_label(f"{stream.name}\n{stream.frames} frames")
    lines = [
        f'  {name} [label={text}, shape=plaintext, style="", fontsize=12, fontcolor="{colour}", '
        f'fontname="{BOLD_FONT_NAME}"];'
    ]
    for stage in stream.stages:
        lines += [
            f"  subgraph {quote_label(f'cluster_{stream.name}_{stage.index}')} {{",
            f'    label={quote_label(f"stage {stage.index}")}; style="rounded"; color="{colour}"; '
            f'fontcolor="{colour}"; fontsize=10; margin=7; labeljust=l;',
        ]
        for group in stage.groups:
            text_lines = list(labels.groups[group.path])
            attention = labels.attentions.get(attentions.get((group.stage, group.index), ""))
            if attention is not None:
                text_lines.append(f"* {attention}")
            lines.append(
                f"    {quote_label(group.path)} [label={quote_label(chr(10).join(text_lines))}, "
                f'color="{colour}", fillcolor="{tint}"];'
            )
        lines.append("  }")
    chain = [name, *(quote_label(group.path) for group in stream.groups)]
    lines.append(f'  {" -> ".join(chain)} [color="{colour}", weight=20];')
    return lines


def _fusion(space: Space, slot: FusionSlot, text: str) -> list[str]:
    target = space.stream_by_name[slot.target].groups
    place = next(i for i, g in enumerate(target) if (g.stage, g.index) == (slot.stage, slot.group))
    source = quote_label(group_path(slot.source, slot.stage, slot.group))
    return [
        f'  {quote_label(slot.path)} [label={quote_label(text)}, shape=box, style="filled", fontsize=9, '
        f'color="#B8860B", fillcolor="{FUSION_TINT}"];',
        f'  {source} -> {quote_label(slot.path)} [color="#B8860B"];',
        f'  {quote_label(slot.path)} -> {quote_label(target[place + 1].path)} [color="#B8860B"];',
    ]
