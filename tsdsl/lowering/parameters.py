"""The parameters of a network by dotted name: their axes, sizes, kinds and first values.

A parameter is named `<node>.<block>.<layer>.<parameter>`, such as
`sparse.stage1.group2.block0.expand.weight`; a block that bears its node's last name adds nothing.
Residuals and conditions add nothing either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from tsdsl.analysis.network import Network, Node
from tsdsl.operators.layers import BatchNorm, Block, Initialisation, Layer, Parameter, Width, walk
from tsdsl.operators.varying import fixed, maximum

ParameterKind: TypeAlias = Literal["weight", "bias", "norm"]

LINEAR_STD = 0.01


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer that has parameters, under its dotted name."""

    name: str
    layer: Layer
    parameters: tuple[Parameter, ...]


def block_prefix(node: Node, block: Block) -> str:
    """The dotted name under which a block's layers stand."""
    return node.name if node.name.endswith("." + block.name) else f"{node.name}.{block.name}"


def layer_name(prefix: str, layer: Layer) -> str:
    """The dotted name of a layer in a block; that of the block for layers that have no name."""
    return f"{prefix}.{getattr(layer, 'name', '')}".rstrip(".")


def named_layers(network: Network) -> Iterator[NamedLayer]:
    """Every layer with parameters, in order.

    Raises:
        ValueError: two layers have the same name, so an operator names its layers badly.
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


def network_parameters(network: Network) -> dict[str, Parameter]:
    """Every parameter under its dotted name, in order."""
    return {f"{item.name}.{p.name}": p for item in named_layers(network) for p in item.parameters}


def shape(parameter: Parameter) -> tuple[int, ...]:
    """The sizes of a parameter of one architecture."""
    return tuple(fixed(a.channels if isinstance(a, Width) else a.size) for a in parameter.axes)


def extents(parameter: Parameter) -> tuple[int, ...]:
    """The sizes that a shared parameter needs so that it holds every choice."""
    return tuple(a.extent if isinstance(a, Width) else maximum(a.size) for a in parameter.axes)


def parameter_kinds(network: Network) -> Mapping[str, ParameterKind]:
    """For each parameter whether it is a weight, a bias, or of BN; the latter two see no weight decay."""
    return {
        f"{item.name}.{p.name}": parameter_kind(item.layer, p)
        for item in named_layers(network)
        for p in item.parameters
    }


def parameter_kind(layer: Layer, parameter: Parameter) -> ParameterKind:
    """The kind of one parameter of a layer."""
    if isinstance(layer, BatchNorm):
        return "norm"
    return "bias" if len(parameter.axes) == 1 else "weight"


def initial(sizes: tuple[int, ...], kind: Initialisation, generator: torch.Generator | None = None) -> Tensor:
    """First values, drawn on the CPU so that a seed means the same on every device.

    `conv`: normal with variance 2 / fan-out (He et al., ICCV 2015, as in SlowFast's code); `linear`:
    normal with standard deviation 0.01.
    """
    if kind in ("zeros", "ones"):
        return torch.full(sizes, float(kind == "ones"), device="cpu")
    fan_out = sizes[0] * math.prod(sizes[2:])
    std = math.sqrt(2 / fan_out) if kind == "conv" else LINEAR_STD
    return torch.empty(sizes, device="cpu").normal_(0.0, std, generator=generator)
