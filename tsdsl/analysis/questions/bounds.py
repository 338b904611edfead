"""Extremes of a cost: of everything or of a part, with a witness. Exact."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.cost_table import CostTable, Quantity
from tsdsl.analysis.tables.elimination import optima, optimum
from tsdsl.analysis.tables.free_space import Bound, FreeSpace
from tsdsl.space.decided import canonical


def extremes(table: CostTable, quantity: Quantity) -> tuple[int, int]:
    """The minimum and maximum over all architectures, or over those that constraints allow."""
    if table.blueprint.space.requires:
        return bound(table, quantity, "min").value, bound(table, quantity, "max").value
    least, most = optima(table.factors(quantity))
    return int(least.value), int(most.value)


def is_exact(table: CostTable, quantity: Quantity) -> bool:
    """Whether the extremes are exact; constraints on costs may leave them open."""
    ends: tuple[Literal["min"], Literal["max"]] = ("min", "max")
    return not table.blueprint.space.requires or all(bound(table, quantity, end).is_exact for end in ends)


def bound(table: CostTable, quantity: Quantity, sense: Literal["min", "max"]) -> Bound:
    """The exact minimum or maximum over all architectures, with one that reaches it."""
    space = table.blueprint.space
    if space.requires:
        return extreme(_allowed(table), sense, quantity)
    best = optimum(table.factors(quantity), sense)
    chosen = {**table.standing, **best.assignment}
    decisions = {d.path: d.values[chosen.get(d.path, 0)] for d in space.decisions}
    return Bound(int(best.value), canonical(space, decisions, table.step))


@lru_cache(maxsize=8)
def _allowed(table: CostTable) -> FreeSpace:
    return FreeSpace(table)


def extreme(
    free: FreeSpace, sense: Literal["min", "max"], quantity: Quantity = "macs", part: str | None = None
) -> Bound:
    """The minimum or maximum over a free space, and an architecture that reaches it.

    `part` is a stream, the path of a slot, or `head`; None is everything.

    Raises:
        RunError: the decisions are too entangled for an exact answer.
    """
    if rules_of(free):
        from tsdsl.analysis.questions.constrained_bounds import allowed_extreme  # much code that few spaces need

        return allowed_extreme(free, sense, quantity, part)
    best = optimum(free.costs(quantity, part), sense)
    row = [best.assignment.get(decision.path, 0) for decision in free.decisions]
    return Bound(int(best.value), free.architecture(row))
