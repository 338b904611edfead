"""How many architectures two spaces have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tsdsl.analysis.comparison.setting_places import SettingPlace, Values
from tsdsl.analysis.paths.feasible import Unsatisfiable
from tsdsl.analysis.questions.counting import Bracket, counts
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.layout import Blueprint
from tsdsl.operators.registry import NONE
from tsdsl.space.model import Space
from tsdsl.space.parts import AttentionSlot, Decision, FusionSlot, Parent, Value

AnySlot = TypeVar("AnySlot", FusionSlot, AttentionSlot)


def count(space: Space) -> Bracket:
    """How many architectures satisfy a space's constraints: exactly, or within a bracket where they are too many."""
    if not space.requires:
        return Bracket(space.cardinality, space.cardinality)
    return counts(FreeSpace(CostTable(Blueprint(space)))).totals


def count_in_both(
    old: Space, new: Space, old_places: Mapping[str, SettingPlace], new_places: Mapping[str, SettingPlace]
) -> int | None:
    """How many architectures both spaces have, whose fixed properties are alike; None where it cannot be counted."""
    if old.requires or new.requires:
        return _count_satisfying_both(old, new, old_places, new_places)
    return _count_common(old_places, new_places)


def _count_common(old: Mapping[str, SettingPlace], new: Mapping[str, SettingPlace]) -> int | None:
    """How many assignments of values to settings both spaces have; both have the same groups."""
    paths = {path for path in (*old, *new) if (old.get(path) or new[path]).parent is None}
    children: dict[tuple[str, Value], list[str]] = {}
    shared: dict[str, str] = {}
    above = {place.parent.path for place in (*old.values(), *new.values()) if place.parent is not None}
    for path in {**old, **new}:
        places = [place for place in (old.get(path), new.get(path)) if place is not None]
        for place in places:
            if place.parent is not None and place is places[0]:
                for value in place.parent.values:
                    children.setdefault((place.parent.path, value), []).append(path)
            nests = place.parent is not None or path in above
            if place.decision is not None and place.decision != path and nests:
                return None
            if place.decision is not None and place.decision != path:
                _join(shared, path, f"{'old' if place is old.get(path) else 'new'} {place.decision}")

    def common(path: str) -> list[Value]:
        before, after = old.get(path), new.get(path)
        first: Values = before.values if before is not None else (NONE,)
        second: Values = after.values if after is not None else (NONE,)
        return [value for value in first if value in second]

    def ways(path: str) -> int:
        total = 0
        for value in common(path):
            product = 1
            for child in children.get((path, value), ()):
                product *= ways(child)
            total += product
        return total

    result = 1
    together: dict[str, list[str]] = {}
    for path in sorted(paths):
        if path in shared:
            together.setdefault(_root(shared, path), []).append(path)
        else:
            result *= ways(path)
    for members in together.values():
        sides = [[places.get(path) for path in members] for places in (old, new)]
        if any(place is not None and place.is_scaled for side in sides for place in side):
            before, after = map(_together, sides)
            if before is None or after is None:
                return None
            result *= len(before & after)
        else:
            result *= len(set.intersection(*(set(common(path)) for path in members)))
    return result


def _together(side: Sequence[SettingPlace | None]) -> set[Values] | None:
    """The values that settings take together; None where one is absent or they follow from several decisions."""
    places = [place for place in side if place is not None]
    if len(places) < len(side) or len({place.decision for place in places} - {None}) > 1:
        return None
    longest = max(len(place.values) for place in places)
    return {tuple(place.values[min(n, len(place.values) - 1)] for place in places) for n in range(longest)}


def _count_satisfying_both(
    old: Space, new: Space, old_places: Mapping[str, SettingPlace], new_places: Mapping[str, SettingPlace]
) -> int | None:
    """How many architectures satisfy both spaces' constraints, counted in the space of what both have.

    None where they make other decisions, or where the constraints are too many for an exact count.
    """
    if [(p.path, p.decision, p.parent) for p in old_places.values()] != [
        (p.path, p.decision, p.parent) for p in new_places.values()
    ]:
        return None
    if any((p.is_scaled or new_places[path].is_scaled) and p != new_places[path] for path, p in old_places.items()):
        return None
    decisions: list[Decision] = []
    gone: set[tuple[str, Value]] = set()
    for decision in new.decisions:
        parent, before = decision.parent, old.decision_by_path[decision.path]
        if parent is not None:
            left = tuple(value for value in parent.values if (parent.path, value) not in gone)
            if not left:
                continue
            decision = replace(decision, parent=Parent(path=parent.path, value=left[0], others=left[1:]))
        kept = tuple(value for value in decision.values if value in before.values)
        gone |= {(decision.path, value) for value in decision.values if value not in kept}
        if not kept and parent is not None:
            return None
        if not kept:
            return 0
        decisions.append(replace(decision, values=kept))
    if any(place.decision is None and place.values != new_places[path].values for path, place in old_places.items()):
        return None
    requires = tuple(dict.fromkeys((*old.requires, *new.requires)))
    common = replace(
        new,
        fusions=tuple(_without(slot, gone) for slot in new.fusions),
        attentions=tuple(_without(slot, gone) for slot in new.attentions),
        decisions=tuple(decisions),
        requires=requires,
        steps=(),
    )
    try:
        found = count(common)
    except Unsatisfiable:
        return 0
    return found.at_least if found.is_exact else None


def _without(slot: AnySlot, gone: Collection[tuple[str | None, Value]]) -> AnySlot:
    """A slot without the alternatives that are gone, as (its decision, operator)."""
    return replace(slot, alternatives=tuple(a for a in slot.alternatives if (slot.decision, a.operator) not in gone))


def _root(joined: dict[str, str], name: str) -> str:
    while joined.get(name, name) != name:
        name = joined[name]
    return name


def _join(joined: dict[str, str], one: str, other: str) -> None:
    joined.setdefault(one, one)
    joined.setdefault(other, other)
    joined[_root(joined, one)] = _root(joined, other)
