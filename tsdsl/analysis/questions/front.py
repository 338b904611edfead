"""The best architecture at every budget, for a score that is a sum of small tables: one sweep over the trellis.

Own design. A label is a cost and a score with which a state can be reached. Stage by stage, a label goes if another of
its state costs no more and scores no less (Martins, 1984), or if it cannot lead above architectures that are known
already. What it can lead to is bounded by lines along the front's hull, whose slopes are prices of a multiply-add.
What is known are the corners of the hull, and then what sweeps find that keep few labels a state. Scores are rounded to
about 2^-40 of their range, a power of two, and added as integers: equal sums are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import frexp, ldexp

import numpy as np

from tsdsl.analysis.paths.feasible import feasible
from tsdsl.analysis.paths.trellis import Stage, Trellis
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import RunError
from tsdsl.operators.varying import Array, Varying
from tsdsl.space.parts import Value

RESOLUTION_BITS = 40
ROUNDING = 2.0**-46
"""More than the share by which 64-bit floats round a bound, after some hundred additions."""

MAX_PRICES = 512
FLOOR_POINTS = 1024
LABELS_A_STATE = (256, 4096)
"""Labels kept for each state in the first sweeps; each sweep makes the bounds of the next one tighter."""

MAX_LABELS = 2_000_000


@dataclass(frozen=True, eq=False)
class Front:
    """Architectures of growing cost and growing score, each the best within its cost up to `gap`.

    Nothing within any budget scores higher by more than `gap` than the last point within it. Where `gap` is 0 that
    point is the best, and there is one for every cost at which the best score changes.
    """

    macs: Array
    scores: Array
    gap: float
    rows: Array
    free: FreeSpace

    def architecture(self, point: int) -> dict[str, Value]:
        """The architecture of a point."""
        return self.free.architecture(self.rows[point].tolist())


def front(free: FreeSpace, scores: Sequence[Varying], most_labels: int = MAX_LABELS) -> Front:
    """The best architecture within every budget of multiply-adds, for a score that is the sum of tables.

    A table asks for decisions that are free. Where a stage would have more than `most_labels`, the front is that of
    the sweep before, with its gap.

    Raises:
        Unsatisfiable: the space's constraints leave nothing.
        RunError: constraints on costs, or decisions, are too entangled.
    """
    least = [np.min(table.table) for table in scores]
    unit = ldexp(1.0, frexp(sum(float(np.ptp(table.table)) for table in scores))[1] - RESOLUTION_BITS)
    above = [(table.table - low) / unit for table, low in zip(scores, least, strict=True)]
    rounded = [Varying(t.scope, np.round(own).astype(np.int64)) for t, own in zip(scores, above, strict=True)]
    found = feasible(free, free.pins, score=rounded)
    if not found.is_exact:
        raise RunError(
            "there are too many constraints on costs for an exact front",
            help="constrain fewer costs, or decisions that are close together in the network",
        )
    layers, gap = _sweeps(found.wider, most_labels)
    macs = layers[-1].cost + found.wider.constant
    end = len(macs) if found.most is None else int(np.searchsorted(macs, found.most, side="right"))
    points = layers[-1].score[:end] * unit + float(sum(least))
    return Front(macs[:end], points, gap * unit, _rows(found.wider, layers, free)[:end], free)


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges of a stage that no other between their two states beats, sorted by source; `index` is in the stage."""

    index: Array
    source: Array
    target: Array
    cost: Array
    score: Array


@dataclass(frozen=True, eq=False)
class _Layer:
    """Labels after a stage, state by state, in each by cost; those of state s are from `begins[s]` to `begins[s + 1]`.

    `before` is the label in the layer before from which each came, `edge` the stage's edge that it took.
    """

    cost: Array
    score: Array
    before: Array
    edge: Array
    begins: Array


@dataclass(frozen=True, eq=False)
class _Bounds:
    """Prices, and for each and each state of each layer the most of score - price * cost on the way from there."""

    prices: Array
    to_go: Sequence[Array]


@dataclass(frozen=True, eq=False)
class _Floors:
    """For each state of each layer the score, at each of `costs`, below which a label leads nowhere new.

    `gap` is the most by which anything may be above what is known.
    """

    costs: Array
    scores: Sequence[Array]
    gap: float


