"""Sizes that do not fit: sums of unequal widths, pools larger than the map, layers without a channel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, Label
from tsdsl.network.layout import Blueprint, Network, Node
from tsdsl.operators.layers import NonLocal, block_widths, walk
from tsdsl.operators.varying import combine, differs, either, exceeds, is_never, ranged
from tsdsl.source import Span
from tsdsl.space.combinations import Combination, combination

RATIOS = ("expansion", "ratio")


def fused_widths(subject: Subject) -> Iterator[Diagnostic]:
    """TS304: a fusion with `merge = sum` adds a width that is not the receiver's."""
    yield from _sums(subject, subject.blueprint.whole)


def fused_widths_of_models(subject: Subject) -> Iterator[Diagnostic]:
    """TS304 at the rounded widths of a model, such as `L`; the first model that has any."""
    for model in subject.space.models:
        if model.width != 1:
            network = Blueprint(subject.space, scale=model).whole
            found = list(_sums(subject, network, f"with the rounded widths of model {model.name}, "))
            if found:
                yield from found
                return


def pooled_sizes(subject: Subject) -> Iterator[Diagnostic]:
    """TS301: an attention unit pools over more than its map has."""
    for node in subject.blueprint.whole.nodes:
        if node.kind != "attention":
            continue
        for layer in walk(tuple(layer for block in node.blocks for layer in block.layers)):
            if not isinstance(layer, NonLocal):
                continue
            height, width = node.shape_in.height, node.shape_in.width
            found = combination(
                either(exceeds(layer.pool, height), exceeds(layer.pool, width)), subject.space.decision_by_path
            )
            if found is not None:
                yield Diagnostic(
                    "TS301",
                    f"the pool {found.of(layer.pool)} is larger than its {found.of(height)} x {found.of(width)} map",
                    subject.source,
                    subject.origins[node.part],
                    "leaves no pixel",
                    notes=_example(found),
                    help="use a smaller `pool`",
                )


def layer_widths(subject: Subject) -> Iterator[Diagnostic]:
    """TS308: a layer has no channel left under some choice; one report a part."""
    reported: set[Span] = set()
    for node in subject.blueprint.whole.nodes:
        if node.layout is not None and node.layout.first_alike.least_width >= 1:
            continue
        for block in node.blocks:
            for width in block_widths(block):
                wrong = combine(np.less, width, 1)
                if is_never(wrong):
                    continue
                path = f"{node.part}.op.{block.name}" if node.kind in ("fusion", "attention") else node.name
                ratio = next((name for name in RATIOS if f"{path}.{name}" in subject.origins), None)
                span = subject.origins.get(f"{path}.{ratio}") or subject.origins.get(node.part)
                span = span or subject.origins["space"]
                if span not in reported:
                    reported.add(span)
                    yield Diagnostic(
                        "TS308",
                        f"`{ratio}` leaves no channel in `{path}`" if ratio else f"no channel is left in `{path}`",
                        subject.source,
                        span,
                        "rounds down to 0 channels",
                        notes=_example(combination(wrong, subject.space.decision_by_path)),
                        help=f"use a larger `{ratio}`, or more channels" if ratio else "use more channels",
                    )
                break


def _sums(subject: Subject, network: Network, when: str = "") -> Iterator[Diagnostic]:
    for node in network.nodes:
        if node.merge != "sum":
            continue
        target = network.by_name[node.inputs[0]]
        for name in node.inputs[1:]:
            fused = network.by_name[name]
            wrong = differs(fused.shape.channels, target.shape.channels) * fused.condition
            if is_never(wrong):
                continue
            yield Diagnostic(
                "TS304",
                f"{when}`{name.rsplit('.', 1)[1]}` at `{node.part}` has a different width than its receiver",
                subject.source,
                subject.origins[node.part],
                "widths differ",
                _width_labels(subject, target, fused),
                notes=_example(combination(wrong, subject.space.decision_by_path)),
                help="use `merge = concat`, or `time_strided_conv`, which outputs the receiver's width",
            )


def _width_labels(subject: Subject, target: Node, fused: Node) -> tuple[Label, ...]:
    """How many channels both sides have, where they come from."""
    ends = ((target.name, target, "the receiver has"), (fused.inputs[0], fused, f"`{fused.blocks[0].name}` makes"))
    return tuple(
        Label(subject.origins[name], f"{words} {ranged(node.shape.channels, ' to ')} channels")
        for name, node, words in ends
        if name in subject.origins
    )


def _example(found: Combination | None) -> tuple[str, ...]:
    """A note with choices under which something is wrong; none where it always is."""
    return (f"for example with {found.text}",) if found is not None and found.text else ()
