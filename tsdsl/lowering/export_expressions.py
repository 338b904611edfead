"""Blocks of a network as the Python expressions that build and apply them in an exported file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tsdsl.errors import UsageError
from tsdsl.operators.layers import (
    Activation,
    ActivationKind,
    BatchNorm,
    Block,
    Convolution,
    Dropout,
    GlobalAveragePool,
    GlobalReasoning,
    Layer,
    Linear,
    NonLocal,
    Residual,
    SqueezeExcite,
    TakeFrames,
    TimeToChannel,
    Width,
)
from tsdsl.operators.varying import Count, fixed

ACTIVATIONS: dict[ActivationKind, str] = {"relu": "nn.ReLU", "swish": "nn.SiLU", "none": "nn.Identity"}


@dataclass(frozen=True, slots=True)
class Expression:
    """How a block is built (empty for blocks without parameters), what it uses, and how it is applied.

    `name` is the attribute below the block that holds the module, if not the block itself. `apply`
    makes the expression of the result from the module's expression and the argument's.
    """

    build: str
    uses: tuple[str, ...]
    apply: Callable[[str, str], str] = lambda module, x: f"{module}({x})"
    name: str = ""


def expression(block: Block) -> Expression:
    """The expression of any block that the shipped operators make.

    Raises:
        UsageError: the block has a form that no exported class stands for.
    """
    kinds = tuple(type(layer) for layer in block.layers)
    first = block.layers[0]
    if kinds == (Convolution, BatchNorm, Activation):
        return Expression(_conv_norm_act(block.layers), ("ConvNormAct",))
    if kinds == (Convolution, BatchNorm, Activation, GlobalAveragePool):
        return Expression(
            _conv_norm_act(block.layers), ("ConvNormAct",), lambda module, x: f"{module}({x}).mean((2, 3, 4))"
        )
    if kinds == (Convolution, Convolution, BatchNorm, Activation):
        return Expression(_x3d_stem(block.layers), ("X3DStem",))
    if kinds == (Linear, Activation, Dropout, Linear):
        return Expression(_classifier(block.layers), ("Classifier",))
    if isinstance(first, TakeFrames):
        stride = first.stride
        return Expression("", (), lambda module, x: f"{x}[:, :, ::{stride}]")
    if isinstance(first, TimeToChannel):
        factor = first.factor
        return Expression("", ("time_to_channel",), lambda module, x: f"time_to_channel({x}, {factor})")
    if isinstance(first, SqueezeExcite):
        build = f"SqueezeExcite({_channels(first.width)}, {fixed(first.hidden)})"
        return Expression(build, ("SqueezeExcite",), name=first.name)
    if isinstance(first, Residual) and isinstance(first.body[0], GlobalReasoning | NonLocal):
        return _attention(first.body[0])
    body = first.body if isinstance(first, Residual) else block.layers
    if len(body) >= 8 and isinstance(body[3], Convolution) and body[3].depthwise:
        return _inverted_residual(block.layers, body)
    raise UsageError(
        f"block {block.name} ({', '.join(kind.__name__ for kind in kinds)}) has no exported form",
        help="export to another format",
    )


def _conv_norm_act(layers: tuple[Layer, ...]) -> str:
    conv, act = layers[0], layers[2]
    assert isinstance(conv, Convolution)
    arguments = [
        f"{_channels(conv.width_in)}, {_channels(conv.width_out)}, kernel={_sizes(conv.kernel)}",
        f"stride={_sizes(conv.stride)}" if conv.stride != (1, 1, 1) else "",
        _act(act),
    ]
    return f"ConvNormAct({', '.join(filter(None, arguments))})"


def _x3d_stem(layers: tuple[Layer, ...]) -> str:
    spatial, temporal = layers[:2]
    assert isinstance(spatial, Convolution)
    assert isinstance(temporal, Convolution)
    kernel = _sizes((temporal.kernel[0], *spatial.kernel[1:]))
    stride = f", stride={spatial.stride[1]}" if spatial.stride[1] > 1 else ""
    return f"X3DStem({_channels(spatial.width_in)}, {_channels(spatial.width_out)}, kernel={kernel}{stride})"


def _classifier(layers: tuple[Layer, ...]) -> str:
    project, _, dropout, last = layers
    assert isinstance(project, Linear)
    assert isinstance(dropout, Dropout)
    assert isinstance(last, Linear)
    return (
        f"Classifier({_channels(project.width_in)}, {_channels(project.width_out)}, num_classes, "
        f"dropout={dropout.probability})"
    )


def _attention(unit: GlobalReasoning | NonLocal) -> Expression:
    channels = _channels(unit.width)
    if isinstance(unit, GlobalReasoning):
        normalized = ", normalized=True" if unit.normalized else ""
        build = f"GloRe({channels}, nodes={fixed(unit.nodes)}, states={fixed(unit.states)}{normalized})"
        return Expression(build, ("GlobalReasoning", "GloRe"))
    pool = f", pool={unit.pool}" if unit.pool > 1 else ""
    return Expression(f"NonLocal({channels}, inner={fixed(unit.inner)}{pool})", ("NonLocalUnit", "NonLocal"))


def _inverted_residual(layers: tuple[Layer, ...], body: tuple[Layer, ...]) -> Expression:
    expand, depthwise, project = body[0], body[3], body[-2]
    assert isinstance(expand, Convolution)
    assert isinstance(depthwise, Convolution)
    assert isinstance(project, Convolution)
    squeeze = next((layer for layer in body if isinstance(layer, SqueezeExcite)), None)
    name = "X3DBlock" if isinstance(layers[-1], Activation) else "MBConv3d"
    widths = (expand.width_in, expand.width_out, project.width_out)
    arguments = [
        ", ".join(str(_channels(width)) for width in widths),
        f"kernel={_sizes(depthwise.kernel)}",
        f"stride={depthwise.stride[1]}" if depthwise.stride[1] > 1 else "",
        _act(body[-3]),
        f"se=SqueezeExcite({_channels(squeeze.width)}, {fixed(squeeze.hidden)})" if squeeze else "",
        "bare=True" if isinstance(layers[0], Residual) and len(layers[0].shortcut) == 1 else "",
    ]
    return Expression(f"{name}({', '.join(filter(None, arguments))})", (*(("SqueezeExcite",) if squeeze else ()), name))


def _act(layer: Layer) -> str:
    assert isinstance(layer, Activation)
    return "" if layer.kind == "relu" else f"act={ACTIVATIONS[layer.kind]}"


def _channels(width: Width) -> int:
    return fixed(width.channels)


def _sizes(sizes: tuple[Count, Count, Count]) -> str:
    return f"({', '.join(str(size) for size in sizes)})"
