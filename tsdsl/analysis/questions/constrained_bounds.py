"""Extremes of a cost under constraints, of everything or of a part, with a witness; with each value too. Exact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

import numpy as np

from tsdsl.analysis.paths.constrained import TooWide
from tsdsl.analysis.paths.feasible import uniform
from tsdsl.analysis.paths.trellis import Trellis, least_to_go
from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.questions.budget_sampling import uniform_within
from tsdsl.analysis.tables.cost_table import Quantity
from tsdsl.analysis.tables.elimination import UNREACHABLE
from tsdsl.analysis.tables.free_space import Bound, FreeSpace
from tsdsl.operators.varying import Array
from tsdsl.space.parts import Value

NEAR_THE_END = 1000
BATCHES = 8


def allowed_extreme(free: FreeSpace, sense: Literal["min", "max"], quantity: Quantity, part: str | None) -> Bound:
    """The extreme of what the constraints allow.

    Where that is not known exactly, that of what they are sure to allow, which an architecture reaches.
    """
    found = uniform(free, quantity, part)
    if found.narrower is not None:
        bound = _path_extreme(free, found.narrower, sense)
        if (found.least or 0) <= bound.value <= (bound.value if found.most is None else found.most):
            return Bound(bound.value, bound.witness, found.is_exact)
    return _drawn_extreme(free, sense, quantity, part)


def _path_extreme(free: FreeSpace, trellis: Trellis, sense: Literal["min", "max"]) -> Bound:
    """The extreme over the paths of a trellis."""
    sign = 1 if sense == "min" else -1
    to_go = least_to_go([(stage, sign * stage.cost) for stage in trellis.stages])
    through = [sign * stage.cost + after[stage.target] for stage, after in zip(trellis.stages, to_go[1:], strict=True)]
    return Bound(trellis.constant + sign * int(to_go[0][0]), free.architecture(best_path(free, trellis, through)))


def best_path(free: FreeSpace, trellis: Trellis, through: Sequence[Array]) -> list[int]:
    """The index row of the path whose edges are the least of those that leave each state, by stage."""
    state, row = 0, [0] * len(free.decisions)
    for stage, worth in zip(trellis.stages, through, strict=True):
        leaving = np.flatnonzero(stage.source == state)
        edge = leaving[np.argmin(worth[leaving])]
        for axis in stage.scope:
            row[free.columns[axis.path]] = int(stage.values(axis)[edge])
        state = int(stage.target[edge])
    return row


def _drawn_extreme(free: FreeSpace, sense: Literal["min", "max"], quantity: Quantity, part: str | None) -> Bound:
    """The extreme of what draws near the end of the window meet: reached by one, perhaps not by the last."""
    found = uniform(free)
    low, high = found.wider.least, found.wider.most
    low, high = max(low, found.least or low), min(high, found.most or high)
    near = (high - low) // NEAR_THE_END
    end = (low, low + near) if sense == "min" else (high - near, high)
    is_window = part is None and quantity == "macs"
    costs = BatchCosts(free, quantity, part)
    best: tuple[int, Array] | None = None
    for least, most in (end, (low, high)) if is_window else ((low, high),):
        sampler = uniform_within(free, least, most)
        if sampler.is_surely_empty:  # the end of the window; not all of it
            continue
        for rows in islice(sampler.rows(np.random.default_rng(0)), BATCHES):
            values = costs(rows)
            index = int(values.argmin() if sense == "min" else values.argmax()) if len(rows) else -1
            if index >= 0 and (best is None or (values[index] < best[0]) == (sense == "min")):
                best = int(values[index]), rows[index]
        if best is not None:
            break
    if best is None:
        raise TooWide(
            "constraints on costs leave too little for its extremes to be found",
            help="constrain fewer costs, or decisions that are close together in the network",
        )
    return Bound(best[0], free.architecture(best[1].tolist()), is_exact=False)


def least_allowed_by_value(free: FreeSpace, quantity: Quantity) -> dict[str, dict[Value, int]]:
    """For each free decision the least cost that constraints allow with each of its values (see `least_by_value`)."""
    allowed = uniform(free, quantity)
    trellis = allowed.wider
    found: dict[str, dict[Value, int]] = {}
    for stage, through in zip(trellis.stages, _least_through(trellis), strict=True):
        for decision in free.decisions:
            above = free.ancestors(decision)
            needed = {free.axes[decision.path], *(axis for axis, _ in above)}
            if decision.path in found or not needed <= set(stage.scope):
                continue
            exists = np.ones(stage.flat.size, dtype=bool)
            for axis, index in above:
                exists &= np.isin(stage.values(axis), index)
            least = np.full(len(decision.values), UNREACHABLE, dtype=np.int64)
            np.minimum.at(least, stage.values(free.axes[decision.path])[exists], through[exists])
            found[decision.path] = dict(
                zip(decision.values, np.minimum(least + trellis.constant, UNREACHABLE).tolist(), strict=True)
            )
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
