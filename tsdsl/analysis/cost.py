"""Multiply-adds and parameters in closed form, for one network or over all choices at once.

The one place where the convention is implemented: multiply-adds of convolutions, linear layers and
matrix products are counted; BN, pooling, activations, sums and softmax are not. It equals half of what
`torch.utils.flop_counter.FlopCounterMode` counts on the lowered modules, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tsdsl.analysis.network import Network, Node, Shape
from tsdsl.operators.layers import (
    BatchNorm,
    Conditional,
    Convolution,
    GlobalAveragePool,
    GlobalReasoning,
    Layer,
    Linear,
    MaxPool,
    NonLocal,
    Residual,
    SqueezeExcite,
    TakeFrames,
    TimeToChannel,
)
from tsdsl.operators.varying import Count, fixed


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-adds of one clip, trainable parameters, and how many of those belong to BN."""

    macs: Count = 0
    params: Count = 0
    norm_params: Count = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.params + other.params, self.norm_params + other.norm_params)

    def when(self, condition: Count) -> Cost:
        """The cost where the condition is 1, and nothing where it is 0."""
        if isinstance(condition, int):
            return self if condition else Cost()
        return Cost(self.macs * condition, self.params * condition, self.norm_params * condition)


def layer_macs(layer: Layer, before: Shape, after: Shape) -> Count:
    """Multiply-adds of one layer, without those of layers inside it."""
    if isinstance(layer, Convolution):
        per_output: Count = 1 if layer.depthwise else layer.width_in.channels
        for size in layer.kernel:
            per_output = per_output * size
        return per_output * layer.width_out.channels * after.positions
    if isinstance(layer, SqueezeExcite):
        return layer.width.channels * layer.hidden * 2
    if isinstance(layer, GlobalReasoning):
        channels, nodes, states, positions = layer.width.channels, layer.nodes, layer.states, before.positions
        return (
            (states * channels * 2 + channels * nodes) * positions
            + states * nodes * (2 * positions)
            + nodes * nodes * states
            + states * states * nodes
        )
    if isinstance(layer, NonLocal):
        channels, inner, positions = layer.width.channels, layer.inner, before.positions
        keys = before.frames * (before.height // layer.pool) * (before.width // layer.pool)
        return channels * inner * (2 * positions + 2 * keys) + inner * (2 * positions * keys)
    if isinstance(layer, Linear):
        return layer.width_in.channels * layer.width_out.channels
    return 0


def shape_after(layer: Layer, shape: Shape) -> Shape:
    """The shape of a layer's output."""
    if isinstance(layer, Convolution | MaxPool):
        t, h, w = layer.stride
        channels = layer.width_out.channels if isinstance(layer, Convolution) else shape.channels
        return Shape(channels, -(-shape.frames // t), -(-shape.height // h), -(-shape.width // w))
    if isinstance(layer, TakeFrames):
        return replace(shape, frames=-(-shape.frames // layer.stride))
    if isinstance(layer, TimeToChannel):
        return replace(shape, channels=shape.channels * layer.factor, frames=shape.frames // layer.factor)
    if isinstance(layer, GlobalAveragePool):
        return Shape(shape.channels, 1, 1, 1)
    if isinstance(layer, Linear):
        return Shape(layer.width_out.channels, 1, 1, 1)
    if isinstance(layer, Residual | Conditional):
        for inner in layer.body if isinstance(layer, Residual) else layer.layers:
            shape = shape_after(inner, shape)
    return shape


def layer_costs(layers: tuple[Layer, ...], shape: Shape, condition: Count = 1) -> Iterator[tuple[Layer, Shape, Cost]]:
    """Each layer, inner ones included, with its output shape and its own cost where `condition` is 1."""
    for layer in layers:
        after = shape_after(layer, shape)
        if isinstance(layer, Residual):
            yield from layer_costs(layer.body, shape, condition)
            yield from layer_costs(layer.shortcut, shape, condition)
        elif isinstance(layer, Conditional):
            yield from layer_costs(layer.layers, shape, condition * layer.condition)
        else:
            params: Count = 0
            for parameter in layer.parameters():
                params = params + parameter.size
            norm = params if isinstance(layer, BatchNorm) else 0
            yield layer, after, Cost(layer_macs(layer, shape, after), params, norm).when(condition)
        shape = after


def node_costs(node: Node) -> Iterator[tuple[Layer, Shape, Cost]]:
    """Each layer of a node with its output shape and cost."""
    shape = node.shape_in
    for block in node.blocks:
        for layer in block.layers:
            yield from layer_costs((layer,), shape)
            shape = shape_after(layer, shape)


def node_cost(node: Node) -> Cost:
    """The cost of one node."""
    total = Cost()
    for _, _, cost in node_costs(node):
        total = total + cost
    return total


def network_cost(network: Network) -> Cost:
    """The cost of a whole network; plain integers where the network is one architecture's."""
    total = Cost()
    for node in network.nodes:
        total = total + node_cost(node)
    return total


def plain(cost: Cost) -> tuple[int, int, int]:
    """(multiply-adds, parameters, BN parameters) as plain integers."""
    return fixed(cost.macs), fixed(cost.params), fixed(cost.norm_params)
