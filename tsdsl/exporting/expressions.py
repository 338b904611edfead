"""Writes blocks of a network as the Python expressions that build and apply them in an exported file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    MaxPool,
    NonLocal,
    Residual,
    Sizes,
    SqueezeExcite,
    TakeFrames,
    TimeToChannel,
    Width,
)
from tsdsl.operators.varying import fixed, fixed_sizes

ACTIVATIONS: dict[ActivationKind, str] = {
    "relu": "nn.ReLU",
    "swish": "nn.SiLU",
    "hswish": "nn.Hardswish",
    "none": "nn.Identity",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """The expression that builds a block (empty without parameters), the classes it uses, and how it is applied.

    `name` is the attribute of the module below the block, unless it is the block itself. `apply` makes the expression
    of the result from those of the module and of the argument.
    """

    build: str
    uses: tuple[str, ...]
    apply: Callable[[str, str], str] = lambda module, x: f"{module}({x})"
    name: str = ""


def expression(block: Block) -> Expression:
    """The expression of any block that the shipped operators make.

    Raises:
        UsageError: no exported class can express the block.
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
    if kinds == (Convolution, BatchNorm, Activation, Convolution, BatchNorm, Activation):
        return Expression(_conv2plus1d(block.layers), ("conv3d", "Conv2Plus1d"))
    if isinstance(first, MaxPool):
        return Expression(f"max_pool3d({_sizes(first.kernel)}, {_sizes(first.stride)})", ("max_pool3d",))
    if kinds == (GlobalAveragePool,):
        return Expression("", (), lambda module, x: f"{x}.mean((2, 3, 4))")
    if kinds == (Dropout, Linear):
        return Expression(_pooled_classifier(block.layers), ("PooledClassifier",))
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
    if isinstance(first, Residual) and (named := _named_convolutions(body)).keys() & {"reduce", "first"}:
        return _bottleneck(named) if "reduce" in named else _basic(named)
    if len(body) >= 8 and isinstance(body[3], Convolution) and body[3].depthwise:
        return _inverted_residual(block.layers, body)
    raise UsageError(
        f"block {block.name} ({', '.join(kind.__name__ for kind in kinds)}) cannot be exported as Python",
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
    stride = f", stride={rows}" if (rows := fixed(spatial.stride[1])) > 1 else ""
    return f"X3DStem({_channels(spatial.width_in)}, {_channels(spatial.width_out)}, kernel={kernel}{stride})"


def _conv2plus1d(layers: tuple[Layer, ...]) -> str:
    spatial, temporal = layers[0], layers[3]
    assert isinstance(spatial, Convolution)
    assert isinstance(temporal, Convolution)
    arguments = [
        f"{_channels(spatial.width_in)}, {_channels(spatial.width_out)}, {_channels(temporal.width_out)}",
        *_joined_kernel(spatial, temporal),
        _act(layers[2]),
    ]
    return f"Conv2Plus1d({', '.join(filter(None, arguments))})"


def _joined_kernel(spatial: Convolution, temporal: Convolution) -> tuple[str, str]:
    """The joint kernel and strides of a spatial and a temporal convolution, as arguments."""
    strides = fixed_sizes((temporal.stride[0], *spatial.stride[1:]))
    stride = f"stride={_sizes(strides)}" if max(strides) > 1 else ""
    return f"kernel={_sizes((temporal.kernel[0], *spatial.kernel[1:]))}", stride


def _named_convolutions(layers: tuple[Layer, ...]) -> dict[str, Convolution]:
    return {layer.name: layer for layer in layers if isinstance(layer, Convolution)}


def _bottleneck(named: Mapping[str, Convolution]) -> Expression:
    reduce, conv, restore = named["reduce"], named["conv"], named["restore"]
    if "spatial" in named:
        temporal, (spatial, timed) = "factorised", (named["spatial"], conv)
    else:
        # With a temporal kernel of 1, its place matters only for a stride in time.
        is_first = conv.kernel[0] == 1 and conv.stride[0] == 1
        temporal, (spatial, timed) = ("first", (conv, reduce)) if is_first else ("joint", (conv, conv))
    arguments = [
        f"{_channels(reduce.width_in)}, {_channels(reduce.width_out)}, {_channels(restore.width_out)}",
        *_joined_kernel(spatial, timed),
        f'temporal="{temporal}"' if temporal != "first" else "",
    ]
    return Expression(f"Bottleneck3d({', '.join(filter(None, arguments))})", ("conv3d", "Bottleneck3d"))


def _basic(named: Mapping[str, Convolution]) -> Expression:
    first, second = named["first"], named["second"]
    is_factorised = "first_spatial" in named
    spatials = [named["first_spatial"], named["second_spatial"]] if is_factorised else [first, second]
    inner = ", ".join(str(_channels(spatial.width_out)) for spatial in spatials)
    arguments = [
        f"{_channels(spatials[0].width_in)}, {_channels(second.width_out)}",
        *_joined_kernel(spatials[0], first),
        f"inner=({inner})" if is_factorised else "",
    ]
    return Expression(f"Basic3d({', '.join(filter(None, arguments))})", ("conv3d", "Basic3d"))


def _pooled_classifier(layers: tuple[Layer, ...]) -> str:
    dropout, last = layers
    assert isinstance(dropout, Dropout)
    assert isinstance(last, Linear)
    return f"PooledClassifier({_channels(last.width_in)}, num_classes, dropout={fixed(dropout.probability)})"


def _classifier(layers: tuple[Layer, ...]) -> str:
    project, _, dropout, last = layers
    assert isinstance(project, Linear)
    assert isinstance(dropout, Dropout)
    assert isinstance(last, Linear)
    return (
        f"Classifier({_channels(project.width_in)}, {_channels(project.width_out)}, num_classes, "
        f"dropout={fixed(dropout.probability)})"
    )


def _attention(unit: GlobalReasoning | NonLocal) -> Expression:
    channels = _channels(unit.width)
    if isinstance(unit, GlobalReasoning):
        normalized = ", normalized=True" if unit.normalized else ""
        build = f"GloRe({channels}, nodes={fixed(unit.nodes)}, states={fixed(unit.states)}{normalized})"
        return Expression(build, ("GlobalReasoning", "GloRe"))
    pool = f", pool={unit.pool}" if fixed(unit.pool) > 1 else ""
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
        f"stride={rows}" if (rows := fixed(depthwise.stride[1])) > 1 else "",
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


def _sizes(sizes: Sizes) -> str:
    return f"({', '.join(str(size) for size in sizes)})"
