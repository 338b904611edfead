"""Extremes of a cost: of everything or of a part, with a witness, and with each value of each decision. Exact."""

from __future__ import annotations

from typing import Literal

from tsdsl.analysis.elimination import least_tables, optimum
from tsdsl.analysis.free import FreeSpace
from tsdsl.analysis.terms import Bound, Quantity
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
    """For each free decision the least cost of an architecture in which it exists and has each value.

    A decision that does not exist has no part in any cost, so only where it exists is looked at.

    Raises:
        RunError: the decisions are too entangled for an exact answer.
    """
    above = [dict(free.ancestors(decision)) for decision in free.decisions]
    own = [free.axes[decision.path] for decision in free.decisions]
    tables = least_tables(
        free.costs(quantity), [frozenset((axis, *others)) for axis, others in zip(own, above, strict=True)]
    )
    found: dict[str, dict[Value, int]] = {}
    for decision, others, table in zip(free.decisions, above, tables, strict=True):
        index = tuple(others.get(axis, slice(None)) for axis in table.scope)
        found[decision.path] = dict(zip(decision.values, table.table[index].tolist(), strict=True))
    return found
