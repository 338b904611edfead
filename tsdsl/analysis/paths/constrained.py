"""A trellis without the paths on which a constrained sum leaves its bounds.

Own design. States are split by their sums so far, as in a decision diagram. A sum that can no longer leave its bounds
is dropped, and a path that can no longer get within bounds is cut. Where one of several sums must be within its
bounds, those that no longer can are dropped, and all of them once one is sure to. If there are too many splits, sums
are counted in steps of a width, rounded so that the remaining paths are all allowed ones and perhaps more (`wider`), or
only allowed ones (`narrower`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np

from tsdsl.analysis.paths.trellis import Stage, Trellis
from tsdsl.analysis.tables.constraints import Clause, Form
from tsdsl.errors import RunError
from tsdsl.operators.varying import Array
from tsdsl.records import dataclass

MAX_EDGES = 500_000
BINS = (4096, 512, 64)
_OPEN, _WITHIN, _OUTSIDE = range(3)  # what is known of a sum: nothing yet, or that it or its clause is settled
Rounding: TypeAlias = Literal["exact", "wider", "narrower"]


class TooWide(RunError):
    """Constraints that need too many edges."""


@dataclass(frozen=True, eq=False)
class _Bounded:
    """One sum: what the edges of each stage add, its bounds, and the sums that states can still reach."""

    added: Sequence[Array]
    least: int | None
    most: int | None
    is_inside: bool
    to_come_least: Sequence[Array]
    to_come_most: Sequence[Array]


def constrained(
    trellis: Trellis,
    clauses: Sequence[Clause],
    rounding: Rounding = "exact",
    bins: int = BINS[0],
) -> Trellis:
    """The paths of a trellis that the clauses allow; its stages have a row of `sums` for each form of each clause.

    With a rounding other than `exact`, sums are distinguished in about `bins` steps.

    Raises:
        TooWide: more than MAX_EDGES would be needed.
    """
    if not clauses:
        return trellis
    forms = [form for clause in clauses for form in clause]
    ends = list(accumulate(map(len, clauses)))
    rows_of = [range(end - len(clause), end) for clause, end in zip(clauses, ends, strict=True)]
    bounded = [_bounded(trellis, number, form, rounding, bins) for number, form in enumerate(forms)]
    stages: list[Stage] = []
    states = np.zeros(1, dtype=np.int64)  # of the trellis; split by `so_far` and `outcome`
    so_far = np.zeros((len(forms), 1), dtype=np.int64)
    outcome = np.full((len(forms), 1), _OPEN, dtype=np.int64)
    edges_left = MAX_EDGES
    for number, stage in enumerate(trellis.stages):
        edge, origin = _leaving(stage, states)
        edges_left -= edge.size
        if edges_left < 0:
            raise TooWide(
                f"constraints on costs need more than {MAX_EDGES:,} different sums",
                help="constrain fewer costs, or decisions that are close together in the network",
            )
        known, total = outcome[:, origin], so_far[:, origin]
        is_open = np.ones(edge.size, dtype=bool)
        target = stage.target[edge]
        for rows in rows_of:
            is_certain = np.zeros(edge.size, dtype=bool)
            is_possible = np.zeros(edge.size, dtype=bool)
            for row in rows:
                sum_of = bounded[row]
                total[row] += sum_of.added[number][edge]
                low = total[row] + sum_of.to_come_least[number + 1][target]
                high = total[row] + sum_of.to_come_most[number + 1][target]
                possible, certain = _outlook(sum_of, low, high)
                known[row] = np.where(known[row] == _OPEN, np.where(possible, _OPEN, _OUTSIDE), known[row])
                is_certain |= (known[row] == _WITHIN) | ((known[row] == _OPEN) & certain)
                is_possible |= known[row] != _OUTSIDE
            is_open &= is_possible
            for row in rows:
                known[row] = np.where(is_certain, _WITHIN, known[row])
                total[row] = np.where(known[row] == _OPEN, total[row], 0)
        edge, origin, target = edge[is_open], origin[is_open], target[is_open]
        keys = np.vstack([total[:, is_open], known[:, is_open], target[None]])
        unique, inverse = _distinct(keys)
        stages.append(
            replace(
                stage,
                flat=stage.flat[edge],
                source=origin,
                target=inverse,
                cost=stage.cost[edge],
                weight=stage.weight[edge],
                num_sources=len(states),
                num_targets=unique.shape[1],
                sums=stage.sums[:, edge],
            )
        )
        so_far, outcome, states = unique[: len(forms)], unique[len(forms) : -1], unique[-1]
    return Trellis(_alive(stages), trellis.constant)


def is_empty(trellis: Trellis) -> bool:
    """Whether there is no path."""
    return any(stage.flat.size == 0 for stage in trellis.stages)


def _bounded(trellis: Trellis, row: int, form: Form, rounding: Rounding, bins: int) -> _Bounded:
    added = [stage.sums[row] for stage in trellis.stages]
    least, most = form.least, form.most
    constant = sum(int(factor.table) for factor in form.factors if not factor.scope)
    least = None if least is None else least - constant
    most = None if most is None else most - constant
    if rounding != "exact":
        span = sum(int(a.max() - a.min()) for a in added if a.size)
        width = max(1, span // bins)
        # The error of a path is less than one width for each stage.
        slack = len(added) if rounding == "wider" else 0
        margin = len(added) if rounding == "narrower" else 0
        added = [a // width for a in added]
        if form.is_inside:
            least = None if least is None else -(-least // width) - slack - (1 if slack else 0)
            most = None if most is None else most // width - margin
        elif rounding == "wider":
            return _looking_ahead(trellis, added, None, None, True)
        else:
            least = None if least is None else least // width - margin
            most = None if most is None else -(-most // width)
    return _looking_ahead(trellis, added, least, most, form.is_inside)


def _looking_ahead(
    trellis: Trellis, added: Sequence[Array], least: int | None, most: int | None, is_inside: bool
) -> _Bounded:
    lows, highs = [np.zeros(1, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    unreachable = np.int64(1) << 60
    for stage, own in zip(reversed(trellis.stages), reversed(added), strict=True):
        low = np.full(stage.num_sources, unreachable)
        high = np.full(stage.num_sources, -unreachable)
        np.minimum.at(low, stage.source, own + lows[-1][stage.target])
        np.maximum.at(high, stage.source, own + highs[-1][stage.target])
        lows.append(low)
        highs.append(high)
    return _Bounded(added, least, most, is_inside, lows[::-1], highs[::-1])


def _outlook(bounded: _Bounded, low: Array, high: Array) -> tuple[Array, Array]:
    """(whether a sum that ends in low .. high may still be allowed, whether it is bound to be)."""
    inside_possible = np.ones(low.shape, dtype=bool)
    inside_certain = np.ones(low.shape, dtype=bool)
    if bounded.least is not None:
        inside_possible &= high >= bounded.least
        inside_certain &= low >= bounded.least
    if bounded.most is not None:
        inside_possible &= low <= bounded.most
        inside_certain &= high <= bounded.most
    if bounded.is_inside:
        return inside_possible, inside_certain
    return ~inside_certain, ~inside_possible


def _leaving(stage: Stage, states: Array) -> tuple[Array, Array]:
    """The edges that leave each of the states, and for each the position of its state."""
    order = np.argsort(stage.source, kind="stable")
    ends = np.searchsorted(stage.source[order], np.arange(stage.num_sources + 1))
    begins, counts = ends[states], ends[states + 1] - ends[states]
    origin = np.repeat(np.arange(states.size), counts)
    offsets = np.arange(origin.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[begins[origin] + offsets], origin


def _distinct(keys: Array) -> tuple[Array, Array]:
    """The distinct columns, and for each column its position among them."""
    order = np.lexsort(keys)
    ordered = keys[:, order]
    is_new = np.ones(ordered.shape[1], dtype=bool)
    is_new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    inverse = np.empty(ordered.shape[1], dtype=np.int64)
    inverse[order] = np.cumsum(is_new) - 1
    return ordered[:, is_new], inverse


def _alive(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages without edges from which no path reaches the end."""
    kept: list[Stage] = []
    alive = np.ones(stages[-1].num_targets, dtype=bool)
    for number, stage in reversed(list(enumerate(stages))):
        is_kept = alive[stage.target]
        before = np.zeros(stage.num_sources, dtype=bool)
        before[stage.source[is_kept]] = True
        before |= number == 0  # the first state is kept even if no edge leaves it
        kept.append(
            replace(
                stage,
                flat=stage.flat[is_kept],
                source=(np.cumsum(before) - 1)[stage.source[is_kept]],
                target=(np.cumsum(alive) - 1)[stage.target[is_kept]],
                cost=stage.cost[is_kept],
                weight=stage.weight[is_kept],
                sums=stage.sums[:, is_kept],
                num_sources=int(before.sum()),
                num_targets=int(alive.sum()),
            )
        )
        alive = before
    return tuple(reversed(kept))
