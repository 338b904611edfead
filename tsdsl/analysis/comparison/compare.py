"""What changed between two spaces in meaning, how many architectures both have, and what the change breaks.

Spaces are compared by their *settings*: every attribute of every group, slot and head by its path, with all the
values it may take, defaults included. A decision that became a constant is so a narrowed setting, and a
slot that is not there is one that holds `none`. An architecture is in both where every setting has the same value
and everything fixed is the same. Own design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from tsdsl.analysis.comparison.changes import (
    Changed,
    are_unlike,
    budget_changes,
    fixed_changes,
    name_changes,
    setting_changes,
)
from tsdsl.analysis.comparison.in_both import count, count_in_both
from tsdsl.analysis.comparison.setting_places import SettingPlace, setting_places
from tsdsl.analysis.questions.bounds import extremes
from tsdsl.analysis.questions.counting import Bracket
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.network.layout import Blueprint
from tsdsl.network.parameters import extents, network_parameters
from tsdsl.space.model import Space

Breaks: TypeAlias = Literal["SOURCE", "ARCHITECTURES", "WEIGHTS"]
ALL_BREAKS: tuple[Breaks, ...] = ("SOURCE", "ARCHITECTURES", "WEIGHTS")
Shape: TypeAlias = tuple[int, ...]


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
    fixed, names = fixed_changes(old, new), name_changes(old, new)
    settings = tuple(setting_changes(old_places, new_places))
    old_count, new_count = count(old), count(new)
    both = 0 if are_unlike(old, new, fixed) else count_in_both(old, new, old_places, new_places)
    weights = compare_weights(old, new)
    decided = _decided_otherwise(old, new, old_places, new_places)
    breaks = _breaks(old, new, fixed, settings, names, decided, old_count, both, weights)
    budgets = budget_changes(old, new)
    limits = bounds(old), bounds(new)
    return Comparison(old, new, fixed, settings, names, budgets, both, old_count, new_count, *limits, weights, breaks)


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


def _constrains(change: Changed) -> bool:
    return change.path.startswith("require ") and change.change == "added"


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
    reasons = [f"{change.path} is not what it was" for change in fixed if are_unlike(old, new, (change,))]
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
