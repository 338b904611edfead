"""What changed from one space to another: fixed properties, settings, names, and budgets of steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from tsdsl.analysis.comparison.setting_places import SettingPlace, Values
from tsdsl.space.model import Space

Change: TypeAlias = Literal["added", "removed", "narrowed", "widened", "changed"]


@dataclass(frozen=True, slots=True)
class Changed:
    """One setting or fixed property that is not what it was; no values where it was not there."""

    path: str
    change: Change
    old: Values
    new: Values


def fixed_changes(old: Space, new: Space) -> tuple[Changed, ...]:
    """What changed that no decision changes; alternatives only where both spaces have them."""
    alternatives = _changes(_alternatives(old), _alternatives(new))
    return (
        *_changes(fixed_properties(old), fixed_properties(new)),
        *(change for change in alternatives if change.change == "changed"),
    )


def name_changes(old: Space, new: Space) -> tuple[Changed, ...]:
    """What changed of the names that other texts may use."""
    return tuple(_changes(_names(old), _names(new)))


def budget_changes(old: Space, new: Space) -> tuple[Changed, ...]:
    """What changed of the targets and epochs of the steps that both spaces have."""
    return tuple(_changes(_budgets(old, new), _budgets(new, old)))


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


def setting_changes(old: Mapping[str, SettingPlace], new: Mapping[str, SettingPlace]) -> Iterator[Changed]:
    """What changed of the values that settings may take."""
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


def are_unlike(old: Space, new: Space, fixed: tuple[Changed, ...]) -> bool:
    """Whether no network can be the same. A slot or group that one space lacks may hold nothing in the other."""
    may_lack = {f"{slot.path}.streams" for slot in (*old.fusions, *new.fusions)}
    groups = (group for stream in (*old.streams, *new.streams) for group in stream.groups)
    may_lack |= {f"{group.path}.operator" for group in groups if group.repeat == 0}
    return any(change.path not in may_lack or change.change == "changed" for change in fixed)
