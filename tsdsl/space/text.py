"""A resolved space as a text in the language, which resolves to it again; steps are left out.

A derived space may have steps that no text of its own could give it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from tsdsl.operators.registry import NONE
from tsdsl.operators.strides import STRIDES
from tsdsl.space.model import Space
from tsdsl.space.parts import (
    HEAD,
    SHARED,
    Alike,
    Alternative,
    Amount,
    AnyOf,
    DecisionRef,
    FusionSlot,
    Group,
    Reference,
    Requirement,
    Scale,
    Scaled,
    Setting,
    Slot,
    Value,
)
from tsdsl.space.resolve.parts.literals import LARGEST_NUMBER
from tsdsl.space.resolve.selection.unmatched import written_path

Lines: TypeAlias = Iterator[tuple[str, str]]
ANY = "conv3d(kernel = 1x1x1, channels = 1)"
LARGEST = int(LARGEST_NUMBER)
UNITS = {"flops": "1 FLOPs", "params": "0.001 Kparams"}


def space_lines(space: Space) -> Lines:
    """(place in `Space.to_dict`, line of text), in order. The space need not be right: its text then is not either."""
    yield "", "tsspace 1"
    yield "name", f"space {space.name} {{"
    yield "classes", f"classes = {space.classes}"
    yield "size", f"size = {space.size}"
    yield from _shared(space)
    yield from _blocks(space)
    for n, stream in enumerate(space.streams):
        place = f"streams.{n}"
        yield f"{place}.name", f"stream {stream.name} {{"
        yield f"{place}.frames", f"frames = {stream.frames}"
        for m, stage in enumerate(stream.stages):
            yield f"{place}.stages.{m}.index", f"stage {stage.index} {{"
            for k, group in enumerate(stage.groups):
                yield f"{place}.stages.{m}.groups.{k}", f"group {_group(space, group)}"
            yield f"{place}.stages.{m}", "}"
        yield place, "}"
    for n, slot in enumerate(space.slots):
        is_fusion = n < len(space.fusions)
        yield f"fusions.{n}" if is_fusion else f"attentions.{n - len(space.fusions)}", _slot(space, slot)
    if space.head.attributes:
        yield "head", f"head {{ {_attributes(space, space.head.attributes, '  ')} }}"
    yield from _freed(space)
    for n, model in enumerate(space.models):
        yield f"models.{n}", _model(model)
    for n, requirement in enumerate(space.requires):
        yield f"requires.{n}", f"require {_requirement(space, requirement)}"
    yield "", "}"


def _group(space: Space, group: Group) -> str:
    if _is_always_absent(group):
        return f"{{{ANY}, {NONE}}}()" if group.choices else f"{ANY} * {{0, 1}}"
    repeat = f" * {_setting(space, group.repeat)}" if group.is_repeated else ""
    if not group.choices:
        return f"{group.operator}({_attributes(space, group.attributes)}){repeat}"
    number = _typical(group)
    own, of_block = _block(space, group, number)
    common = {name: _setting(space, setting) for name, setting in group.attributes.items()} | of_block
    given = ", ".join(f"{name} = {text}" for name, text in common.items())
    called = group.operator or f"{{{', '.join(own.values())}}}"
    return f"{called}({given}){repeat}{' each' if group.is_each else ''}"


def _typical(group: Group) -> int:
    """The number of the block that may be most, as which the blocks of a group are written."""
    return 1 + max(range(len(group.choices)), key=lambda number: len(group.choices[number].alternatives))


def _block(space: Space, group: Group, number: int) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of a block's alternatives by name, and of the attributes that all of them have."""
    choice, path = group.choices[number - 1], _block_path(group, number)
    own, of_all = dict[str, str](), dict[str, str]()
    for one in choice.alternatives:
        inner: dict[str, Setting] = {}
        for name, setting in {**_strides(group, one.name), **one.attributes}.items():
            if not one.name or setting == DecisionRef(decision=f"{path}.{name}"):
                of_all[name] = _setting(space, setting)
            else:
                inner[name] = setting
        if one.name:
            own[one.name] = f"{one.name}({_attributes(space, inner)})" if inner else one.name
    return own, of_all


def _strides(group: Group, name: str) -> dict[str, Setting]:
    """The strides of an alternative, which the first block has for all."""
    first = (one.attributes for one in group.choices[0].alternatives if one.name == name)
    return {name: setting for given in first for name, setting in given.items() if name in STRIDES}


def _block_path(group: Group, number: int) -> str:
    return f"{group.path}.block{number}" if group.is_each else group.path


def _is_always_absent(group: Group) -> bool:
    """Whether a space that derives has fixed a group at `none` or a depth of 0, which no group is that is written."""
    return not group.is_each and set(group.operators) <= {NONE}


def _freed(space: Space) -> Lines:
    """The groups and blocks that are not as their group says, because a space that derives has changed them alone."""
    for group in (group for stream in space.streams for group in stream.groups if _is_always_absent(group)):
        fixed = f"op = {NONE}" if group.choices else "repeat = 0"
        yield "", f"fix {written_path(group.path)}.{fixed}"
    for group in (group for stream in space.streams for group in stream.groups if group.is_each):
        own, of_all = _block(space, group, _typical(group))
        for number in range(1, len(group.choices) + 1):
            expected = {name: text for name, text in own.items() if number > 1 or name != NONE}
            found, found_of_all = _block(space, group, number)
            path = written_path(_block_path(group, number))
            if found != expected:
                yield "", f"free {path}.op = {{{', '.join(found.values())}}}"
            for name, text in found_of_all.items():
                if text != of_all.get(name):
                    yield "", f"free {path}.{name} = {text}"


