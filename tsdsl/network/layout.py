"""The dataflow of a network: nodes with layers and shapes, in an order in which they can run.

A `Blueprint` turns a space into networks. From the decisions of one architecture it makes that network. `whole` is one
network whose sizes are `Varying` over every decision; exact costs and the shared sizes of a supernet follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Literal, cast

from tsdsl.network.group import GroupLayout, GroupPlace, lay_out
from tsdsl.operators.fusion import MERGE
from tsdsl.operators.head import HEADS, head_kind
from tsdsl.operators.layers import Block, ChannelSegment, Sizes, Width
from tsdsl.operators.registry import ATTENTIONS, FUSIONS, NONE
from tsdsl.operators.schema import FusionPlace
from tsdsl.operators.varying import Count, count_of, is_never, maximum, quotient, ranged
from tsdsl.records import dataclass
from tsdsl.space.model import Space
from tsdsl.space.parts import (
    Alternative,
    AttentionSlot,
    DecisionRef,
    FusionSlot,
    Group,
    Scale,
    Slot,
    Stream,
    Value,
)
from tsdsl.space.reading import Reading, concrete_reading, symbolic_reading


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one value for one clip: channels x frames x height x width."""

    channels: Count
    frames: Count
    height: Count
    width: Count

    @property
    def sizes(self) -> Sizes:
        """Frames, height and width."""
        return self.frames, self.height, self.width

    @property
    def positions(self) -> Count:
        """Frames times height times width."""
        return self.frames * self.height * self.width

    def __str__(self) -> str:
        return " x ".join(map(ranged, (self.channels, *self.sizes)))


Merge = Literal["single", "concat", "sum"]
NodeKind = Literal["input", "group", "fusion", "merge", "attention", "head", "classifier"]


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the network: its inputs, how they are merged, and the blocks applied to them.

    `part` is the stream, slot or head that it belongs to. An input takes every `frame_stride`-th frame of the clip.
    `shape` is the shape of its value, `shape_in` that of its merged inputs. The blocks of a group follow from its
    `layout`; other nodes have blocks of their `own`.
    """

    name: str
    kind: NodeKind
    part: str
    inputs: tuple[str, ...]
    shape_in: Shape
    shape: Shape
    merge: Merge = "single"
    own: tuple[Block, ...] = ()
    condition: Count = 1
    frame_stride: int = 1
    layout: GroupLayout | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, in order; those with the same index exclude each other."""
        return self.own if self.layout is None else self.layout.blocks

    @property
    def placed_blocks(self) -> Iterator[tuple[Block, Shape]]:
        """Each block with the shape of what it reads; only the first of a group changes frames, rows and columns."""
        for block in self.blocks:
            sizes = self.shape_in if block.index == 0 else self.shape
            width = block.width_in
            yield block, sizes if width is None else replace(sizes, channels=width.channels)


@dataclass(frozen=True)
class Network:
    """Nodes in execution order; the last one's value is the class scores.

    A clip has `frames` frames, as many as the present stream with the most. Every other stream takes each n-th of them,
    beginning with the first.
    """

    space: str
    classes: int
    size: int
    frames: int
    nodes: tuple[Node, ...]
    fusion_offsets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    head_offsets: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Every node under its name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def last_use(self) -> Mapping[str, int]:
        """For each value, the index of the last node that reads it; the value can be freed after that."""
        return {name: index for index, node in enumerate(self.nodes) for name in node.inputs}


@dataclass(frozen=True, slots=True)
class Flow:
    """A stream's current value while a network is being laid out."""

    name: str
    width: Width
    shape: Shape


UNSCALED = Scale(name="")


