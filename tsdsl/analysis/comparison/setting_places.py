"""Every setting of a space by its path: the values that it may take, its decision, and where it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from tsdsl.operators.fusion import MERGE
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS, NONE
from tsdsl.operators.schema import Attribute
from tsdsl.space.model import Space
from tsdsl.space.parts import FusionSlot, Group, Parent, Reference, Scaled, Setting, Value

Values: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SettingPlace:
    """The values that one setting may take, its decision where it is one, and where it exists.

    The values of a product (`is_scaled`) are in the order of those of its decision.
    """

    path: str
    values: Values
    decision: str | None
    parent: Parent | None = None
    is_scaled: bool = False
    matters_for: tuple[str, tuple[str, ...]] | None = None


def setting_places(space: Space) -> dict[str, SettingPlace]:
    """Every setting of a space that may have an effect by its path, in order."""
    found = _places(space)
    placed = {path: _where_it_matters(place, found) for path, place in found.items()}
    return {path: place for path, place in placed.items() if place is not None}


def _where_it_matters(place: SettingPlace, places: Mapping[str, SettingPlace]) -> SettingPlace | None:
    """A place under the setting that gives it an effect, where both exist in the same architectures; None if nowhere.

    The values of `parent` that the other setting never has do not count.
    """
    if place.matters_for is None:
        return place
    name, words = place.matters_for
    operator = place.path.rpartition(".")[0]
    slot = operator.rpartition(".op.")[0]
    other = places.get(f"{operator}.{name}") or places.get(f"{slot}.{name}")
    if other is not None and set(other.values).isdisjoint(words):
        return None
    if other is None or other.parent != place.parent:
        return place
    return replace(place, parent=Parent(path=other.path, value=words[0], others=words[1:]))


def _places(space: Space) -> dict[str, SettingPlace]:
    found: dict[str, SettingPlace] = {}
    for stream in space.streams:
        for group in stream.groups:
            found |= _group_places(space, group)
    for slot in space.slots:
        path = f"{slot.path}.op"
        found[path] = SettingPlace(path, tuple(a.operator for a in slot.alternatives), slot.decision)
        if isinstance(slot, FusionSlot) and slot.operators:
            there = Parent(path=path, value=slot.operators[0], others=slot.operators[1:])
            found |= _attribute_places(space, slot.path, (MERGE,), {"merge": slot.merge}, there)
        registry = FUSIONS if isinstance(slot, FusionSlot) else ATTENTIONS
        for alternative in slot.alternatives:
            if alternative.operator != NONE:
                schema = registry[alternative.operator].attributes
                parent = Parent(path=path, value=alternative.operator)
                prefix = f"{path}.{alternative.operator}"
                found |= _attribute_places(space, prefix, schema, alternative.attributes, parent)
    return found | _attribute_places(space, "head", HEAD_ATTRIBUTES, space.head.attributes, None)


def _group_places(space: Space, group: Group) -> dict[str, SettingPlace]:
    found: dict[str, SettingPlace] = {}
    names = [one.name for choice in group.choices[:1] for one in choice.alternatives if one.operator != NONE]
    there = None
    if not group.is_each and group.choices and len(names) < len(group.choices[0].alternatives):
        there = Parent(path=f"{group.path}.op", value=names[0], others=tuple(names[1:])) if names else None
    depths: Values = ()
    if isinstance(group.repeat, Reference):
        depth = space.decision_by_path[group.repeat.decision]
        depths = tuple(group.repeat.of(value) for value in depth.values)
        found[f"{group.path}.repeat"] = SettingPlace(f"{group.path}.repeat", depths, depth.path, there)
    elif names or not group.choices:
        found[f"{group.path}.repeat"] = SettingPlace(f"{group.path}.repeat", (group.repeat,), None, there)
    if group.repeat == 0:
        return found
    if not group.choices:
        return found | _attribute_places(
            space, group.path, BLOCKS[group.operator].attributes, group.attributes, _deep(group, depths, 1)
        )
    there = there or _deep(group, depths, 1)
    schema = {a.name: a for name in group.operators if name != NONE for a in BLOCKS[name].attributes}
    common = tuple(schema[name] for name in group.attributes if name in schema)
    for attribute in common:
        where = there if group.is_each else _where_read(group, attribute.name, there)
        found |= _attribute_places(space, group.path, (attribute,), group.attributes, where)
    for number, choice in enumerate(group.choices, 1):
        path = f"{group.path}.block{number}" if group.is_each else group.path
        parent = _deep(group, depths, number)
        listed = tuple(one.name for one in choice.alternatives)
        if listed[0]:
            found[f"{path}.op"] = SettingPlace(f"{path}.op", listed, choice.decision, parent)
        for one in choice.alternatives:
            if one.operator == NONE:
                continue
            above = Parent(path=f"{path}.op", value=one.name) if one.name else parent
            prefix = f"{path}.op.{one.name}" if one.name else path
            own = tuple(a for a in BLOCKS[one.operator].attributes if a.name not in group.attributes)
            found |= _attribute_places(space, prefix, own, one.attributes, above)
    return found


def _deep(group: Group, depths: Values, number: int) -> Parent | None:
    """Where a group has a block of this number, if not at every depth."""
    deep = tuple(value for value in depths if int(value) >= number)
    if not deep or len(deep) == len(depths):
        return None
    return Parent(path=f"{group.path}.repeat", value=deep[0], others=deep[1:])


def _where_read(group: Group, name: str, there: Parent | None) -> Parent | None:
    """Where an alternative of a group reads an attribute of the group; `there` where each does."""
    alternatives = group.choices[0].alternatives
    reading = tuple(
        one.name
        for one in alternatives
        if one.operator != NONE
        and name not in one.attributes
        and any(attribute.name == name for attribute in BLOCKS[one.operator].attributes)
    )
    if not 0 < len(reading) < len(alternatives):
        return there
    return Parent(path=f"{group.path}.op", value=reading[0], others=reading[1:])


def _attribute_places(
    space: Space,
    prefix: str,
    schema: tuple[Attribute, ...],
    given: Mapping[str, Setting],
    parent: Parent | None,
) -> dict[str, SettingPlace]:
    found: dict[str, SettingPlace] = {}
    for attribute in schema:
        setting = given.get(attribute.name, attribute.default)
        path, needs = f"{prefix}.{attribute.name}", attribute.matters_for
        if isinstance(setting, Reference):
            values = tuple(setting.of(value) for value in space.decision_by_path[setting.decision].values)
            found[path] = SettingPlace(path, values, setting.decision, parent, isinstance(setting, Scaled), needs)
        elif setting is not None:
            found[path] = SettingPlace(path, (setting,), None, parent, False, needs)
    return found
