"""The trellis of what a space's constraints allow: exact, or as one that contains more and one that contains less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from tsdsl.analysis.paths.constrained import BINS, Rounding, TooWide, constrained, is_empty
from tsdsl.analysis.paths.trellis import Trellis, build_trellis
from tsdsl.analysis.tables.constraints import Clause, rules_of
from tsdsl.analysis.tables.cost_table import Quantity
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Varying
from tsdsl.records import dataclass


class Unsatisfiable(UsageError):
    """No architecture satisfies the constraints."""


@dataclass(frozen=True, eq=False)
class Feasible:
    """`wider` contains every allowed architecture, `narrower` only allowed ones; they are the same object if exact.

    `narrower` is None if no architecture is known to be allowed. Of both, only costs of `least` .. `most` are allowed;
    None leaves an end open.
    """

    wider: Trellis
    narrower: Trellis | None
    least: int | None = None
    most: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether what is held within the window is what is allowed."""
        return self.wider is self.narrower

    def clipped(self, least: int | None, most: int | None) -> tuple[int | None, int | None]:
        """The part of a window that is allowed."""
        lows = [end for end in (least, self.least) if end is not None]
        highs = [end for end in (most, self.most) if end is not None]
        return max(lows, default=None), min(highs, default=None)


@lru_cache(maxsize=8)
def uniform(free: FreeSpace, quantity: Quantity = "macs", part: str | None = None) -> Feasible:
    """The architectures that the constraints allow, each of weight one; made once for a free space.

    Raises:
        Unsatisfiable: there is none.
        RunError: the decisions are too entangled for an answer.
    """
    return feasible(free, free.pins, quantity, part)


def feasible(
    free: FreeSpace,
    weights: Sequence[Varying],
    quantity: Quantity = "macs",
    part: str | None = None,
    score: Sequence[Varying] = (),
) -> Feasible:
    """The architectures of a free space that its constraints allow, with their costs and weights.

    With a `score`, integer tables, the last row of each stage's `sums` says what its edges add to that.

    Raises:
        Unsatisfiable: there is none.
        RunError: the decisions are too entangled for an answer.
    """
    is_all = quantity == "macs" and part is None
    return _feasible(free, weights, free.costs(quantity, part), np.add, is_all=is_all, score=score)


def feasible_by_peak(free: FreeSpace, peaks: Sequence[Varying]) -> Feasible:
    """The architectures that the constraints allow, on paths that cost the largest entry of some tables.

    Raises:
        Unsatisfiable: there is none.
        RunError: the decisions are too entangled for an answer.
    """
    return _feasible(free, free.pins, peaks, np.maximum, is_all=False)


def _feasible(
    free: FreeSpace,
    weights: Sequence[Varying],
    costs: Sequence[Varying],
    join: np.ufunc,
    *,
    is_all: bool,
    score: Sequence[Varying] = (),
) -> Feasible:
    rules = rules_of(free)
    if any(not table.scope and not table.table for table in rules.tables):  # no path has an edge for it
        raise _unsatisfiable(free)
    # A score is the better for fewer multiply-adds, unless they are too few: then these are a sum like any other.
    windows = [
        form
        for form, *others in rules.clauses
        if form.is_window and is_all and not others and not (score and form.least is not None)
    ]
    clauses = [clause for clause in rules.clauses if clause[0] not in windows]
    sums = [form.factors for clause in clauses for form in clause] + ([score] if score else [])
    whole = build_trellis(costs, [*weights, *rules.tables], sums, join)
    if is_empty(whole):
        raise _unsatisfiable(free)
    least = max((form.least for form in windows if form.least is not None), default=None)
    most = min((form.most for form in windows if form.most is not None), default=None)
    try:
        found = constrained(whole, clauses)
        found_all = Feasible(found, found, least, most)
    except TooWide:
        found_all = replace(_bracketed(free, whole, clauses), least=least, most=most)
    if is_empty(found_all.wider) or found_all.wider.window(least, most) is None:
        raise _unsatisfiable(free)
    return found_all


def _bracketed(free: FreeSpace, whole: Trellis, clauses: Sequence[Clause]) -> Feasible:
    """The finest bracket that is affordable; if none is, that of everything and nothing."""
    roundings: tuple[Rounding, Rounding] = ("wider", "narrower")
    for bins in BINS:
        try:
            wider, narrower = (constrained(whole, clauses, rounding, bins) for rounding in roundings)
        except TooWide:
            continue
        if is_empty(wider):
            raise _unsatisfiable(free)
        return Feasible(wider, None if is_empty(narrower) else narrower)
    return Feasible(whole, None)


def _unsatisfiable(free: FreeSpace) -> Unsatisfiable:
    space = free.table.blueprint.space
    texts = "; ".join(requirement.text for requirement in space.requires)
    if free.fixed:
        return Unsatisfiable(
            f"with the fixed decisions, no architecture of {space.name} satisfies its constraints ({texts})",
            help="fix other values; if an earlier step found them, search it again under a constraint of its own",
        )
    return Unsatisfiable(
        f"no architecture of {space.name} satisfies its constraints ({texts})",
        help="loosen one, or add choices",
    )
