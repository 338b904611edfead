"""The bytes of activations alive at each moment of inference, for one network or over all choices at once.

One clip is scored in float32, without gradients. Layers run one after another in the network's order. While a layer
runs, its input and its output are alive; nothing is computed in place. A value is freed after its last reader: the
input of a residual sum after the sum, the features of a stream when it goes on, the input of a fusion after the fusion.
The clip is alive from beginning to end. The frames of a stream are views of it, and sampled frames are views of the
features that they are taken from. Inside an attention unit, named values stay until it returns; the scores of non-local
attention are never stored, as in torch's fused attention. Parameters, indices and memory of a kernel's own are
not counted.

Own design: the count equals what PyTorch allocates for `lowering.run` on a device whose kernels need no memory of their
own. Training needs about the sum of all layers' inputs, because it keeps them for the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from tsdsl.network.cost import shape_after
from tsdsl.network.layout import Network, Node, Shape
from tsdsl.operators.layers import (
    Activation,
    Conditional,
    Dropout,
    GlobalReasoning,
    Layer,
    NonLocal,
    Residual,
    SqueezeExcite,
    TakeFrames,
    TimeToChannel,
)
from tsdsl.operators.varying import (
    Count,
    differs,
    either,
    exceeds,
    fixed,
    is_never,
    maximum,
    negated,
    quotient,
    selected,
)

BYTES_OF_AN_ELEMENT = 4


def activation_bytes(network: Network) -> Iterator[Count]:
    """The bytes alive each time a value has just been computed; 0 for choices in which it is not computed."""
    for elements in _Liveness(network).moments():
        yield elements * BYTES_OF_AN_ELEMENT


def peak_activation_bytes(network: Network) -> int:
    """The largest number of bytes alive at once in the network of one architecture."""
    return max(fixed(count) for count in activation_bytes(network))


def _elements(shape: Shape) -> Count:
    return shape.channels * shape.positions


def _is_zero(count: Count) -> bool:
    return isinstance(count, int) and count == 0


@dataclass(frozen=True)
class _Liveness:
    """When each value of a network is alive.

    An absent merge or attention unit passes its first input through as its value. A node that only takes frames is a
    view, which keeps alive the value that it is taken from.
    """

    network: Network
    _known: dict[tuple[str, int], Count] = field(default_factory=dict)

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        """For each value, the positions of the nodes that read it."""
        found: dict[str, list[int]] = {node.name: [] for node in self.network.nodes}
        for position, node in enumerate(self.network.nodes):
            for name in node.inputs:
                found[name].append(position)
        return found

    @cached_property
    def last(self) -> dict[str, int]:
        """For each value, the position of the last node that may read it, under its own or another name."""
        found: dict[str, int] = {}
        for node in reversed(self.network.nodes):
            positions = [-1, *self.readers[node.name]]
            for reader in (self.network.nodes[position] for position in self.readers[node.name]):
                if self._passes_on(reader, node.name):
                    positions.append(found[reader.name])
            found[node.name] = max(positions)
        return found

    def _presence(self, node: Node) -> Count:
        """1 where the node is present, 0 where it is absent."""
        if node.kind != "merge":
            return node.condition
        total: Count = 0
        for name in node.inputs[1:]:
            total = total + self.network.by_name[name].condition
        return total

    def _passes_on(self, reader: Node, name: str) -> bool:
        """Whether the reader's value may be, or keep alive, what it reads."""
        may_be_absent = reader.kind in ("merge", "attention") or (reader.kind == "group" and reader.condition != 1)
        return maximum(_is_view(reader)) == 1 or (may_be_absent and reader.inputs[0] == name)

    def size(self, node: Node) -> Count:
        """The elements of a value, without those of a value that it is a view of."""
        made = negated(_is_view(node))
        return 0 if node.kind == "input" or _is_zero(made) else _elements(node.shape) * (self._presence(node) * made)

    def is_needed(self, name: str, after: int) -> Count:
        """1 where a node after the position `after` reads the value, under its own or another name."""
        if after >= self.last[name]:
            return 0
        if (name, after) not in self._known:
            self._known[name, after] = self._is_needed(name, after)
        return self._known[name, after]

    def _is_needed(self, name: str, after: int) -> Count:
        needed: Count = 0
        for position in self.readers[name]:
            reader = self.network.nodes[position]
            presence = self._presence(reader)
            if position > after:
                needed = either(needed, presence)
            if self._passes_on(reader, name):
                as_other = presence * _is_view(reader) if reader.kind == "fusion" else negated(presence)
                if not _is_zero(as_other):
                    needed = either(needed, as_other * self.is_needed(reader.name, after))
        return needed

    def moments(self) -> Iterator[Count]:
        """The elements alive at each moment, including the clip's."""
        clip = 3 * self.network.frames * self.network.size**2
        alive: list[Node] = []
        for position, node in enumerate(self.network.nodes):
            own: Count = 0  # inputs that are freed once they have been read
            held: Count = clip
            for other in alive:
                size, before = self.size(other), self.is_needed(other.name, position - 1)
                after = self.is_needed(other.name, position)
                if not _is_zero(after):
                    held = held + size * after
                    before = before * negated(after)
                if not _is_zero(before):
                    own = own + size * before
            if len(node.inputs) > 1:
                yield (held + own + _elements(node.shape_in)) * self._presence(node)
                own = _elements(node.shape_in)
            if node.kind != "input":
                yield from _run(node, own, held)
            alive = [other for other in (*alive, node) if self.last[other.name] > position]


