"""Which decisions exist once others are made."""

from __future__ import annotations

from collections.abc import Mapping

from tsdsl.space.model import Space
from tsdsl.space.parts import Value


def decided_paths(space: Space, decisions: Mapping[str, Value], step: int | None = None) -> tuple[str, ...]:
    """The decisions that exist after `step`, given the values made, in the order of the space."""
    present = space.present_after(step)
    exist: list[str] = []
    seen: set[str] = set()
    for decision in space.decisions:
        if not space.is_of(decision.path, present):
            continue
        parent = decision.parent
        if parent is not None and (parent.path not in seen or decisions.get(parent.path) not in parent.values):
            continue
        seen.add(decision.path)
        exist.append(decision.path)
    return tuple(exist)


def canonical(space: Space, decisions: Mapping[str, Value], step: int | None = None) -> dict[str, Value]:
    """The decisions that exist, in the space's order, each as the value the space itself lists."""
    result: dict[str, Value] = {}
    for path in decided_paths(space, decisions, step):
        values = space.decision_by_path[path].values
        result[path] = values[values.index(decisions[path])]
    return result
