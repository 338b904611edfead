"""Extremes of a cost: of everything or of a part, with a witness, and with each value of each decision. Exact."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsdsl.analysis.elimination import optimum
from tsdsl.analysis.free import FreeSpace
from tsdsl.analysis.terms import Bound, Quantity
from tsdsl.analysis.trellis import UNREACHABLE, Trellis, build_trellis, least_to_go
from tsdsl.operators.varying import Array
from tsdsl.space.model import Value


def extreme(
    free: FreeSpace, sense: Literal["min", "max"], quantity: Quantity = "macs", part: str | None = None
) -> Bound:
    """The minimum or maximum over a free space, and an architecture that reaches it.

    `part` is a stream, the path of a slot, or `head`; None is everything.

    Raises:
        RunError: the decisions are too entangled for an exact answer.
    """
    best = optimum(free.costs(quantity, part), sense)
    row = [best.assignment.get(decision.path, 0) for decision in free.decisions]
    return Bound(int(best.value), free.architecture(row))


def least_by_value(free: FreeSpace, quantity: Quantity = "macs") -> dict[str, dict[Value, int]]:
    """For each free decision the least cost of an architecture in which it exists and has each value."""
    trellis = build_trellis(free.costs(quantity), free.pins)
    found: dict[str, dict[Value, int]] = {}
    for stage, through in zip(trellis.stages, _least_through(trellis), strict=True):
        for decision in free.decisions:
            above = free.ancestors(decision)
            needed = {free.axes[decision.path], *(axis for axis, _ in above)}
            if decision.path in found or not needed <= set(stage.scope):
                continue
            exists = np.ones(stage.flat.size, dtype=bool)
            for axis, index in above:
                exists &= stage.values(axis) == index
            least = np.full(len(decision.values), UNREACHABLE, dtype=np.int64)
            np.minimum.at(least, stage.values(free.axes[decision.path])[exists], through[exists])
            found[decision.path] = dict(zip(decision.values, (least + trellis.constant).tolist(), strict=True))
    return {decision.path: found[decision.path] for decision in free.decisions}


def _least_through(trellis: Trellis) -> list[Array]:
    """For each edge the least cost, above the constant, of a path that takes it."""
    to_go = least_to_go([(stage, stage.cost) for stage in trellis.stages])
    so_far = np.zeros(1, dtype=np.int64)
    found = []
    for stage, after in zip(trellis.stages, to_go[1:], strict=True):
        cost = so_far[stage.source] + stage.cost
        found.append(np.minimum(cost + after[stage.target], UNREACHABLE))
        so_far = np.full(stage.num_targets, UNREACHABLE, dtype=np.int64)
        np.minimum.at(so_far, stage.target, np.minimum(cost, UNREACHABLE))
    return found
