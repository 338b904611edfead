"""The intermediate form between a space and PyTorch: layers with widths, kernels and strides.

Layers are plain frozen data. Others count their multiply-adds and parameters, run them with torch, print them as
PyTorch source, and draw them. A layer's sizes may be `Varying`.

Every parameter tensor of a layer is described by its axes. Each axis says where the layer's part lies in the shared
weight of a supernet: segments of channels, or the centre of a kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from tsdsl.operators.varying import Count, Varying, is_never, maximum
from tsdsl.records import dataclass

ActivationKind = Literal["relu", "swish", "hswish", "none"]
Sizes: TypeAlias = tuple[Count, Count, Count]
"""Of frames, rows and columns."""


@dataclass(frozen=True, slots=True)
class ChannelSegment:
    """`length` consecutive channels that begin at `offset` in the supernet's shared weight."""

    length: Count
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Width:
    """The channels of a tensor: one segment, or several after a concatenation."""

    segments: tuple[ChannelSegment, ...]

    @staticmethod
    def of(channels: Count) -> Width:
        """A width of one segment that begins at 0: `of(8)` is channels 0 to 7."""
        return Width((ChannelSegment(channels),))

    @property
    def channels(self) -> Count:
        """The number of channels, summed over the segments."""
        total: Count = 0
        for segment in self.segments:
            total = total + segment.length
        return total

    @property
    def extent(self) -> int:
        """The channels of a shared weight that holds the segments of every choice."""
        return max((s.offset + maximum(s.length) for s in self.segments), default=0)

    def times(self, factor: Count, most: int) -> Width:
        """Each channel repeated `factor` times in place: channel c becomes c*factor .. c*factor+factor-1.

        In the shared weight a segment has room for the largest factor, `most`.
        """
        return Width(tuple(ChannelSegment(s.length * factor, s.offset * most) for s in self.segments))

    def moved(self, offset: int) -> Width:
        """The same segments, `offset` channels further on in the shared weight."""
        return Width(tuple(ChannelSegment(s.length, s.offset + offset) for s in self.segments))


@dataclass(frozen=True, slots=True)
class Centre:
    """A kernel axis: the middle `size` taps of the shared kernel; sizes are odd."""

    size: Count


