"""Checks that a `Network` is well formed: each rule yields its problems, and `problems` runs them all.

The rules hold for the network of one architecture and for one over all decisions. There a size is compared only
where the layer that needs it is present.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tsdsl.network.cost import shape_after
from tsdsl.network.layout import Network, Node, Shape
from tsdsl.network.parameters import layer_name, named_layers
from tsdsl.operators.layers import (
    BatchNorm,
    Conditional,
    Convolution,
    GlobalReasoning,
    Layer,
    Linear,
    NonLocal,
    Residual,
    SqueezeExcite,
    TimeToChannel,
    Width,
    walk,
)
from tsdsl.operators.varying import (
    Count,
    Varying,
    differs,
    exceeds,
    is_never,
    maximum,
    minimum,
    negated,
    ranged,
    remainder,
    selected,
)
from tsdsl.space.model import Space


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a node."""

    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}: {self.text}"


def problems(network: Network, space: Space) -> list[Problem]:
    """Everything wrong with a network of `space`; later rules run only on a network that obeys the earlier ones."""
    for rule in RULES:
        found = list(rule(network, space))
        if found:
            return found
    return []


def inputs_come_first(network: Network, space: Space) -> Iterator[Problem]:
    """Names are unique, every input is the value of an earlier node, and every value but the last is read."""
    seen: set[str] = set()
    for node in network.nodes:
        if node.name in seen:
            yield Problem(node.name, "two nodes have this name")
        for name in node.inputs:
            if name not in seen:
                yield Problem(node.name, f"the input {name} is not an earlier node")
        seen.add(node.name)
        if (node.kind == "input") != (not node.inputs):
            yield Problem(node.name, f"a node of kind {node.kind} has {len(node.inputs)} inputs")
    for node in network.nodes[:-1]:
        if node.name not in network.last_use:
            yield Problem(node.name, "no node reads this value")