@dataclass(frozen=True)
class Blueprint:
    """A space at one scale and with one number of classes, ready to be laid out."""

    space: Space
    classes: int = 0
    scale: Scale = UNSCALED

    @property
    def num_classes(self) -> int:
        """The classes given, or the space's."""
        return self.classes or self.space.classes

    @property
    def size(self) -> int:
        """Side of the input in pixels."""
        return self.scale.size or self.space.size

    @cached_property
    def depth(self) -> Fraction:
        """The factor of the repeats, exactly as written: 5 times 2.2 is 11, not 11.000000000000002."""
        return Fraction(str(self.scale.depth))

    def frames(self, stream: Stream) -> int:
        """The number of frames of a stream."""
        if self.scale.frames is None:
            return stream.frames
        return self.scale.frames * stream.frames // max(other.frames for other in self.space.streams)

    def repeat(self, group: Group, count: Count) -> Count:
        """The number of blocks of a group of which so many are written or chosen."""
        if self.scale.depth == 1 or group.is_each or not (group.is_repeated or group.repeat != 1):
            return count
        return count_of(count, lambda repeat: ceil(repeat * self.depth))

    def present(self, step: int | None = None) -> frozenset[str]:
        """The parts present after a step, without those that the scale leaves out."""
        parts = self.space.present_after(step)
        left_out = {
            part for part in parts for prefix in self.scale.without if part == prefix or part.startswith(prefix + ".")
        }
        return self.space.consistent(parts - left_out)

    @cached_property
    def reading(self) -> Reading:
        """The settings over all decisions at once."""
        return symbolic_reading(self.space.decisions, self.space.rank_by_path)

    @cached_property
    def whole(self) -> Network:
        """The network over all decisions at once, with every part present."""
        parts = self.space.consistent(frozenset(self.space.parts))
        return _Layout(self, self.reading, parts, None).network()

    def over(self, step: int | None) -> Network:
        """The network over all decisions of the parts that are present after `step`."""
        present = self.present(step)
        if present == self.space.consistent(frozenset(self.space.parts)):
            return self.whole
        return _Layout(self, self.reading, present, self.whole).network()

    def network(self, decisions: Mapping[str, Value], step: int | None = None) -> Network:
        """The network of one architecture after `step` (None: in the whole space).

        Decisions of absent parts are ignored.

        Raises:
            KeyError: a decision of a present part is missing.
        """
        return _Layout(self, concrete_reading(decisions), self.present(step), self.whole).network()