def _sweeps(trellis: Trellis, most_labels: int) -> tuple[list[_Layer], float]:
    """The layers of the last sweep that was affordable, and by how much anything may be above its front."""
    stages = [_unbeaten_edges(stage) for stage in trellis.stages]
    bounds, known = _hull(trellis, stages)
    layers: list[_Layer] = []
    floors = _floors(trellis, bounds, *known)
    for most_a_state in (*LABELS_A_STATE, None):
        found = _sweep(trellis, stages, floors, most_a_state, most_labels)
        if found is None:
            break
        layers = found
        if most_a_state is None:
            return layers, 0.0
        floors = _floors(trellis, bounds, layers[-1].cost, layers[-1].score)
    return layers, floors.gap


def _unbeaten(cost: Array, score: Array) -> Array:
    """The positions of what nothing beats in both, by cost."""
    order = np.argsort(cost, kind="stable")
    high = np.maximum.accumulate(score[order])
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = high[1:] > high[:-1]
    order = order[is_new]
    # Of one cost the last is the highest.
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = cost[order[1:]] > cost[order[:-1]]
    return np.asarray(order[is_last])


def _unbeaten_edges(stage: Stage) -> _Edges:
    score = stage.sums[-1] if len(stage.sums) else np.zeros_like(stage.cost)
    pair = stage.source * stage.num_targets + stage.target
    order = np.argsort(pair, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(pair[order])) + 1)
    index = np.concatenate([part[_unbeaten(stage.cost[part], score[part])] for part in parts])
    return _Edges(index, stage.source[index], stage.target[index], stage.cost[index], score[index])


def _to_go(trellis: Trellis, stages: Sequence[_Edges], prices: Array) -> list[Array]:
    """For each layer the most of score - price * cost from its states to the end, prices x states."""
    after = np.zeros((len(prices), 1))
    found = [after]
    for stage, edges in zip(reversed(trellis.stages), reversed(stages), strict=True):
        worth = edges.score - prices[:, None] * edges.cost + after[:, edges.target]
        states, begins = np.unique(edges.source, return_index=True)
        after = np.full((len(prices), stage.num_sources), -np.inf)
        after[:, states] = np.maximum.reduceat(worth, begins, axis=1)
        found.append(after)
    return found[::-1]


def _hull(trellis: Trellis, stages: Sequence[_Edges]) -> tuple[_Bounds, tuple[Array, Array]]:
    """Bounds at the slopes of the front's hull, and the costs and scores of its corners; some of each if many."""
    # At the second price multiply-adds alone decide.
    prices = np.array([0.0, ldexp(1.0, RESOLUTION_BITS + 1)])
    tried, bounds = prices, _to_go(trellis, stages, prices)
    corners = _best_paths(stages, prices, bounds)
    while len(prices) and len(tried) < MAX_PRICES:
        corners = corners[_unbeaten(corners[:, 0], corners[:, 1])]
        run, rise = np.diff(corners, axis=0).T
        prices = np.setdiff1d(rise / run, tried)
        found = _to_go(trellis, stages, prices)
        corners = np.concatenate([corners, _best_paths(stages, prices, found)])
        tried = np.concatenate([tried, prices])
        bounds = [np.concatenate(pair) for pair in zip(bounds, found, strict=True)]
    corners = corners[_unbeaten(corners[:, 0], corners[:, 1])]
    return _Bounds(tried, bounds), (corners[:, 0], corners[:, 1])


def _best_paths(stages: Sequence[_Edges], prices: Array, to_go: Sequence[Array]) -> Array:
    """(cost, score) of a best path at each price."""
    found = np.zeros((len(prices), 2), dtype=np.int64)
    for number, price in enumerate(prices.tolist()):
        state = 0
        for edges, after in zip(stages, to_go[1:], strict=True):
            begin, end = np.searchsorted(edges.source, [state, state + 1])
            own = slice(begin, end)
            worth = edges.score[own] - price * edges.cost[own] + after[number, edges.target[own]]
            best = begin + int(np.argmax(worth))
            found[number] += edges.cost[best], edges.score[best]
            state = int(edges.target[best])
    return found