def ends_are_right(network: Network, space: Space) -> Iterator[Problem]:
    """The first values are frames of the clip, the last one has a score for each class."""
    for node in network.nodes:
        expected = Shape(3, -(-network.frames // node.frame_stride), network.size, network.size)
        if node.kind == "input" and node.shape != expected:
            yield Problem(node.name, f"the shape is {node.shape}, expected {expected} from the clip")
    last = network.nodes[-1]
    if last.kind != "classifier" or last.shape != Shape(network.classes, 1, 1, 1):
        yield Problem(last.name, f"the last node must give {network.classes} class scores")


def names_are_of_the_space(network: Network, space: Space) -> Iterator[Problem]:
    """Nodes belong to parts, sizes and conditions depend on decisions, and conditions are 0 or 1."""
    decisions = {d.path: (space.rank_by_path[d.path], len(d.values)) for d in space.decisions}
    for node in network.nodes:
        if node.part != "head" and node.part not in space.parts:
            yield Problem(node.name, f"{node.part} is not a part of {space.name}")
        layers = [layer for block in node.blocks for layer in walk(block.layers)]
        conditions = [node.condition, *(block.condition for block in node.blocks)]
        conditions += [x.condition for x in layers if isinstance(x, Residual | Conditional)]
        axes = {axis for count in (*conditions, *_sizes(node, layers)) for axis in getattr(count, "scope", ())}
        for axis in sorted(axes):
            if decisions.get(axis.path) != (axis.rank, axis.size):
                yield Problem(node.name, f"depends on {axis.path}, which is not such a decision of {space.name}")
        if any(minimum(condition) < 0 or maximum(condition) > 1 for condition in conditions):
            yield Problem(node.name, "a condition must be 0 or 1")


def _sizes(node: Node, layers: list[Layer]) -> Iterator[Count]:
    for shape in (node.shape_in, node.shape):
        yield from (shape.channels, *shape.sizes)
    for layer in layers:
        for parameter in layer.parameters():
            for axis in parameter.axes:
                yield axis.channels if isinstance(axis, Width) else axis.size


def inputs_agree(network: Network, space: Space) -> Iterator[Problem]:
    """What a node reads has the shape that its merge needs."""
    for node in network.nodes:
        read = [network.by_name[name] for name in node.inputs]
        if not read:
            continue
        if node.merge == "single" and len(read) > 1:
            yield Problem(node.name, f"reads {len(read)} values but does not merge them")
        total: Count = 0
        for value in read:
            total = total + value.shape.channels * (value.condition if value.kind == "fusion" else 1)
            if _sizes_differ(value.shape, node.shape_in):
                yield Problem(node.name, f"{value.name} has sizes {_shown(value.shape)}, not those of the input")
            if node.merge == "sum" and _differ(value.shape.channels, node.shape_in.channels, value.condition):
                yield Problem(node.name, f"{value.name} has other channels than the sum")
        if node.merge != "sum" and _differ(total, node.shape_in.channels):
            yield Problem(node.name, "the channels read are not those of the input")


def layers_agree(network: Network, space: Space) -> Iterator[Problem]:
    """Each layer gets the channels that it needs, branches of a sum agree, and the last layer gives the node's shape.

    Kernel sizes are odd, or padding by half of them would not keep the size.
    """
    for node in network.nodes:
        there: dict[int, Count] = {}
        for block in node.blocks:
            there[block.index] = there.get(block.index, 0) + block.condition
        if any(maximum(count) > 1 for count in there.values()):
            yield Problem(node.name, "two alternatives are there at once")
        for block, shape in node.placed_blocks:
            chain = _Chain(node.name, shape, node.condition * block.condition, [])
            chain.run(block.layers)
            chain.expect(block.width.channels, f"the width of {block.name}")
            chain.present = chain.present * negated(there.get(block.index + 1, 0))
            chain.expect(node.shape.channels, "the shape of the node")
            yield from chain.found
            if _sizes_differ(chain.shape, node.shape, node.condition * block.condition):
                yield Problem(node.name, f"the layers give sizes {_shown(chain.shape)}, not {_shown(node.shape)}")


@dataclass
class _Chain:
    """A value on its way through the layers of a node, compared where `present` is 1."""

    node: str
    shape: Shape
    present: Count
    found: list[Problem]

    def expect(self, channels: Count, what: str) -> None:
        if _differ(self.shape.channels, channels, self.present):
            self.found.append(Problem(self.node, f"the channels do not agree with {what}"))

    def branch(self, layers: tuple[Layer, ...], condition: Count) -> Shape:
        chain = _Chain(self.node, self.shape, self.present * condition, self.found)
        chain.run(layers)
        return chain.shape

    def run(self, layers: tuple[Layer, ...]) -> None:
        for layer in layers:
            before = self.shape
            if isinstance(layer, Residual):
                shortcut, self.shape = self.branch(layer.shortcut, layer.condition), self.branch(layer.body, 1)
                summed = self.present * layer.condition
                if _sizes_differ(shortcut, self.shape, summed) or _differ(
                    shortcut.channels, self.shape.channels, summed
                ):
                    self.found.append(Problem(self.node, "the branches of a sum have different shapes"))
            elif isinstance(layer, Conditional):
                inner, absent = self.branch(layer.layers, layer.condition), negated(layer.condition)
                both = zip((inner.channels, *inner.sizes), (before.channels, *before.sizes), strict=True)
                self.shape = Shape(*(selected([(layer.condition, there), (absent, here)]) for there, here in both))
            else:
                self.check(layer)
                self.shape = shape_after(layer, before)

    def check(self, layer: Layer) -> None:
        name = layer_name(self.node, layer)
        if isinstance(layer, Convolution | Linear):
            self.expect(layer.width_in.channels, f"the input of {name}")
        elif isinstance(layer, BatchNorm | SqueezeExcite | GlobalReasoning | NonLocal):
            self.expect(layer.width.channels, name)
        elif isinstance(layer, TimeToChannel) and not is_never(remainder(self.shape.frames, layer.factor)):
            frames, factor = ranged(self.shape.frames), ranged(layer.factor)
            self.found.append(Problem(self.node, f"{frames} frames are not a multiple of {factor}"))
        if isinstance(layer, Convolution):
            if any(_may_be_even(size) for size in layer.kernel):
                self.found.append(Problem(self.node, f"{name} has an even kernel size"))
            if layer.depthwise and _differ(layer.width_in.channels, layer.width_out.channels, self.present):
                self.found.append(Problem(self.node, f"{name} is depthwise but changes the channels"))


def segments_tile(network: Network, space: Space) -> Iterator[Problem]:
    """The segments of a width lie one after the other; over all decisions and parts, without a gap."""
    parts = {node.part for node in network.nodes}
    has_choice = any(isinstance(size, Varying) for node in network.nodes for size in _sizes(node, []))
    is_whole = parts >= space.consistent(frozenset(space.parts)) and (has_choice or not space.decisions)
    for node in network.nodes:
        for block in node.blocks:
            for layer in walk(block.layers):
                for width in {axis for p in layer.parameters() for axis in p.axes if isinstance(axis, Width)}:
                    end: Count = 0
                    reached = 0
                    for segment in width.segments:
                        # Channels of alternatives that exclude each other may lie in one place.
                        overlap = exceeds(end, segment.offset) * exceeds(segment.length, 0)
                        if not is_never(overlap) or (is_whole and segment.offset > reached):
                            problem = "leave a gap" if is_never(overlap) else "overlap"
                            where = f"{layer_name(node.name, layer)} {problem} at {segment.offset}"
                            yield Problem(node.name, f"segments of {where}")
                        end = segment.length + segment.offset
                        reached = max(reached, maximum(end))


def parameters_have_names(network: Network, space: Space) -> Iterator[Problem]:
    """No two layers with parameters have the same dotted name."""
    try:
        list(named_layers(network))
    except ValueError as error:
        yield Problem(network.nodes[-1].name, str(error))


RULES: tuple[Callable[[Network, Space], Iterator[Problem]], ...] = (
    inputs_come_first,
    ends_are_right,
    names_are_of_the_space,
    inputs_agree,
    layers_agree,
    segments_tile,
    parameters_have_names,
)


def _may_be_even(count: Count) -> bool:
    return bool((count.table % 2 == 0).any()) if isinstance(count, Varying) else count % 2 == 0


def _shown(shape: Shape) -> str:
    return " x ".join(map(ranged, shape.sizes))


def _sizes_differ(left: Shape, right: Shape, where: Count = 1) -> bool:
    """Whether frames, rows or columns differ for any choice at which `where` is 1."""
    return any(_differ(one, other, where) for one, other in zip(left.sizes, right.sizes, strict=True))


def _differ(left: Count, right: Count, where: Count = 1) -> bool:
    """Whether two counts differ for any choice at which `where` is 1."""
    return left is not right and not is_never(differs(left, right) * where)
