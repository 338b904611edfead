"""The least and the most bytes of activations that inference needs at once over a free space, with a witness. Exact.

Own design. A peak is the largest of sums over few decisions each, so what elimination does with sums and their
least, it does with the larger of two tables and its least. No architecture is below the largest of the tables'
least entries, so what lies below is levelled first, and most decisions drop out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np

from tsdsl.analysis.paths.constrained import TooWide
from tsdsl.analysis.paths.feasible import feasible_by_peak, uniform
from tsdsl.analysis.paths.trellis import Trellis
from tsdsl.analysis.questions.budget_sampling import uniform_within
from tsdsl.analysis.questions.constrained_bounds import best_path
from tsdsl.analysis.tables.constraints import looked_up, rules_of
from tsdsl.analysis.tables.cost_table import merged
from tsdsl.analysis.tables.elimination import optimum
from tsdsl.analysis.tables.free_space import Bound, FreeSpace
from tsdsl.operators.varying import Array, Varying

Sense: TypeAlias = Literal["min", "max"]
SENSES: tuple[Literal["min"], Literal["max"]] = ("min", "max")
BATCHES = 8


def peak_extreme(free: FreeSpace, sense: Sense) -> Bound:
    """The least or the most that the peak of the bytes of activations can be, and an architecture that reaches it.

    What is counted is said in `activations`. Where constraints leave the extreme open, it is that of what they are
    sure to allow.

    Raises:
        Unsatisfiable: constraints leave no architecture.
        RunError: the decisions are too entangled for an exact answer.
    """
    tables = _levelled(free.activations)
    best = optimum(tables, sense, np.maximum)
    row = np.array([best.assignment.get(decision.path, 0) for decision in free.decisions], dtype=np.int64)
    architecture = free.architecture(row.tolist())
    if not rules_of(free) or rules_of(free).allow(free, np.array([free.row(architecture)]))[0]:
        return Bound(int(best.value), architecture)
    allowed = _allowed_extreme(free, tables, sense)
    return replace(allowed, is_exact=allowed.is_exact or allowed.value == int(best.value))


def _levelled(tables: Sequence[Varying]) -> list[Varying]:
    """The tables, with what is below the least of any peak raised to that."""
    least = max(int(table.table.min()) for table in tables)
    return merged([Varying(t.scope, np.maximum(t.table, least)) for t in tables], np.maximum)


def _allowed_extreme(free: FreeSpace, tables: Sequence[Varying], sense: Sense) -> Bound:
    found = feasible_by_peak(free, tables)
    if found.narrower is not None:
        return _path_extreme(free, found.narrower, sense, is_exact=found.is_exact)
    # Nothing is sure to be allowed but what is drawn and looked at.
    drawn: tuple[int, Array] | None = None
    whole = uniform(free).wider
    draws = uniform_within(free, whole.least, whole.most).rows(np.random.default_rng(0))
    for rows in islice(draws, BATCHES):
        if len(rows):
            peaks = np.max([looked_up(free, table, rows) for table in tables], axis=0)
            index = int(peaks.argmin() if sense == "min" else peaks.argmax())
            if drawn is None or (peaks[index] < drawn[0]) == (sense == "min"):
                drawn = int(peaks[index]), rows[index]
    if drawn is None:
        raise TooWide(
            "constraints on costs leave too little for the extremes of the activations to be found",
            help="constrain fewer costs, or decisions that are close together in the network",
        )
    return Bound(drawn[0], free.architecture(drawn[1].tolist()), is_exact=False)


def _path_extreme(free: FreeSpace, trellis: Trellis, sense: Sense, *, is_exact: bool) -> Bound:
    """The extreme over the paths of a trellis, which cost the largest of what their edges cost."""
    sign = 1 if sense == "min" else -1
    nowhere = np.iinfo(np.int64).max
    after = np.full(1, sign * trellis.constant)
    through: list[Array] = []
    for stage in reversed(trellis.stages):
        worth = sign * np.maximum(stage.cost, sign * after[stage.target])
        through.append(np.where(after[stage.target] == nowhere, nowhere, worth))
        after = np.full(stage.num_sources, nowhere)
        np.minimum.at(after, stage.source, through[-1])
    row = best_path(free, trellis, through[::-1])
    return Bound(sign * int(after[0]), free.architecture(row), is_exact)