def _run(node: Node, own: Count, held: Count) -> Iterator[Count]:
    """The elements alive at each moment of a node's blocks, of whose input `own` are kept alive by nothing else."""
    for _, alternatives in groupby(node.placed_blocks, key=lambda placed: placed[0].index):
        absent: Count = 1
        left: list[tuple[Count, Count]] = []
        for block, shape in alternatives:
            chain = _Chain(shape, own)
            yield from chain.run(block.layers, held, block.condition)
            left.append((block.condition, chain.own))
            absent = absent + block.condition * -1
        if not is_never(absent):
            left.append((absent, own))
        own = selected(left)


def _is_view(node: Node) -> Count:
    """1 where a fusion only takes frames of what it reads, or all of them."""
    view: Count = int(node.kind == "fusion")
    for block in node.own if view else ():
        for layer in block.layers:
            view = view * _is_nothing(layer)
    return view


@dataclass
class _Chain:
    """A value on its way through layers: its shape, and its elements that nothing else keeps alive."""

    shape: Shape
    own: Count

    def run(self, layers: tuple[Layer, ...], held: Count, condition: Count) -> Iterator[Count]:
        """The elements alive at each moment, 0 where the condition is 0; then the value is the last layer's."""
        for layer in layers:
            after = shape_after(layer, self.shape)
            if isinstance(layer, Residual):
                both = held + self.own * layer.condition
                body, shortcut = _Chain(self.shape, self.own * negated(layer.condition)), _Chain(self.shape, 0)
                yield from body.run(layer.body, both, condition)
                yield from shortcut.run(layer.shortcut, both + body.own, condition)
                yield (both + body.own + shortcut.own + _elements(after)) * (condition * layer.condition)
                self.own = _elements(after)
            elif isinstance(layer, Conditional):
                inner = _Chain(self.shape, self.own)
                yield from inner.run(layer.layers, held, condition * layer.condition)
                self.own = inner.own * layer.condition + self.own * negated(layer.condition)
            else:
                nothing = _is_nothing(layer)
                made_there = condition * negated(nothing)
                for made in _made(layer, self.shape, after) if maximum(made_there) else ():
                    yield (held + self.own + made) * made_there
                self.own = selected([(negated(nothing), _elements(after)), (nothing, self.own)])
            self.shape = after


def _is_nothing(layer: Layer) -> Count:
    """1 where a layer returns its input, or a view of it, else 0."""
    if isinstance(layer, TimeToChannel):
        return negated(exceeds(layer.factor, 1))
    return int(isinstance(layer, TakeFrames | Dropout) or (isinstance(layer, Activation) and layer.kind == "none"))


def _made(layer: Layer, before: Shape, after: Shape) -> Iterator[Count]:
    """The elements that a layer has computed, including its result, at the moments when they may be most."""
    channels, positions, result = before.channels, before.positions, _elements(after)
    if isinstance(layer, SqueezeExcite):
        yield result + channels * 2 + layer.hidden
    elif isinstance(layer, GlobalReasoning):
        projected = (layer.states + layer.nodes) * positions
        graph = layer.states * layer.nodes
        yield projected + graph * 3
        yield projected + graph * 2 + layer.states * positions + result
    elif isinstance(layer, NonLocal):
        num_keys = quotient(before.height, layer.pool) * quotient(before.width, layer.pool) * before.frames
        pooled = channels * num_keys * differs(layer.pool, 1)
        yield result + pooled + layer.inner * (num_keys * 2 + 2 * positions)
    else:
        yield result


__all__ = ["activation_bytes", "peak_activation_bytes"]
