"""The parameters of a network by dotted name, and their sizes.

A parameter is named `<node>.<block>.<layer>.<parameter>`, such as `sparse.stage1.group2.block0.expand.weight`. A block
with the same name as the last part of its node's, residuals and conditions add nothing to the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsdsl.network.layout import Blueprint, Network, Node
from tsdsl.operators.layers import Block, Layer, Parameter, Width, walk
from tsdsl.operators.varying import fixed, maximum


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer that has parameters, under its dotted name."""

    name: str
    layer: Layer
    parameters: tuple[Parameter, ...]


def block_prefix(node: Node, block: Block) -> str:
    """The dotted name that begins the names of a block's layers."""
    return node.name if node.name.endswith("." + block.name) else f"{node.name}.{block.name}"


def layer_name(prefix: str, layer: Layer) -> str:
    """The dotted name of a layer in a block; the block's own name for a layer without one."""
    return f"{prefix}.{getattr(layer, 'name', '')}".rstrip(".")


def named_layers(network: Network) -> Iterator[NamedLayer]:
    """Every layer with parameters, in order.

    Raises:
        ValueError: two layers have the same name, which is a mistake in an operator.
    """
    seen: set[str] = set()
    for node in network.nodes:
        for block in node.blocks:
            prefix = block_prefix(node, block)
            for layer in walk(block.layers):
                parameters = layer.parameters()
                if not parameters:
                    continue
                name = layer_name(prefix, layer)
                if name in seen:
                    raise ValueError(f"two layers of {network.space} are named {name}")
                seen.add(name)
                yield NamedLayer(name, layer, parameters)


def shared_layers(blueprint: Blueprint) -> Iterator[NamedLayer]:
    """Every layer with parameters that an architecture has after some step: those of the whole space come first.

    A step without some parts may need others, such as a shortcut between widths that a fusion would make equal.
    """
    whole = {item.name: item for item in named_layers(blueprint.whole)}
    more: dict[str, NamedLayer] = {}
    for step in blueprint.space.steps:
        for item in named_layers(blueprint.over(step.index)):
            if item.name not in whole and (item.name not in more or _sizes(item) > _sizes(more[item.name])):
                more[item.name] = item
    yield from (*whole.values(), *more.values())


def _sizes(item: NamedLayer) -> list[tuple[int, ...]]:
    return [extents(parameter) for parameter in item.parameters]


def network_parameters(network: Network) -> dict[str, Parameter]:
    """Every parameter under its dotted name, in order."""
    return {f"{item.name}.{p.name}": p for item in named_layers(network) for p in item.parameters}


def shape(parameter: Parameter) -> tuple[int, ...]:
    """The sizes of a parameter of one architecture."""
    return tuple(fixed(a.channels if isinstance(a, Width) else a.size) for a in parameter.axes)


def extents(parameter: Parameter) -> tuple[int, ...]:
    """The sizes of a shared parameter that is large enough for every choice."""
    return tuple(a.extent if isinstance(a, Width) else maximum(a.size) for a in parameter.axes)
