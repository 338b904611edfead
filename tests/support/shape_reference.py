"""Whether every architecture of a drawn space has shapes that fit, worked out anew from the language's definition.

It reads the syntax tree of `random_spaces` and shares nothing with the resolver, the network or the costs:
architectures are listed one by one, and each is walked through place by place with plain integers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tsdsl.syntax import ast

Place: TypeAlias = tuple[int, int]
Values: TypeAlias = list[object]


@dataclass
class Slot:
    """A fusion (with a source) or an attention at one place, and its alternatives."""

    place: Place
    stream: str
    source: str | None
    merge: str
    alternatives: list[dict[str, Values]]


def values(expression: ast.Expression, domains: Mapping[str, ast.Expression]) -> Values:
    """The plain values that an expression lists."""
    match expression:
        case ast.Number(value=value):
            return [float(value)]
        case ast.KernelSize(text=text):
            return [text]
        case ast.Choice(items=items):
            return [value for item in items for value in values(item, domains)]
        case ast.Selector():
            name = expression.segments[0].word.text
            return values(domains[name], domains) if name in domains else [name]
        case ast.Call(name=name):
            return [name.text]
    raise TypeError(f"{type(expression).__name__} is not drawn")


def one(expression: ast.Expression) -> int:
    """A plain integer."""
    assert isinstance(expression, ast.Number)
    return int(expression.value)


def fits(file: ast.File) -> bool:
    """Whether the shapes of every architecture fit; at most a few thousand are listed."""
    items = file.spaces[0].items
    domains = {item.name.text: item.value for item in items if isinstance(item, ast.Domain)}
    size = next(one(item.value) for item in items if isinstance(item, ast.Attribute) and item.name.text == "size")
    streams = {item.name.text: item for item in items if isinstance(item, ast.Stream)}
    frames = {name: one(stream.attributes[0].value) for name, stream in streams.items()}
    if any(max(pair) % min(pair) for pair in itertools.combinations(frames.values(), 2)):
        return False
    slots = [slot for item in items for slot in _slots(item, domains)]
    groups = {
        (name, int(stage.index.value), number): {a.name.text: values(a.value, domains) for a in group.call.arguments}
        for name, stream in streams.items()
        for stage in stream.stages
        for number, group in enumerate(stage.groups, 1)
    }
    return all(
        _runs(dict(zip(groups, picked, strict=True)), held, frames, size, slots)
        for picked in itertools.product(*(list(_assignments(group)) for group in groups.values()))
        for held in itertools.product(*(list(_held(slot)) for slot in slots))
    )


def _slots(item: ast.Item, domains: Mapping[str, ast.Expression]) -> Iterator[Slot]:
    if not isinstance(item, ast.Fusion | ast.Attention):
        return
    given = {a.name.text: a.value for a in item.attributes}
    after = given["after"]
    assert isinstance(after, ast.Selector)
    stage, group = (int((segment.indices or ())[0][0].value) for segment in after.segments)
    op = given["op"]
    alternatives = []
    for alternative in op.items if isinstance(op, ast.Choice) else (op,):
        arguments = alternative.arguments if isinstance(alternative, ast.Call) else ()
        attributes = {a.name.text: values(a.value, domains) for a in arguments}
        alternatives.append({"op": values(alternative, domains), **attributes})
    if isinstance(item, ast.Fusion):
        merge = str(values(given["merge"], domains)[0])
        yield Slot((stage, group), item.target.text, item.source.text, merge, alternatives)
    else:
        for stream in item.streams:
            yield Slot((stage, group), stream.text, None, "", alternatives)


def _assignments(attributes: Mapping[str, Values]) -> Iterator[dict[str, object]]:
    for picked in itertools.product(*attributes.values()):
        yield dict(zip(attributes, picked, strict=True))


def _held(slot: Slot) -> Iterator[dict[str, object]]:
    for alternative in slot.alternatives:
        yield from _assignments(alternative)


def _runs(
    groups: Mapping[tuple[str, int, int], Mapping[str, object]],
    held: tuple[Mapping[str, object], ...],
    frames: Mapping[str, int],
    size: int,
    slots: list[Slot],
) -> bool:
    shape = {name: (3, count, size) for name, count in frames.items()}
    for stage, number in sorted({(stage, number) for _, stage, number in groups}):
        for name in shape:
            attributes = groups[name, stage, number]
            stride = int(float(str(attributes.get("stride", 1.0))))
            slowing = int(float(str(attributes.get("frame_stride", 1.0))))
            channels, count, side = shape[name]
            if stride > side or slowing > count:
                return False
            if "expansion" in attributes:
                ratio = float(str(attributes["expansion"]))
                wide = float(str(attributes["channels"])) if attributes.get("expand_from") == "output" else channels
                if attributes.get("expand_from") == "output" and int(wide * ratio) < 1:
                    return False
            shape[name] = (int(float(str(attributes["channels"]))), -(-count // slowing), -(-side // stride))
        sent = dict(shape)
        for slot, holds in zip(slots, held, strict=True):
            if slot.place != (stage, number) or slot.source is None:
                continue
            width, count, side = sent[slot.source]
            target_width, target_count, target_side = shape[slot.stream]
            # The sizes must fit whatever the slot holds: a slot is one place in the space.
            if side != target_side or count % target_count:
                return False
            ratio = float(str(holds.get("ratio", 2.0)))
            arriving = {
                "none": 0,
                "time_strided_conv": target_width if slot.merge == "sum" else int(width * ratio),
                "time_strided_sample": width,
                "time_to_channel": width * (count // target_count),
            }[str(holds["op"])]
            if holds["op"] != "none" and (arriving < 1 or (slot.merge == "sum" and arriving != target_width)):
                return False
            if slot.merge == "concat":
                shape[slot.stream] = (target_width + arriving, target_count, target_side)
        for slot, holds in zip(slots, held, strict=True):
            if slot.place != (stage, number) or slot.source is not None or holds["op"] != "nonlocal":
                continue
            width, _, side = shape[slot.stream]
            if float(str(holds.get("pool", 1.0))) > side or int(width * float(str(holds.get("ratio", 0.5)))) < 1:
                return False
    return True
