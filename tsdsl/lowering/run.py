"""Runs a network on clips: the one interpreter, for single models and for supernets.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.ops.activation import activation
from tsdsl.lowering.ops.attention import Weights, global_reasoning, nonlocal_attention, squeeze_excite
from tsdsl.lowering.ops.convolution import convolution
from tsdsl.lowering.ops.shape import global_average_pool, max_pool, take_frames, time_to_channel
from tsdsl.network.layout import Network, Node
from tsdsl.network.parameters import block_prefix, layer_name
from tsdsl.operators.layers import (
    Activation,
    ActivationKind,
    BatchNorm,
    Convolution,
    Dropout,
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
from tsdsl.operators.varying import fixed, fixed_sizes


class Norm(Protocol):
    """Normalises as the BN layer of the given dotted name.

    It also computes the activation `then` if it can, and returns whether it did.
    """

    def __call__(
        self, name: str, x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor, then: ActivationKind, /
    ) -> tuple[Tensor, bool]: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What layers need: the parameters by name, how to normalise, and whether dropout is active."""

    parameters: Mapping[str, Tensor]
    norm: Norm
    training: bool


def run(
    network: Network,
    clip_BCTHW: Tensor,
    parameters: Mapping[str, Tensor],
    norm: Norm,
    *,
    training: bool,
) -> Tensor:
    """The class scores B x K (no softmax). Each value is freed after its last use.

    `clip_BCTHW` has 3 channels and `network.frames` frames; rows and columns may differ from
    `network.size`.

    Raises:
        ValueError: the clip has another shape.
    """
    check_clip(network, clip_BCTHW)
    context = Context(parameters, norm, training)
    values: dict[str, Tensor] = {}
    for index, node in enumerate(network.nodes):
        if node.kind == "input":
            x = take_frames(clip_BCTHW, node.frame_stride)
        else:
            x = merged(node, [values[name] for name in node.inputs])
            for name in node.inputs:
                if network.last_use[name] == index:
                    values.pop(name, None)
            for block in node.blocks:
                given = [x]
                del x
                x = run_layers(block.layers, block_prefix(node, block), given, context)
        values[node.name] = x
    return values[network.nodes[-1].name]


def check_clip(network: Network, clip_BCTHW: Tensor) -> None:
    """Raise ValueError unless the clip is B x 3 x frames x H x W."""
    sizes = tuple(clip_BCTHW.shape)
    if len(sizes) != 5 or sizes[1] != 3 or sizes[2] != network.frames:
        raise ValueError(
            f"expected a clip of shape B x 3 x {network.frames} x H x W (clips, channels, frames, rows, columns) for "
            f"{network.space}, got {' x '.join(str(size) for size in sizes)}"
        )


def merged(node: Node, inputs: list[Tensor]) -> Tensor:
    """The inputs of a node joined along the channels, or summed."""
    if node.merge == "concat":
        return torch.cat(inputs, 1)
    total = inputs[0]
    for other in inputs[1:]:
        total = total + other
    return total


def run_layers(layers: Sequence[Layer], prefix: str, given: list[Tensor], context: Context) -> Tensor:
    """Layers applied in turn to the only tensor in `given`, which is removed from it and so freed after its last use.

    `prefix` is the dotted name of their block.
    """
    x = given.pop()
    is_activated = False
    for layer, following in zip_longest(layers, layers[1:]):
        if is_activated:
            is_activated = False
        elif isinstance(layer, BatchNorm):
            then = following.kind if isinstance(following, Activation) else "none"
            x, is_activated = run_norm(layer, prefix, x, context, then)
        else:
            x = run_layer(layer, prefix, x, context)
    return x


def run_norm(layer: BatchNorm, prefix: str, x: Tensor, context: Context, then: ActivationKind) -> tuple[Tensor, bool]:
    """BN applied to `x`, and whether `then`, the activation after it, was applied too."""
    name = layer_name(prefix, layer)
    return context.norm(name, x, context.parameters[f"{name}.weight"], context.parameters[f"{name}.bias"], then)


def run_layer(layer: Layer, prefix: str, x: Tensor, context: Context) -> Tensor:
    """One layer, other than BN, applied to `x`."""
    if isinstance(layer, Residual):
        body = run_layers(layer.body, prefix, [x], context)
        return body + run_layers(layer.shortcut, prefix, [x], context)
    name = layer_name(prefix, layer)

    def weight(parameter: str) -> Tensor:
        return context.parameters[f"{name}.{parameter}"]

    if isinstance(layer, Convolution):
        bias = weight("bias") if layer.bias else None
        return convolution(x, weight("weight"), bias, fixed_sizes(layer.stride), layer.depthwise)
    if isinstance(layer, Activation):
        return activation(x, layer.kind)
    if isinstance(layer, Linear):
        return F.linear(x, weight("weight"), weight("bias") if layer.bias else None)
    if isinstance(layer, Dropout):
        return F.dropout(x, fixed(layer.probability), context.training)
    if isinstance(layer, MaxPool):
        return max_pool(x, fixed_sizes(layer.kernel), fixed_sizes(layer.stride))
    if isinstance(layer, GlobalAveragePool):
        return global_average_pool(x)
    if isinstance(layer, TakeFrames):
        return take_frames(x, fixed(layer.stride))
    if isinstance(layer, TimeToChannel):
        return time_to_channel(x, fixed(layer.factor))
    return run_attention(layer, x, weight)


def run_attention(layer: Layer, x_BCTHW: Tensor, weights: Weights) -> Tensor:
    """One attention unit applied to `x_BCTHW`.

    Raises:
        TypeError: the layer depends on decisions.
    """
    if isinstance(layer, SqueezeExcite):
        return squeeze_excite(x_BCTHW, weights)
    if isinstance(layer, GlobalReasoning):
        return global_reasoning(x_BCTHW, weights, bool(fixed(layer.normalized)))
    if isinstance(layer, NonLocal):
        return nonlocal_attention(x_BCTHW, weights, fixed(layer.pool))
    raise TypeError(
        f"expected the layers of one architecture, got a {type(layer).__name__}, which depends on decisions"
    )