def _floors(trellis: Trellis, bounds: _Bounds, costs: Array, scores: Array) -> _Floors:
    """The floors above what is known: costs and scores that both grow, the highest score of all among them."""
    # From each cost up to the next, and for good from the last, its score is what is to be beaten.
    ends, start = costs[1:] - 1, bounds.to_go[0][:, 0]
    room = start[:, None] + bounds.prices[:, None] * ends - scores[:-1]
    tightest = np.argmin(room, axis=0)
    excess = np.full(len(bounds.prices), -np.inf)
    np.maximum.at(excess, tightest, bounds.prices[tightest] * ends - scores[:-1])
    excess[bounds.prices == 0] = np.maximum(excess[bounds.prices == 0], -float(scores[-1]))
    used = np.isfinite(excess)
    span = trellis.most - trellis.constant
    grid = np.linspace(0, span, FLOOR_POINTS)
    rounding = ROUNDING * (bounds.prices[used] * span + 2.0**RESOLUTION_BITS)
    lines = bounds.prices[used, None] * grid - (excess[used] + rounding)[:, None]
    found = []
    for to_go in bounds.to_go[1:]:
        floor = [np.min(lines - own[:, None], axis=0) for own in to_go[used].T]
        found.append(np.array(floor))
    return _Floors(grid, found, float(np.max(room.min(axis=0), initial=0.0)))


def _sweep(
    trellis: Trellis, stages: Sequence[_Edges], floors: _Floors, most_a_state: int | None, most_labels: int
) -> list[_Layer] | None:
    """The layers of labels, all or only so many a state; None if there are too many."""
    none = np.zeros(1, dtype=np.int64)
    layers = [_Layer(none, none, none, none, np.array([0, 1]))]
    for number, (stage, edges) in enumerate(zip(trellis.stages, stages, strict=True)):
        parts: list[tuple[Array, ...]] = []
        begins = [0]
        for target in range(stage.num_targets):
            part = _reached(layers[-1], edges, target, floors.costs, floors.scores[number][target])
            if most_a_state is not None and len(part[0]) > most_a_state:
                above = part[1] - np.interp(part[0], floors.costs, floors.scores[number][target])
                cuts = np.linspace(0, len(above), most_a_state + 1).astype(int)
                best = [a + int(np.argmax(above[a:b])) for a, b in pairwise(cuts.tolist())]
                part = tuple(column[best] for column in part)
            parts.append(part)
            begins.append(begins[-1] + len(part[0]))
            if most_a_state is None and begins[-1] > most_labels:
                return None
        cost, score, before, edge = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        layers.append(_Layer(cost, score, before, edge, np.array(begins)))
    return layers


def _reached(before: _Layer, edges: _Edges, target: int, costs: Array, floor: Array) -> tuple[Array, ...]:
    """Cost, score, label before and edge of the labels of a state that are above the floor and not beaten."""
    none = np.zeros(0, dtype=np.int64)
    parts: list[tuple[Array, ...]] = [(none, none, none, none)]
    for edge in np.flatnonzero(edges.target == target).tolist():
        begin, end = before.begins[edges.source[edge] : edges.source[edge] + 2].tolist()
        cost = before.cost[begin:end] + edges.cost[edge]
        score = before.score[begin:end] + edges.score[edge]
        kept = np.flatnonzero(score >= np.interp(cost, costs, floor))
        if kept.size:
            parts.append((cost[kept], score[kept], kept + begin, np.full(kept.size, edges.index[edge])))
    cost, score, label, taken = map(np.concatenate, zip(*parts, strict=True))
    best = _unbeaten(cost, score)
    return cost[best], score[best], label[best], taken[best]


def _rows(trellis: Trellis, layers: Sequence[_Layer], free: FreeSpace) -> Array:
    """The index row of each label of the last layer."""
    rows = np.zeros((len(layers[-1].cost), len(free.decisions)), dtype=np.int32)
    label = np.arange(len(rows))
    for stage, layer in zip(reversed(trellis.stages), reversed(layers[1:]), strict=True):
        edge = layer.edge[label]
        for axis in stage.scope:
            rows[:, free.columns[axis.path]] = stage.values(axis)[edge]
        label = layer.before[label]
    return rows
