"""One architecture as shown in pictures: boxes of groups, arrows of fusions, and attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tsdsl.network.cost import node_cost, node_layers, plain
from tsdsl.network.layout import Blueprint, Node
from tsdsl.operators.layers import Convolution
from tsdsl.operators.registry import BLOCKS
from tsdsl.operators.varying import fixed, fixed_sizes
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.reading import concrete_reading

Place = tuple[int, int]
"""A stage and a group within it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A group: operators, kernel as (t, h, w), expansion if any, output shape (C, T, H, W) and cost.

    Kernel and expansion are those of the first block. `attention` are the operators at its end; `macs` exclude their
    cost.
    """

    path: str
    stream: str
    place: Place
    operator: str
    num_blocks: int
    kernel: tuple[int, int, int] | None
    expansion: float | None
    shape: tuple[int, int, int, int]
    macs: int
    attention: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.shape[0]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A fusion at the end of a group: source, target and operator."""

    path: str
    source: str
    target: str
    place: Place
    operator: str
    macs: int


@dataclass(frozen=True)
class FoundModel:
    """An architecture at one scale. `frames` has the present streams in the order of the space."""

    space: str
    size_px: int
    macs: int
    params: int
    frames: Mapping[str, int]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def params_text(self) -> str:
        """`94.8 K parameters`, `20.7 M parameters`."""
        million = self.params >= 999_500
        return f"{self.params / (1e6 if million else 1e3):.3g} {'M' if million else 'K'} parameters"

    @cached_property
    def box_at(self) -> Mapping[tuple[str, Place], Box]:
        """The boxes by stream and place."""
        return {(box.stream, box.place): box for box in self.boxes}

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places of all groups, in order."""
        return tuple(sorted({box.place for box in self.boxes}))


def found_model(blueprint: Blueprint, architecture: Architecture) -> FoundModel:
    """An architecture at the scale of its blueprint."""
    space = blueprint.space
    network = blueprint.network(architecture.decisions, architecture.step)
    costs = {node.name: plain(node_cost(node)) for node in network.nodes}
    reading = concrete_reading(architecture.decisions)
    groups = {group.path: group for stream in space.streams for group in stream.groups}
    slots = {slot.path: slot for slot in space.fusions}
    attention_at = _attention(space, {n.part: tuple(b.name for b in n.blocks) for n in network.nodes})
    boxes, arrows = [], []
    for node in network.nodes:
        if node.kind == "group":
            group = groups[node.name]
            blocks = [group.alternative(block.index, block.variant) for block in node.blocks]
            given = {**group.attributes, **blocks[0].attributes}
            settings = reading.settings(BLOCKS[blocks[0].operator].attributes, given).values
            shape = (fixed(node.shape.channels), *fixed_sizes(node.shape.sizes))
            expansion = settings.get("expansion")
            boxes.append(
                Box(
                    path=node.name,
                    stream=node.part,
                    place=(group.stage, group.index),
                    operator=", ".join(dict.fromkeys(one.operator for one in blocks)),
                    num_blocks=len(node.blocks),
                    kernel=kernel_of(node),
                    expansion=float(expansion) if isinstance(expansion, int | float) else None,
                    shape=shape,
                    macs=costs[node.name][0],
                    attention=attention_at.get(node.name, ()),
                )
            )
        elif node.kind == "fusion":
            slot = slots[node.part]
            operator = node.blocks[0].name
            place = (slot.stage, slot.group)
            arrows.append(Arrow(slot.path, slot.source, slot.target, place, operator, costs[node.name][0]))
    return FoundModel(
        space=space.name,
        size_px=network.size,
        macs=sum(macs for macs, _, _ in costs.values()),
        params=sum(params for _, params, _ in costs.values()),
        frames={node.part: fixed(node.shape.frames) for node in network.nodes if node.kind == "input"},
        boxes=tuple(boxes),
        arrows=tuple(arrows),
    )


def kernel_of(node: Node) -> tuple[int, int, int] | None:
    """The maximum kernel size of a group's first block along each of (t, h, w); None without convolutions."""
    kernels = [
        tuple(fixed(size) for size in layer.kernel)
        for layer, _, _, _ in node_layers(replace(node, own=node.blocks[:1], layout=None))
        if isinstance(layer, Convolution)
    ]
    if not kernels:
        return None
    t, h, w = (max(sizes) for sizes in zip(*kernels, strict=True))
    return t, h, w


def _attention(space: Space, operators: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The attention operators at the end of each group, by the group's path."""
    found: dict[str, tuple[str, ...]] = {}
    for slot in space.attentions:
        path = f"{slot.stream}.stage{slot.stage}.group{slot.group}"
        found[path] = found.get(path, ()) + operators.get(slot.path, ())
    return found
