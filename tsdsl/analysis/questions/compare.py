"""What changed between two spaces in meaning, how many architectures both have, and what the change breaks.

Spaces are compared by their *settings*: every attribute of every group, slot and head by its path, with all the
values it may take, defaults included. A decision that became a constant is so a narrowed setting, and a
slot that is not there is one that holds `none`. An architecture is in both where every setting has the same value
and everything fixed is the same. Own design.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias, TypeVar

from tsdsl.analysis.paths.feasible import Unsatisfiable
from tsdsl.analysis.questions.bounds import extremes
from tsdsl.analysis.questions.counting import Bracket, counts
from tsdsl.analysis.questions.setting_places import SettingPlace, Values, setting_places
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.layout import Blueprint
from tsdsl.network.parameters import extents, network_parameters
from tsdsl.operators.registry import NONE
from tsdsl.space.model import Space
from tsdsl.space.parts import (
    AttentionSlot,
    Decision,
    FusionSlot,
    Parent,
    Value,
)

Breaks: TypeAlias = Literal["SOURCE", "ARCHITECTURES", "WEIGHTS"]
ALL_BREAKS: tuple[Breaks, ...] = ("SOURCE", "ARCHITECTURES", "WEIGHTS")
Change: TypeAlias = Literal["added", "removed", "narrowed", "widened", "changed"]
Shape: TypeAlias = tuple[int, ...]
AnySlot = TypeVar("AnySlot", FusionSlot, AttentionSlot)


@dataclass(frozen=True, slots=True)
class Changed:
    """One setting or fixed property that is not what it was; no values where it was not there."""

    path: str
    change: Change
    old: Values
    new: Values


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and most multiply-adds and parameters of a space's architectures."""

    least_macs: int
    most_macs: int
    least_params: int
    most_params: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Shared tensors by name, with their sizes in the old space and in the new one."""

    kept: int
    changed: Mapping[str, tuple[Shape, Shape]]
    removed: Mapping[str, Shape]
    added: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed. `in_both` is None where it cannot be counted without listing architectures.

    `budgets` are targets and epochs of steps, which change what a search finds, and break nothing. `old_count` and
    `new_count` are of the architectures that satisfy each space's constraints.
    """

    old: Space
    new: Space
    fixed: tuple[Changed, ...]
    settings: tuple[Changed, ...]
    names: tuple[Changed, ...]
    budgets: tuple[Changed, ...]
    in_both: int | None
    old_count: Bracket
    new_count: Bracket
    old_bounds: Bounds
    new_bounds: Bounds
    weights: Weights
    breaks: Mapping[Breaks, tuple[str, ...]]

    @property
    def same_meaning(self) -> bool:
        """Whether nothing changed that an architecture, its weights or its name can tell."""
        return not (self.fixed or self.settings or self.names)

    @property
    def size_ratio(self) -> Fraction | None:
        """Architectures of the new space over those of the old one, where both are known exactly."""
        if not (self.old_count.is_exact and self.new_count.is_exact):
            return None
        return Fraction(self.new_count.at_least, self.old_count.at_least)


def compare(old: Space, new: Space) -> Comparison:
    """What changed from `old` to `new`."""
    old_places, new_places = setting_places(old), setting_places(new)
    fixed = tuple(_changes(fixed_properties(old), fixed_properties(new)))
    fixed += tuple(change for change in _changes(_alternatives(old), _alternatives(new)) if change.change == "changed")
    settings = tuple(_setting_changes(old_places, new_places))
    names = tuple(_changes(_names(old), _names(new)))
    old_count, new_count = count(old), count(new)
    if _differs(old, new, fixed):
        both: int | None = 0
    elif old.requires or new.requires:
        both = _count_satisfying_both(old, new, old_places, new_places)
    else:
        both = _count_in_both(old_places, new_places)
    weights = compare_weights(old, new)
    decided = _decided_otherwise(old, new, old_places, new_places)
    breaks = _breaks(old, new, fixed, settings, names, decided, old_count, both, weights)
    budgets = tuple(_changes(_budgets(old, new), _budgets(new, old)))
    limits = bounds(old), bounds(new)
    return Comparison(old, new, fixed, settings, names, budgets, both, old_count, new_count, *limits, weights, breaks)