class _Layout:
    """Lays out a network place by place: groups, then fusion, then attention, then the head."""

    def __init__(self, blueprint: Blueprint, reading: Reading, present: frozenset[str], whole: Network | None) -> None:
        self.blueprint, self.space, self.reading, self.present = blueprint, blueprint.space, reading, present
        self.whole = whole
        self.streams = [stream for stream in self.space.streams if stream.name in present]
        self.frames = max((blueprint.frames(stream) for stream in self.streams), default=0)
        self.nodes: list[Node] = []
        self.current: dict[str, Flow] = {}
        self.raw: dict[str, Flow] = {}
        self.fusion_offsets: dict[str, dict[str, int]] = {}
        self.head_offsets: dict[str, int] = {}

    def network(self) -> Network:
        size = self.blueprint.size
        for stream in self.streams:
            frames = self.blueprint.frames(stream)
            shape = Shape(3, frames, size, size)
            stride = self.frames // frames
            name = f"{stream.name}.frames"
            self.nodes.append(Node(name, "input", stream.name, (), shape, shape, frame_stride=stride))
            self.current[stream.name] = Flow(name, Width.of(3), shape)
        groups = {(g.stage, g.index, g.stream): g for s in self.streams for g in s.groups}
        blocks_before: dict[tuple[str, int], tuple[Count, ...]] = {}
        slots: dict[tuple[int, int], list[Slot]] = {}
        for slot in self.space.slots:
            if slot.path in self.present:
                slots.setdefault((slot.stage, slot.group), []).append(slot)
        for stage, index in sorted({(key[0], key[1]) for key in groups}):
            for stream in self.streams:
                group = groups.get((stage, index, stream.name))
                if group is not None:
                    before = blocks_before.get((stream.name, stage), ())
                    blocks_before[stream.name, stage] = before + self.add_group(group, before)
            self.raw = dict(self.current)
            for slot in slots.get((stage, index), ()):
                if isinstance(slot, FusionSlot):
                    self.add_fusion(slot)
                else:
                    self.add_attention(slot)
        self.add_head()
        return Network(
            self.space.name,
            self.blueprint.num_classes,
            size,
            self.frames,
            tuple(self.nodes),
            self.fusion_offsets,
            self.head_offsets,
        )

    def add_group(self, group: Group, blocks_before: tuple[Count, ...]) -> tuple[Count, ...]:
        """Lay out a group after these blocks of its stage, and return those that it has."""
        before = self.current[group.stream]
        seen = before.shape
        repeat = self.blueprint.repeat(group, self.reading.repeat(group))
        place = GroupPlace(before.width, seen.sizes, repeat, blocks_before)
        layout = lay_out(group, self.reading, self.blueprint.scale.width, place)
        if is_never(layout.is_there):
            return ()
        width = layout.width_out
        shape = Shape(width.channels, *layout.sizes_out)
        self.nodes.append(
            Node(
                group.path,
                "group",
                group.stream,
                (before.name,),
                seen,
                shape,
                condition=layout.is_there,
                layout=layout,
            )
        )
        self.current[group.stream] = Flow(group.path, width, shape)
        return layout.present

    def add_fusion(self, slot: FusionSlot) -> None:
        """Lay out what is summed, then what is concatenated; one architecture has only one of them in a slot."""
        source, receiver = self.raw[slot.source], self.current[slot.target]
        options: dict[str, list[tuple[Alternative, Count]]] = {"sum": [], "concat": []}
        for alternative, condition in sorted(self.reading.alternatives(slot), key=lambda pair: pair[0].operator):
            if alternative.operator != NONE and not is_never(condition):
                for merge, chosen in self.reading.settings((MERGE,), {"merge": slot.merge}).words("merge"):
                    options[merge].append((alternative, condition * chosen))
        for merge, found in options.items():
            if found:
                self.add_merge(slot, cast("Merge", merge), found, source, receiver)

    def add_merge(
        self,
        slot: FusionSlot,
        merge: Merge,
        options: Sequence[tuple[Alternative, Count]],
        source: Flow,
        receiver: Flow,
    ) -> None:
        """Join alternatives with the receiver; sums have names of their own where the slot may also concatenate."""
        path = f"{slot.path}.sum" if merge == "sum" and isinstance(slot.merge, DecisionRef) else slot.path
        ratio = quotient(source.shape.frames, receiver.shape.frames)
        offsets = self.fusion_offsets.setdefault(slot.path, {})
        next_offset = receiver.width.extent
        segments: tuple[ChannelSegment, ...] = ()
        inputs = [self.current[slot.target].name]
        for alternative, condition in options:
            operator = FUSIONS[alternative.operator]
            settings = self.reading.settings(operator.attributes, alternative.attributes)
            name = f"{path}.{operator.name}"
            place = FusionPlace(ratio, self.most_frame_ratio(name, ratio), receiver.width, merge)
            block = replace(operator.layers(settings, source.width, place), name=operator.name, condition=condition)
            shape = replace(receiver.shape, channels=block.width.channels)
            self.nodes.append(
                Node(name, "fusion", slot.path, (source.name,), source.shape, shape, own=(block,), condition=condition)
            )
            inputs.append(name)
            if merge == "concat":
                offset = self.whole.fusion_offsets[slot.path][operator.name] if self.whole else next_offset
                offsets[operator.name] = offset
                next_offset += block.width.extent
                moved = block.width.moved(offset)
                segments += tuple(ChannelSegment(s.length * condition, s.offset) for s in moved.segments)
        width = Width(receiver.width.segments + segments)
        shape = replace(receiver.shape, channels=width.channels)
        name = f"{path}.merge"
        self.nodes.append(Node(name, "merge", slot.path, tuple(inputs), shape, shape, merge))
        self.current[slot.target] = Flow(name, width, shape)

    def most_frame_ratio(self, name: str, ratio: Count) -> int:
        """The largest ratio of the frames that a node of a fusion reads and makes, over all decisions."""
        if self.whole is not None:
            node = self.whole.by_name[name]
            ratio = quotient(node.shape_in.frames, node.shape.frames)
        return maximum(ratio)

    def add_attention(self, slot: AttentionSlot) -> None:
        value = self.current[slot.stream]
        blocks: list[Block] = []
        total: Count = 0
        for alternative, condition in self.reading.alternatives(slot):
            if alternative.operator == NONE or is_never(condition):
                continue
            operator = ATTENTIONS[alternative.operator]
            settings = self.reading.settings(operator.attributes, alternative.attributes)
            block = replace(operator.layers(settings, value.width), name=operator.name, condition=condition)
            blocks.append(block)
            total = total + condition
        if blocks:
            self.nodes.append(
                Node(
                    slot.path,
                    "attention",
                    slot.path,
                    (value.name,),
                    value.shape,
                    value.shape,
                    own=tuple(blocks),
                    condition=total,
                )
            )
            self.current[slot.stream] = replace(value, name=slot.path)

    def add_head(self) -> None:
        head = HEADS[head_kind(self.space.head.attributes)]
        settings = self.reading.settings(head.attributes, self.space.head.attributes)
        segments: tuple[ChannelSegment, ...] = ()
        names = []
        offset = 0
        for stream in self.streams:
            value = self.current[stream.name]
            block = replace(head.stream(settings, value.width), name="pool")
            own = self.whole.head_offsets[stream.name] if self.whole else offset
            self.head_offsets[stream.name] = own
            offset = own + block.width.extent
            segments += block.width.moved(own).segments
            name = f"head.{stream.name}"
            shape = Shape(block.width.channels, 1, 1, 1)
            self.nodes.append(Node(name, "head", "head", (value.name,), value.shape, shape, own=(block,)))
            names.append(name)
        width = Width(segments)
        shape_in = Shape(width.channels, 1, 1, 1)
        block = replace(head.classifier(settings, width, self.blueprint.num_classes), name="classifier")
        shape = Shape(self.blueprint.num_classes, 1, 1, 1)
        merge: Merge = "concat" if len(names) > 1 else "single"
        self.nodes.append(Node("head", "classifier", "head", tuple(names), shape_in, shape, merge, (block,)))
