"""Multiply-adds and parameters in closed form, for one network or over all choices at once.

Only this module implements the convention: multiply-adds of convolutions, linear layers and matrix products are
counted; BN, pooling, activations, sums and softmax are not. The count is exactly half of what
`torch.utils.flop_counter.FlopCounterMode` counts on the lowered modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tsdsl.network.layout import Network, Node, Shape
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
from tsdsl.operators.strides import sizes_after
from tsdsl.operators.varying import Count, Varying, fixed, quotient, shrunk
from tsdsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-adds for one clip, trainable parameters, and how many of them belong to BN."""

    macs: Count = 0
    params: Count = 0
    norm_params: Count = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.params + other.params, self.norm_params + other.norm_params)

    def when(self, condition: Count) -> Cost:
        """The cost where the condition is 1, and 0 where it is 0."""
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
        keys = quotient(before.height, layer.pool) * quotient(before.width, layer.pool) * before.frames
        return channels * inner * (2 * positions + 2 * keys) + inner * (2 * positions * keys)
    if isinstance(layer, Linear):
        return layer.width_in.channels * layer.width_out.channels
    return 0


def shape_after(layer: Layer, shape: Shape) -> Shape:
    """The shape of a layer's output."""
    if isinstance(layer, Convolution | MaxPool):
        channels = layer.width_out.channels if isinstance(layer, Convolution) else shape.channels
        return Shape(channels, *sizes_after(shape.sizes, layer.stride))
    if isinstance(layer, TakeFrames):
        return replace(shape, frames=shrunk(shape.frames, layer.stride))
    if isinstance(layer, TimeToChannel):
        return replace(shape, channels=shape.channels * layer.factor, frames=quotient(shape.frames, layer.factor))
    if isinstance(layer, GlobalAveragePool):
        return Shape(shape.channels, 1, 1, 1)
    if isinstance(layer, Linear):
        return Shape(layer.width_out.channels, 1, 1, 1)
    if isinstance(layer, Residual | Conditional):
        for inner in layer.body if isinstance(layer, Residual) else layer.layers:
            shape = shape_after(inner, shape)
    return shape


def placed_layers(
    layers: tuple[Layer, ...], shape: Shape, condition: Count = 1
) -> Iterator[tuple[Layer, Shape, Shape, Count]]:
    """Each layer, including inner ones: its shapes before and after, and the condition under which it is present."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from placed_layers(layer.body, shape, condition)
            yield from placed_layers(layer.shortcut, shape, condition)
            shape = shape_after(layer, shape)
        elif isinstance(layer, Conditional):
            yield from placed_layers(layer.layers, shape, condition * layer.condition)
            shape = shape_after(layer, shape)
        else:
            after = shape_after(layer, shape)
            yield layer, shape, after, condition
            shape = after


def node_layers(node: Node) -> Iterator[tuple[Layer, Shape, Shape, Count]]:
    """The placed layers of a node."""
    for block, shape in node.placed_blocks:
        yield from placed_layers(block.layers, shape, block.condition)


def layer_params(layer: Layer) -> Count:
    """Trainable parameters of one layer, without those of layers inside it."""
    params: Count = 0
    for parameter in layer.parameters():
        params = params + parameter.size
    return params


def node_macs(node: Node) -> Iterator[Count]:
    """The multiply-adds of each layer of a node that has any, 0 where it is absent."""
    for layer, before, after, condition in node_layers(node):
        macs = layer_macs(layer, before, after)
        if isinstance(macs, Varying) or macs:
            yield macs * condition


def node_params(node: Node) -> Iterator[Count]:
    """The parameters of each layer of a node that has any, 0 where it is absent."""
    for layer, _, _, condition in node_layers(node):
        params = layer_params(layer)
        if isinstance(params, Varying) or params:
            yield params * condition


def node_costs(node: Node) -> Iterator[tuple[Layer, Shape, Cost]]:
    """Each layer of a node with its output shape and cost."""
    for layer, before, after, condition in node_layers(node):
        params = layer_params(layer)
        norm = params if isinstance(layer, BatchNorm) else 0
        yield layer, after, Cost(layer_macs(layer, before, after), params, norm).when(condition)


def node_cost(node: Node) -> Cost:
    """The cost of one node."""
    total = Cost()
    for _, _, cost in node_costs(node):
        total = total + cost
    return total


def network_cost(network: Network) -> Cost:
    """The cost of a whole network, in plain integers for one architecture."""
    total = Cost()
    for node in network.nodes:
        total = total + node_cost(node)
    return total


def plain(cost: Cost) -> tuple[int, int, int]:
    """(multiply-adds, parameters, BN parameters) as plain integers."""
    return fixed(cost.macs), fixed(cost.params), fixed(cost.norm_params)
