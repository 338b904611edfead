"""The least cost with each value of each decision. Exact."""

from __future__ import annotations

import numpy as np

from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.cost_table import Quantity
from tsdsl.analysis.tables.elimination import least_tables
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.space.parts import Value


def least_by_value(free: FreeSpace, quantity: Quantity = "macs") -> dict[str, dict[Value, int]]:
    """For each free decision the least cost of an architecture in which it exists and has each value.

    A decision that does not exist has no part in any cost, so only where it exists is looked at. UNREACHABLE
    where constraints leave no such architecture.

    Raises:
        RunError: the decisions are too entangled for an exact answer.
    """
    if rules_of(free):
        from tsdsl.analysis.questions.constrained_bounds import least_allowed_by_value  # much code that few spaces need

        return least_allowed_by_value(free, quantity)
    above = [dict(free.ancestors(decision)) for decision in free.decisions]
    own = [free.axes[decision.path] for decision in free.decisions]
    tables = least_tables(
        free.costs(quantity), [frozenset((axis, *others)) for axis, others in zip(own, above, strict=True)]
    )
    found: dict[str, dict[Value, int]] = {}
    for decision, others, table in zip(free.decisions, above, tables, strict=True):
        existing = table.table[np.ix_(*(others.get(axis, range(axis.size)) for axis in table.scope))]
        away = tuple(position for position, axis in enumerate(table.scope) if axis in others)
        found[decision.path] = dict(zip(decision.values, existing.min(away).tolist(), strict=True))
    return found