def count(space: Space) -> Bracket:
    """How many architectures satisfy a space's constraints: exactly, or within a bracket where they are too many."""
    if not space.requires:
        return Bracket(space.cardinality, space.cardinality)
    return counts(FreeSpace(CostTable(Blueprint(space)))).totals


def fixed_properties(space: Space) -> dict[str, Values]:
    """What no decision changes: sizes, frames, operators, the streams that a slot joins."""
    found: dict[str, Values] = {"classes": (space.classes,), "size": (space.size,)}
    for stream in space.streams:
        found[f"{stream.name}.frames"] = (stream.frames,)
        for group in stream.groups:
            if group.operator and group.operators:
                found[f"{group.path}.operator"] = group.operators
    for fusion in space.fusions:
        found[f"{fusion.path}.streams"] = (f"{fusion.source} -> {fusion.target}",)
    return found


def _alternatives(space: Space) -> dict[str, Values]:
    """The operators of what groups choose between, by the names of the alternatives."""
    groups = [group for stream in space.streams for group in stream.groups]
    return {
        f"{group.path}.op.{one.name}": (one.operator,)
        for group in groups
        for choice in group.choices
        for one in choice.alternatives
        if one.name
    }


def _names(space: Space) -> dict[str, Values]:
    """What another text can name besides settings: the space, its steps with their decisions, its models."""
    found: dict[str, Values] = {f"space {space.name}": ("",)}
    for step in space.steps:
        found[f"step {step.index}"] = tuple(sorted(step.decisions + step.names))
    for requirement in space.requires:
        found[f"require {requirement.text}"] = ("",)
    for model in space.models:
        found[f"model {model.name}"] = (json.dumps(asdict(model)),)
    return found


def _budgets(space: Space, other: Space) -> dict[str, Values]:
    """The target, in multiply-adds, and the epochs of each step that both spaces have."""
    found: dict[str, Values] = {}
    for step in space.steps:
        if any(step.index == shared.index for shared in other.steps):
            found[f"step {step.index}.target"] = ("none" if step.target_macs is None else step.target_macs,)
            found[f"step {step.index}.epochs"] = (step.epochs,)
    return found


def _changes(old: Mapping[str, Values], new: Mapping[str, Values]) -> Iterator[Changed]:
    for path in [*old, *(path for path in new if path not in old)]:
        if path not in new:
            yield Changed(path, "removed", old[path], ())
        elif path not in old:
            yield Changed(path, "added", (), new[path])
        elif old[path] != new[path]:
            yield Changed(path, "changed", old[path], new[path])


def _setting_changes(old: Mapping[str, SettingPlace], new: Mapping[str, SettingPlace]) -> Iterator[Changed]:
    for path in [*old, *(path for path in new if path not in old)]:
        before, after = old.get(path), new.get(path)
        if before is None or after is None:
            only = before or after
            assert only is not None
            if only.parent is None or only.decision is not None:
                change: Change = "removed" if after is None else "added"
                yield Changed(path, change, before.values if before else (), after.values if after else ())
            continue
        lost, gained = set(before.values) - set(after.values), set(after.values) - set(before.values)
        if lost or gained:
            change = "changed" if lost and gained else "narrowed" if lost else "widened"
            yield Changed(path, change, before.values, after.values)


def _differs(old: Space, new: Space, fixed: tuple[Changed, ...]) -> bool:
    """Whether no network can be the same. A slot or group that one space lacks may hold nothing in the other."""
    may_lack = {f"{slot.path}.streams" for slot in (*old.fusions, *new.fusions)}
    groups = (group for stream in (*old.streams, *new.streams) for group in stream.groups)
    may_lack |= {f"{group.path}.operator" for group in groups if group.repeat == 0}
    return any(change.path not in may_lack or change.change == "changed" for change in fixed)


def _count_in_both(old: Mapping[str, SettingPlace], new: Mapping[str, SettingPlace]) -> int | None:
    """How many assignments of values to settings both spaces have; both have the same groups."""
    paths = {path for path in (*old, *new) if (old.get(path) or new[path]).parent is None}
    children: dict[tuple[str, Value], list[str]] = {}
    shared: dict[str, str] = {}
    for path in {**old, **new}:
        places = [place for place in (old.get(path), new.get(path)) if place is not None]
        for place in places:
            if place.parent is not None and place is places[0]:
                for value in place.parent.values:
                    children.setdefault((place.parent.path, value), []).append(path)
            nests = place.parent is not None or path.endswith((".op", ".repeat"))
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