AxisExtent: TypeAlias = Width | Centre
Initialisation = Literal["conv", "linear", "zeros", "ones"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One trainable tensor of a layer, by name and axes."""

    name: str
    axes: tuple[AxisExtent, ...]
    initialisation: Initialisation

    @property
    def size(self) -> Count:
        """The number of elements."""
        total: Count = 1
        for axis in self.axes:
            total = total * (axis.channels if isinstance(axis, Width) else axis.size)
        return total


@dataclass(frozen=True, slots=True)
class Convolution:
    """A 3D convolution with padding kernel // 2. `depthwise`: one filter for each channel."""

    name: str
    width_in: Width
    width_out: Width
    kernel: Sizes
    stride: Sizes = (1, 1, 1)
    depthwise: bool = False
    bias: bool = False

    def parameters(self) -> tuple[Parameter, ...]:
        per_filter = Width.of(1) if self.depthwise else self.width_in
        kernel = tuple(Centre(size) for size in self.kernel)
        weight = Parameter("weight", (self.width_out, per_filter, *kernel), "conv")
        return (weight, Parameter("bias", (self.width_out,), "zeros")) if self.bias else (weight,)


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation; `zero_init` starts the scale at 0, so that a residual branch adds nothing at first."""

    name: str
    width: Width
    zero_init: bool = False

    def parameters(self) -> tuple[Parameter, ...]:
        scale: Initialisation = "zeros" if self.zero_init else "ones"
        return (Parameter("weight", (self.width,), scale), Parameter("bias", (self.width,), "zeros"))


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise activation."""

    kind: ActivationKind

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class SqueezeExcite:
    """Channel gates: global average, 1x1x1 to `hidden`, ReLU, 1x1x1 back, sigmoid, product. Biased.

    Source: Hu et al., CVPR 2018; in X3D between the depthwise convolution's BN and its activation.
    """

    name: str
    width: Width
    hidden: Count

    def parameters(self) -> tuple[Parameter, ...]:
        hidden = Width.of(self.hidden)
        return (
            Parameter("reduce.weight", (hidden, self.width), "linear"),
            Parameter("reduce.bias", (hidden,), "zeros"),
            Parameter("expand.weight", (self.width, hidden), "linear"),
            Parameter("expand.bias", (self.width,), "zeros"),
        )


@dataclass(frozen=True, slots=True)
class GlobalReasoning:
    """The GloRe unit without BN and residual: features projected to a graph, reasoned over, projected back.

    S = `states`, N = `nodes`, L = T * H * W, x is C x L. state = Ws x + bs (S x L); proj = Wp x + bp
    (N x L); V = state proj^T (S x N), divided by L where `normalized`; V = relu(V + V Wn^T + bn) along
    the nodes; V = Wr V along the states; y = We (V proj) (C x L). Source: Chen et al., CVPR 2019; sizes
    and biases as in its reference code (S = 2N).
    """

    name: str
    width: Width
    nodes: Count
    states: Count
    normalized: Count = 0

    def parameters(self) -> tuple[Parameter, ...]:
        nodes, states = Width.of(self.nodes), Width.of(self.states)
        return (
            Parameter("state.weight", (states, self.width), "linear"),
            Parameter("state.bias", (states,), "zeros"),
            Parameter("projection.weight", (nodes, self.width), "linear"),
            Parameter("projection.bias", (nodes,), "zeros"),
            Parameter("node.weight", (nodes, nodes), "linear"),
            Parameter("node.bias", (nodes,), "zeros"),
            Parameter("relation.weight", (states, states), "linear"),
            Parameter("extend.weight", (self.width, states), "linear"),
        )


@dataclass(frozen=True, slots=True)
class NonLocal:
    """Embedded-Gaussian non-local attention without the residual: theta, phi, g, softmax, output.

    theta, phi and g are 1x1x1 to `inner` channels, the scores theta^T phi are scaled by inner^-0.5; phi
    and g see the input max-pooled 1 x `pool` x `pool` in space (sizes round down). Source: Wang et al., CVPR
    2018; SlowFast's code.
    """

    name: str
    width: Width
    inner: Count
    pool: Count = 1

    def parameters(self) -> tuple[Parameter, ...]:
        inner = Width.of(self.inner)
        parameters: list[Parameter] = []
        for part in ("theta", "phi", "g"):
            parameters.append(Parameter(f"{part}.weight", (inner, self.width), "linear"))
            parameters.append(Parameter(f"{part}.bias", (inner,), "zeros"))
        parameters.append(Parameter("output.weight", (self.width, inner), "linear"))
        parameters.append(Parameter("output.bias", (self.width,), "zeros"))
        return tuple(parameters)


@dataclass(frozen=True, slots=True)
class TakeFrames:
    """Every `stride`-th frame, beginning with the first."""

    stride: Count

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class TimeToChannel:
    """`factor` consecutive frames folded into the channels: channel c of frame j becomes c*factor + j."""

    factor: Count

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest value in each window, padded so that sizes become ceil(size / stride).

    (kernel - 1) // 2 positions of a window lie before its place: half of an odd one, none of one of size 2.
    """

    kernel: Sizes
    stride: Sizes = (1, 1, 1)

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class GlobalAveragePool:
    """The mean over time and space: B x C x T x H x W becomes B x C."""

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer on B x C."""

    name: str
    width_in: Width
    width_out: Width
    bias: bool = True
    initialisation: Initialisation = "linear"

    def parameters(self) -> tuple[Parameter, ...]:
        weight = Parameter("weight", (self.width_out, self.width_in), self.initialisation)
        return (weight, Parameter("bias", (self.width_out,), "zeros")) if self.bias else (weight,)


@dataclass(frozen=True, slots=True)
class Dropout:
    """Dropout with the given probability, in training only."""

    probability: float | Varying

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Residual:
    """`body(x) + shortcut(x)`; an empty `shortcut` is the identity.

    While sizes are `Varying`, there is a sum only where `condition` is 1, and elsewhere the body alone.
    """

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()
    condition: Count = 1

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Conditional:
    """Layers that are present only where `condition` is 1. Used only while sizes are `Varying`."""

    condition: Count
    layers: tuple[Layer, ...]

    def parameters(self) -> tuple[Parameter, ...]:
        return ()


Layer: TypeAlias = (
    Convolution
    | BatchNorm
    | Activation
    | SqueezeExcite
    | GlobalReasoning
    | NonLocal
    | TakeFrames
    | TimeToChannel
    | MaxPool
    | GlobalAveragePool
    | Linear
    | Dropout
    | Residual
    | Conditional
)


@dataclass(frozen=True, slots=True)
class Block:
    """Layers under one name, such as an MBConv3D block, and the width of their output.

    Blocks of a node with the same `index` exclude each other, and each is there where its `condition` is 1; `variant`
    is the alternative that a group's block is. A block without a `width_in` reads what the one before it makes.
    """

    layers: tuple[Layer, ...]
    width: Width
    name: str = ""
    variant: str = ""
    index: int = 0
    condition: Count = 1
    width_in: Width | None = None


def when(condition: Count, *layers: Layer) -> tuple[Layer, ...]:
    """The layers under a condition: all of them, none, or a `Conditional` while it varies."""
    if isinstance(condition, int):
        return layers if condition else ()
    return () if is_never(condition) else (Conditional(condition, layers),)


def children(layer: Layer) -> tuple[Layer, ...]:
    """The layers directly inside one."""
    if isinstance(layer, Residual):
        return (*layer.body, *layer.shortcut)
    return layer.layers if isinstance(layer, Conditional) else ()


def walk(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """Every layer, outer before inner, in order."""
    for layer in layers:
        yield layer
        yield from walk(children(layer))


def block_widths(block: Block) -> Iterator[Count]:
    """The channels along each axis of each parameter of a block's layers."""
    for layer in walk(block.layers):
        for parameter in layer.parameters():
            for axis in parameter.axes:
                if isinstance(axis, Width):
                    yield axis.channels
