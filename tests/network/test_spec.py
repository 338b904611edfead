"""Each rule for networks finds the node that breaks it; `conftest.py` runs the rules on every network in the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tsdsl
from tsdsl.network.layout import Blueprint, Network
from tsdsl.network.spec import RULES, problems
from tsdsl.operators.layers import (
    BatchNorm,
    ChannelSegment,
    Conditional,
    Convolution,
    Layer,
    Linear,
    Residual,
    TakeFrames,
    TimeToChannel,
    Width,
)
from tsdsl.operators.varying import Axis, Varying

STEM = "sparse.stage0.group1"
SAMPLED = "fusion.stage1.group1.time_strided_sample"
MERGE = "fusion.stage1.group1.merge"
LAST = "dense.stage2.group2"

Break = Callable[[Network], Network]


def changed(name: str, /, **changes: Any) -> Break:
    """Replaces fields of a node."""
    return lambda network: replace(
        network, nodes=tuple(replace(n, **changes) if n.name == name else n for n in network.nodes)
    )


def relayered(name: str, change: Callable[[Layer], Layer | None]) -> Break:
    """Replaces the layers of a node, inner ones first; `None` leaves a layer out."""

    def every(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        found = []
        for layer in layers:
            if isinstance(layer, Residual):
                layer = replace(layer, body=every(layer.body), shortcut=every(layer.shortcut))
            elif isinstance(layer, Conditional):
                layer = replace(layer, layers=every(layer.layers))
            new = change(layer)
            found += [] if new is None else [new]
        return tuple(found)

    def apply(network: Network) -> Network:
        blocks = tuple(replace(b, layers=every(b.layers)) for b in network.by_name[name].blocks)
        return changed(name, own=blocks, layout=None)(network)

    return apply


def reshaped(name: str, **sizes: Any) -> Break:
    """Replaces sizes of the shape that a node gives."""
    return lambda network: changed(name, shape=replace(network.by_name[name].shape, **sizes))(network)


def reordered(network: Network) -> Network:
    """The stem before the frames that it reads."""
    return replace(network, nodes=(network.by_name[STEM], *(n for n in network.nodes if n.name != STEM)))


def moved_segments(by: int) -> Break:
    """Moves all segments of the layers after a concatenation but the first."""

    def move(width: Width) -> Width:
        first, *others = width.segments
        return Width((first, *(ChannelSegment(s.length, s.offset + by) for s in others)))

    return relayered(
        "sparse.stage2.group1",
        lambda layer: replace(layer, width_in=move(layer.width_in)) if isinstance(layer, Convolution) else layer,
    )


def widened(layer: Layer) -> Layer:
    """A BN of 2 channels more than it gets."""
    return replace(layer, width=Width.of(layer.width.channels + 2)) if isinstance(layer, BatchNorm) else layer


def renamed(layer: Layer) -> Layer:
    """A layer with the name that every other one has."""
    return replace(layer, name="norm") if isinstance(layer, BatchNorm | Convolution) else layer


ELSEWHERE = Varying((Axis(5, "sparse.stage9.group1.t", 2),), np.array([0, 1]))

BROKEN: list[tuple[str, Break, str, str]] = [
    ("inputs_come_first", reordered, STEM, "sparse.frames is not an earlier node"),
    ("inputs_come_first", changed(STEM, inputs=("nowhere",)), STEM, "nowhere is not an earlier node"),
    ("inputs_come_first", changed(STEM, inputs=()), STEM, "has 0 inputs"),
    ("inputs_come_first", changed(STEM, name="sparse.frames"), "sparse.frames", "two nodes have this name"),
    ("inputs_come_first", changed(LAST, inputs=("dense.stage2.group1",)), "attention.dense.stage2.group1", "no node"),
    ("ends_are_right", reshaped("dense.frames", frames=15), "dense.frames", "expected 3 x 16 x 48 x 48"),
    ("ends_are_right", reshaped("head", channels=47), "head", "48 class scores"),
    ("names_are_of_the_space", changed(STEM, part="sparser"), STEM, "sparser is not a part of tiny"),
    ("names_are_of_the_space", changed(LAST, condition=ELSEWHERE), LAST, "sparse.stage9.group1.t"),
    ("names_are_of_the_space", changed(LAST, condition=2), LAST, "must be 0 or 1"),
    ("inputs_agree", changed(MERGE, merge="single"), MERGE, "does not merge"),
    ("inputs_agree", changed(MERGE, merge="sum"), MERGE, "other channels than the sum"),
    ("inputs_agree", reshaped(SAMPLED, frames=8), MERGE, f"{SAMPLED} has sizes 8 x 12 x 12"),
    ("inputs_agree", reshaped(SAMPLED, channels=7), MERGE, "the channels read"),
    ("layers_agree", relayered(STEM, widened), STEM, f"{STEM}.norm"),
    (
        "layers_agree",
        relayered("head", lambda layer: None if isinstance(layer, Linear) else layer),
        "head",
        "the shape of the node",
    ),
    (
        "layers_agree",
        relayered(SAMPLED, lambda layer: None if isinstance(layer, TakeFrames) else layer),
        SAMPLED,
        "the layers give sizes 16 x 12 x 12, not 4 x 12 x 12",
    ),
    (
        "layers_agree",
        relayered(SAMPLED, lambda layer: TimeToChannel(5) if isinstance(layer, TakeFrames) else layer),
        SAMPLED,
        "16 frames are not a multiple of 5",
    ),
    (
        "layers_agree",
        relayered(LAST, lambda x: replace(x, body=(*x.body, TakeFrames(2))) if isinstance(x, Residual) else x),
        LAST,
        "the branches of a sum have different shapes",
    ),
    (
        "layers_agree",
        relayered(LAST, lambda x: replace(x, kernel=(2, 1, 1)) if isinstance(x, Convolution) else x),
        LAST,
        "expand has an even kernel size",
    ),
    (
        "layers_agree",
        relayered(STEM, lambda x: replace(x, depthwise=True) if isinstance(x, Convolution) else x),
        STEM,
        "conv is depthwise but changes the channels",
    ),
    ("segments_tile", moved_segments(-1), "sparse.stage2.group1", "overlap"),
    ("segments_tile", moved_segments(1), "sparse.stage2.group1", "leave a gap"),
    ("parameters_have_names", relayered(STEM, renamed), "head", f"are named {STEM}.block0.norm"),
]


@pytest.mark.parametrize(
    ("rule", "break_it", "node", "words"), BROKEN, ids=[f"{rule}: {words}" for rule, _, _, words in BROKEN]
)
def test_a_rule_names_the_node_that_breaks_it(
    rule: str, break_it: Break, node: str, words: str, tiny: tsdsl.Space
) -> None:
    network = break_it(Blueprint(tiny).whole)

    broken = next(each for each in RULES if list(each(network, tiny)))
    assert broken.__name__ == rule
    assert any(problem.node == node and words in problem.text for problem in problems(network, tiny))


def test_every_rule_has_a_network_that_breaks_it() -> None:
    assert [rule.__name__ for rule in RULES] == list(dict.fromkeys(rule for rule, *_ in BROKEN))


def test_a_gap_is_right_where_one_architecture_leaves_channels_out(tiny: tsdsl.Space) -> None:
    architecture = next(tiny.sample(1, seed=0))
    network = moved_segments(1)(Blueprint(tiny).network(architecture.decisions))

    assert problems(network, tiny) == []