def _constrains(change: Changed) -> bool:
    return change.path.startswith("require ") and change.change == "added"


def _root(joined: dict[str, str], name: str) -> str:
    while joined.get(name, name) != name:
        name = joined[name]
    return name


def _join(joined: dict[str, str], one: str, other: str) -> None:
    joined.setdefault(one, one)
    joined.setdefault(other, other)
    joined[_root(joined, one)] = _root(joined, other)


def bounds(space: Space) -> Bounds:
    """The bounds of a space's costs; exact, but where constraints leave them open, of sure architectures."""
    table = CostTable(Blueprint(space))
    return Bounds(*extremes(table, "macs"), *extremes(table, "params"))


def compare_weights(old: Space, new: Space) -> Weights:
    """Which tensors of the old supernet fit into the new one."""
    before, after = shared_sizes(old), shared_sizes(new)
    changed = {name: (sizes, after[name]) for name, sizes in before.items() if name in after and after[name] != sizes}
    return Weights(
        kept=sum(after.get(name) == sizes for name, sizes in before.items()),
        changed=changed,
        removed={name: sizes for name, sizes in before.items() if name not in after},
        added={name: sizes for name, sizes in after.items() if name not in before},
    )


def shared_sizes(space: Space) -> dict[str, Shape]:
    """The sizes of every tensor of a space's supernet, by name."""
    return {name: extents(parameter) for name, parameter in network_parameters(Blueprint(space).whole).items()}


def _decided_otherwise(
    old: Space, new: Space, old_places: Mapping[str, SettingPlace], new_places: Mapping[str, SettingPlace]
) -> list[str]:
    """What architectures of one space decide and those of the other do not, though both have what it decides.

    A decision that is nested under an alternative that one space lacks changes nothing for the others.
    """
    reasons = []
    for decision in new.decisions:
        if decision.path not in old.decision_by_path and (decision.parent is None or decision.path in old_places):
            reasons.append(f"architectures lack the new decision {decision.path}")
    for decision in old.decisions:
        if decision.path not in new.decision_by_path and (decision.parent is None or decision.path in new_places):
            reasons.append(f"{decision.path} is a decision no more")
    return reasons


def _breaks(
    old: Space,
    new: Space,
    fixed: tuple[Changed, ...],
    settings: tuple[Changed, ...],
    names: tuple[Changed, ...],
    decided: Sequence[str],
    old_count: Bracket,
    both: int | None,
    weights: Weights,
) -> dict[Breaks, tuple[str, ...]]:
    """For each kind of thing that stops working, why."""
    found: dict[Breaks, tuple[str, ...]] = {}
    gone = [
        f"{change.path} is gone"
        for change in (*names, *settings)
        if change.change == "removed" and not change.path.startswith("require ")
    ]
    if gone:
        found["SOURCE"] = tuple(gone)
    reasons = [f"{change.path} is not what it was" for change in fixed if _differs(old, new, (change,))]
    if both is not None and both < old_count.at_least and not reasons:
        lost_count = old_count.at_least - both
        reasons.append(f"{lost_count} of {old_count.at_least} architectures are in the new space no more")
    elif both is None and any(change.change in ("narrowed", "changed") for change in settings):
        reasons.append("choices are gone")
    if both is None:
        reasons += [f"{change.path} may refuse some" for change in names if _constrains(change)]
    reasons += decided
    for change in names:
        if change.path.startswith("step ") and change.change == "changed":
            reasons.append(f"{change.path} decides other things, or brings in other parts")
    if reasons:
        found["ARCHITECTURES"] = tuple(reasons)
    lost = [f"{name}: {sizes} is now {now}" for name, (sizes, now) in weights.changed.items()]
    lost += [f"{name} is gone" for name in weights.removed]
    lost += [f"{name} is new" for name in weights.added]
    if lost:
        found["WEIGHTS"] = tuple(lost)
    return found