def _shared(space: Space) -> Lines:
    alternatives = {slot.decision: slot.alternatives for slot in reversed(space.slots) if slot.decision is not None}
    for n, decision in enumerate(space.decisions):
        if decision.path.startswith(SHARED):
            options = alternatives.get(decision.path)
            values = _choice(decision.values) if options is None else _alternatives(space, options)
            yield f"decisions.{n}", f"shared {decision.path.removeprefix(SHARED)} = {values}"


def _blocks(space: Space) -> Lines:
    """The names of alternatives that are not operators."""
    groups = [group for stream in space.streams for group in stream.groups]
    named = {one.name: one.operator for g in groups for choice in g.choices for one in choice.alternatives if one.name}
    for name, operator in named.items():
        if name != operator:
            yield "", f"block {name} = {operator}()"


def _slot(space: Space, slot: Slot) -> str:
    if isinstance(slot, FusionSlot):
        head, merge = f"fusion {slot.source} -> {slot.target}", f"  merge = {_setting(space, slot.merge)}"
    else:
        head, merge = f"attention {slot.stream}", ""
    is_shared = slot.decision is not None and slot.decision.startswith(SHARED)
    op = (slot.decision or "").removeprefix(SHARED) if is_shared else _alternatives(space, slot.alternatives)
    return f"{head} {{ after = stage[{slot.stage}].group[{slot.group}]  op = {op}{merge} }}"


def _alternatives(space: Space, alternatives: Sequence[Alternative]) -> str:
    called = (
        f"{one.operator}({_attributes(space, one.attributes)})" if one.attributes else one.operator
        for one in alternatives
    )
    return f"{{{', '.join(called)}}}"


def _attributes(space: Space, attributes: Mapping[str, Setting], between: str = ", ") -> str:
    return between.join(f"{name} = {_setting(space, setting)}" for name, setting in attributes.items())


def _setting(space: Space, setting: Setting) -> str:
    if isinstance(setting, Scaled):
        return f"{_value(setting.factor)} * {setting.decision.removeprefix(SHARED)}"
    if not isinstance(setting, DecisionRef):
        return _value(setting)
    if setting.decision.startswith(SHARED):
        return setting.decision.removeprefix(SHARED)
    decision = space.decision_by_path.get(setting.decision)
    return _choice(decision.values if decision is not None else ())


def _choice(values: Sequence[Value]) -> str:
    return f"{{{', '.join(map(_value, values))}}}"


def _value(value: Value) -> str:
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _model(model: Scale) -> str:
    written = [
        f"size = {model.size}" if model.size is not None else "",
        f"frames = {model.frames}" if model.frames is not None else "",
        f"depth = {_value(model.depth)}x",
        f"width = {_value(model.width)}x",
        f"without = {', '.join(map(written_path, model.without))}" if model.without else "",
    ]
    return f"model {model.name} {{ {'  '.join(filter(None, written))} }}"


def _requirement(space: Space, requirement: Requirement) -> str:
    if isinstance(requirement, AnyOf):
        return " or ".join(_requirement(space, rule) for rule in requirement.rules)
    if isinstance(requirement, Alike):
        right = requirement.right
        shown = written_path(right.decision) if isinstance(right, DecisionRef) else _value(right)
        return f"{written_path(requirement.left.decision)} {'==' if requirement.is_equal else '!='} {shown}"
    terms = [f"{_integer(term.factor)} * {_of(space, term.of)}" for term in requirement.terms]
    amounts = [term.of for term in requirement.terms if isinstance(term.of, Amount)]
    unit = f" * {UNITS[amounts[0].quantity]}" if amounts else ""
    return f"{' + '.join(terms)} {requirement.relation} {_integer(requirement.bound)}{unit}"


def _of(space: Space, of: Amount | Reference) -> str:
    if isinstance(of, Scaled):
        return written_path(next((path for path, setting in _settings(space) if setting == of), of.decision))
    if isinstance(of, DecisionRef):
        return written_path(of.decision)
    return f"{of.part}.{of.quantity}" if of.part is not None else of.quantity


def _settings(space: Space) -> Iterator[tuple[str, Setting]]:
    """The attributes of groups and slots, by path."""
    for group in (group for stream in space.streams for group in stream.groups):
        yield from ((f"{group.path}.{name}", setting) for name, setting in group.attributes.items())
    yield from ((f"{HEAD}.{name}", setting) for name, setting in space.head.attributes.items())
    for slot in space.slots:
        yield from slot.settings.items()


def _integer(value: int) -> str:
    """An integer as large as it may be: what a number in a text may not be is written as a sum."""
    if abs(value) <= LARGEST:
        return str(value)
    return f"{'-1' if value < 0 else '1'} * ({_integer(abs(value) // LARGEST)} * {LARGEST} + {abs(value) % LARGEST})"
