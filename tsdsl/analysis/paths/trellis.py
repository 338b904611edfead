"""A sum of small tables as a trellis: stages of edges between states, each path one assignment.

Own design, a path decomposition of variable elimination. Decisions are made stage by stage; a state has the values that
later tables need. An edge has the cost and the weight that its stage adds. So any sum over architectures, and any
extreme among them, is one pass over the stages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from math import gcd, prod

import numpy as np

from tsdsl.analysis.tables.elimination import UNREACHABLE, one_table
from tsdsl.errors import RunError
from tsdsl.operators.varying import Array, Axis, Varying, combine, refuse_too_large
from tsdsl.records import dataclass

LARGEST_STAGE = 4_000_000
LARGEST_TRELLIS = 16_000_000
# Estimates of the edges that a kept state costs later; all are tried.
COSTS_OF_A_STATE = (64, 1024, 16_384)


@dataclass(frozen=True, eq=False)
class Stage:
    """Edges from `num_sources` states to `num_targets`; the arrays have an entry for each edge.

    `flat` is the position of an edge's values in the table over `scope`; `cost` is at least 0. `sums` has a
    row for each constrained sum: what an edge adds to it.
    """

    scope: tuple[Axis, ...]
    flat: Array
    source: Array
    target: Array
    cost: Array
    weight: Array
    num_sources: int
    num_targets: int
    sums: Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))

    def values(self, axis: Axis) -> Array:
        """For each edge the index of the value of one decision of the scope."""
        position = self.scope.index(axis)
        after = prod(a.size for a in self.scope[position + 1 :])
        return self.flat // after % axis.size

    @cached_property
    def divisor(self) -> int:
        """The greatest common divisor of the costs; 0 where all are 0."""
        return int(np.gcd.reduce(self.cost)) if self.cost.size else 0


@dataclass(frozen=True, eq=False)
class Trellis:
    """Stages from one state to one state; a path costs `constant` and the sum over its edges."""

    stages: tuple[Stage, ...]
    constant: int

    @cached_property
    def num_edges(self) -> int:
        """Edges of all stages: the work of one pass."""
        return sum(stage.flat.size for stage in self.stages)

    @cached_property
    def divisor(self) -> int:
        """The step of the lattice on which all costs lie, less the constant; at least 1."""
        return gcd(*(stage.divisor for stage in self.stages)) or 1

    @cached_property
    def least(self) -> int:
        """The smallest cost of a path."""
        return self.constant + int(least_to_go([(s, s.cost) for s in self.stages])[0][0])

    @cached_property
    def most(self) -> int:
        """The largest cost of a path."""
        return self.constant - int(least_to_go([(s, -s.cost) for s in self.stages])[0][0])

    def window(self, least: int | None, most: int | None) -> tuple[int, int] | None:
        """The largest costs above the constant that are below, and that are within, least <= cost <= most.

        None leaves an end open. The first is -1 if nothing is below; the result is None if no cost can be within.
        """
        low = self.least if least is None else max(least, self.least)
        high = self.most if most is None else min(most, self.most)
        if low > high:
            return None
        return (-1 if low == self.least else low - 1 - self.constant), high - self.constant


def least_to_go(stages: Sequence[tuple[Stage, Array]]) -> list[Array]:
    """For the states before each stage, and the last, the least that the edges from there on cost."""
    after = np.zeros(1, dtype=np.int64)
    found = [after]
    for stage, cost in reversed(stages):
        before = np.full(stage.num_sources, UNREACHABLE, dtype=np.int64)
        np.minimum.at(before, stage.source, np.minimum(cost + after[stage.target], UNREACHABLE))
        after = before
        found.append(after)
    return found[::-1]


@dataclass(frozen=True, slots=True)
class _Cut:
    """One stage before it is filled in: what it reads and adds, and the frontiers on both sides."""

    absorbed: tuple[int, ...]
    scope: frozenset[Axis]
    before: frozenset[Axis]
    after: frozenset[Axis]


def build_trellis(
    costs: Sequence[Varying],
    weights: Sequence[Varying],
    sums: Sequence[Sequence[Varying]] = (),
    join: np.ufunc = np.add,
) -> Trellis:
    """The trellis of a sum of integer cost tables and a product of weight tables.

    With np.maximum for `join`, the cost of a path is the largest of its edges' costs and the constant, and passes that
    add costs have no meaning. `sums` are further sums of integer tables, such as constrained ones; the edges have their
    parts. Every decision must occur in a weight table. Edges of weight 0 are left out.

    Raises:
        RunError: the tables are so entangled that a stage would exceed LARGEST_STAGE edges, or all LARGEST_TRELLIS.
    """
    others = [table for tables in sums for table in tables]
    scopes = [frozenset(table.scope) for table in (*costs, *weights, *others)]
    steps = [_divisor(table) for table in costs] + [0] * (len(weights) + len(others))
    last, ends = _ends(scopes)
    tried = [_merged(_cuts(scopes, start, last, price)) for start in ends for price in COSTS_OF_A_STATE]
    cuts = min(tried, key=lambda cuts: _work(cuts, steps), default=[])
    constant = int(join.reduce([0, *(int(table.table) for table in costs if not table.scope)]))
    _check_sizes(cuts)
    stages = []
    for cut in cuts:
        own_costs = [costs[i] for i in cut.absorbed if i < len(costs)]
        own_weights = [weights[i - len(costs)] for i in cut.absorbed if 0 <= i - len(costs) < len(weights)]
        own_others = {i - len(costs) - len(weights) for i in cut.absorbed}
        stage, least = _stage(cut, own_costs, own_weights, _grouped(sums, own_others), join)
        stages.append(stage)
        constant = int(join(constant, least))
    if not stages:
        one, none = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        stages.append(Stage((), none, none, none, none, one, 1, 1))
    return Trellis(tuple(stages), constant)


def _check_sizes(cuts: Sequence[_Cut]) -> None:
    """Raise RunError, before any memory is allocated, if there would be too many edges."""
    if not cuts:
        return
    widest = max(cuts, key=lambda cut: _size(cut.scope))
    refuse_too_large(widest.scope, LARGEST_STAGE)
    total = sum(_size(cut.scope) for cut in cuts)
    if total > LARGEST_TRELLIS:
        raise RunError(
            f"an exact answer needs tables of {total:,} entries together, the largest of {_size(widest.scope):,}",
            help="use fewer choices where many decisions meet",
        )


def _grouped(sums: Sequence[Sequence[Varying]], numbers: set[int]) -> list[list[Varying]]:
    """For each sum its tables among those with these numbers, counted through all sums."""
    found, begin = [], 0
    for tables in sums:
        found.append([table for position, table in enumerate(tables, begin) if position in numbers])
        begin += len(tables)
    return found


def _stage(
    cut: _Cut, costs: list[Varying], weights: list[Varying], sums: list[list[Varying]], join: np.ufunc
) -> tuple[Stage, int]:
    """The edges of a cut, and the cost that all of them share, which is left out of theirs."""
    scope = tuple(sorted(cut.scope))
    shape = tuple(axis.size for axis in scope)
    weight = Varying((), np.asarray(1))
    for table in sorted(weights, key=lambda t: t.table.size):
        weight = combine(np.multiply, weight, table)
    weight_by_edge = np.broadcast_to(_over(weight, scope), shape).ravel()
    flat = np.flatnonzero(weight_by_edge)

    def along(table: Varying) -> Array:
        return np.broadcast_to(_over(table, scope), shape).ravel()[flat].astype(np.int64)

    cost = along(one_table(costs, join))
    least = int(cost.min()) if cost.size and join is np.add else 0

    def states(frontier: frozenset[Axis]) -> Array:
        number = np.zeros(flat.size, dtype=np.int64)
        for position, axis in enumerate(scope):
            if axis in frontier:
                number *= axis.size
                number += flat // prod(shape[position + 1 :]) % axis.size
        return number

    stage = Stage(
        scope,
        flat,
        states(cut.before),
        states(cut.after),
        cost - least,
        weight_by_edge[flat],
        _size(cut.before),
        _size(cut.after),
        np.array([along(one_table(tables)) for tables in sums], dtype=np.int64).reshape(len(sums), flat.size),
    )
    return stage, least


def _over(table: Varying, scope: tuple[Axis, ...]) -> Array:
    shape = [axis.size if axis in table.scope else 1 for axis in scope]
    return table.table.reshape(shape)


def _size(axes: Iterable[Axis]) -> int:
    return prod(axis.size for axis in axes)


def _divisor(table: Varying) -> int:
    return int(np.gcd.reduce((table.table - table.table.min()).ravel()))


def _work(cuts: Sequence[_Cut], divisors: Sequence[int]) -> float:
    """The duration of a pass over the finest lattice so far, relative to other orders."""
    work, finest = 0.0, 0
    for cut in cuts:
        work += _size(cut.scope) * (1 / finest if finest else 1e-12)
        finest = gcd(finest, *(divisors[i] for i in cut.absorbed))
    return work


def _ends(scopes: Sequence[frozenset[Axis]]) -> tuple[frozenset[Axis], list[Axis]]:
    """The largest coupled set of decisions, and two of them that are far apart, from which to sweep."""
    near: dict[Axis, set[Axis]] = {}
    for scope in scopes:
        if scope:
            first = min(scope)
            near.setdefault(first, set()).update(scope)
            for axis in scope:
                near.setdefault(axis, set()).add(first)
    if not near:
        return frozenset(), []
    components: list[frozenset[Axis]] = []
    found: set[Axis] = set()
    for axis in near:
        if axis not in found:
            components.append(frozenset(_distances(near, axis)))
            found |= components[-1]
    largest = max(components, key=lambda component: (len(component), min(component)))
    end = min(largest)
    ends = []
    for _ in range(2):
        distance = _distances(near, end)
        end = max(distance, key=lambda axis: (distance[axis], axis))
        ends.append(end)
    return largest, ends


def _distances(near: Mapping[Axis, set[Axis]], start: Axis) -> dict[Axis, int]:
    """The number of tables between `start` and each decision that is coupled with it, directly or not."""
    distance = {start: 0}
    pending = deque([start])
    while pending:
        axis = pending.popleft()
        for other in near[axis]:
            if other not in distance:
                distance[other] = distance[axis] + 1
                pending.append(other)
    return distance


def _cuts(scopes: Sequence[frozenset[Axis]], start: Axis, last: frozenset[Axis], cost_of_a_state: int) -> list[_Cut]:
    """Decisions decided and forgotten from `start` on, greedily by the size of the tables.

    A step adds everything that one decision is coupled with, and each table that this covers. Decisions that are not
    coupled with any in `last` come first.
    """
    asking: dict[Axis, set[int]] = {}
    for index, scope in enumerate(scopes):
        for axis in scope:
            asking.setdefault(axis, set()).add(index)
    frontier: frozenset[Axis] = frozenset()
    cuts: list[_Cut] = []

    def around(axis: Axis) -> frozenset[Axis]:
        return frozenset((axis,)).union(*(scopes[i] for i in asking[axis]))

    while asking:
        if frontier:
            candidates = frontier.union(*(around(axis) for axis in frontier))
        else:
            candidates = frozenset(asking) - last or frozenset({start} & asking.keys()) or frozenset(asking)
        best: tuple[int, Axis, _Cut] | None = None
        for candidate in candidates:
            scope = frontier | around(candidate)
            done = {a for a in scope if all(scopes[i] <= scope for i in asking[a])}
            rank = (_size(scope) + cost_of_a_state * _size(scope - done), candidate)
            if best is None or rank < best[:2]:
                absorbed = {i for a in scope for i in asking[a] if scopes[i] <= scope}
                best = (*rank, _Cut(tuple(sorted(absorbed)), scope, frontier, scope - done))
        assert best is not None
        cut = best[2]
        for axis in cut.scope:
            asking[axis] -= set(cut.absorbed)
        for axis in cut.scope - cut.after:
            del asking[axis]
        cuts.append(cut)
        frontier = cut.after
    return cuts


def _merged(cuts: Sequence[_Cut]) -> list[_Cut]:
    """Merges adjacent cuts if the joint table is not larger than both, so that fewer states are kept."""
    result: list[_Cut] = []
    for cut in cuts:
        while result:
            last = result[-1]
            scope = last.scope | cut.scope
            if _size(scope) > _size(last.scope) + _size(cut.scope):
                break
            cut = _Cut(last.absorbed + cut.absorbed, scope, last.before, cut.after)
            result.pop()
        result.append(cut)
    return result
