"""Variable elimination: exact optima of small tables joined, with an assignment that reaches them.

A factor is a table over a few variables. Variables are eliminated one by one, cheapest first: the
factors that mention one are joined, and it is reduced away. Joining is adding, for a cost, or taking the
larger, for a peak. The work is the size of the largest table met on the way, which for a chain of groups
stays small however long the chain.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from math import prod
from typing import Literal

import numpy as np

from tsdsl.operators.varying import Array, Axis, Varying, combine, refuse_too_large
from tsdsl.records import dataclass

UNREACHABLE = 1 << 61


@dataclass(frozen=True, slots=True)
class Optimum:
    """The optimal value, for each variable the index of the value that reaches it, and the regret of a minimum.

    With one variable at any given value the minimum is at most `regret` larger; each further one that is given a value
    makes it at most as much larger again.
    """

    value: int | float
    assignment: Mapping[str, int]
    regret: int | float = 0


def optimum(factors: Iterable[Varying], sense: Literal["min", "max"], join: np.ufunc = np.add) -> Optimum:
    """The exact minimum or maximum, over all their variables, of the factors' sum; or of their `join`.

    `join` is np.add or np.maximum.

    Raises:
        RunError: the factors are so entangled that a table would exceed LARGEST_TABLE entries.
    """
    tables = list(factors)
    return _optimum(tables, elimination_order(tables), sense, join)


def optima(factors: Iterable[Varying]) -> tuple[Optimum, Optimum]:
    """The exact minimum and maximum of the factors' sum, as `optimum` gives them.

    Raises:
        RunError: the factors are so entangled that a table would exceed LARGEST_TABLE entries.
    """
    tables = list(factors)
    order = elimination_order(tables)
    return _optimum(tables, order, "min", np.add), _optimum(tables, order, "max", np.add)


def _optimum(
    factors: Sequence[Varying], order: Sequence[Axis], sense: Literal["min", "max"], join: np.ufunc
) -> Optimum:
    tables = list(factors)
    asking: dict[Axis, set[int]] = {}
    for number, table in enumerate(tables):
        for axis in table.scope:
            asking.setdefault(axis, set()).add(number)
    constant = [table for table in tables if not table.scope]
    traces: list[tuple[Axis, Varying]] = []
    regret: int | float = 0
    for axis in order:
        touched = sorted(asking.pop(axis))
        total = one_table([tables[number] for number in touched], join)
        position = total.scope.index(axis)
        scope = total.scope[:position] + total.scope[position + 1 :]
        reduced = Varying(scope, total.table.min(position) if sense == "min" else total.table.max(position))
        if sense == "min":
            regret = max(regret, (total.table.max(position) - reduced.table).max().item())
        for other in scope:
            asking[other].difference_update(touched)
            asking[other].add(len(tables))
        if not scope:
            constant.append(reduced)
        tables.append(reduced)
        best = total.table.argmin(position) if sense == "min" else total.table.argmax(position)
        traces.append((axis, Varying(scope, best)))
    value = reduce(join, (table.table for table in constant), np.asarray(0)).item()
    assignment: dict[str, int] = {}
    for axis, chosen in reversed(traces):
        assignment[axis.path] = int(chosen.table[tuple(assignment[a.path] for a in chosen.scope)])
    return Optimum(value, assignment, regret)


def least_tables(factors: Iterable[Varying], scopes: Iterable[frozenset[Axis]]) -> list[Varying]:
    """For each scope a table of the least that the sum of factors can be with each of the values in it. Exact.

    Own design: eliminated to the end, each variable knows the least of all that was eliminated before it; told
    backwards what the rest costs at least, it knows the least of everything. So one pass each way is enough.

    Raises:
        RunError: the factors and scopes are so entangled that a table would exceed LARGEST_TABLE entries.
    """
    wanted = [tuple(sorted(scope)) for scope in scopes]
    zeros = [Varying(scope, np.zeros([axis.size for axis in scope], dtype=np.int64)) for scope in wanted]
    tables = [*factors, *zeros]
    order = elimination_order(tables)
    rank = {axis: number for number, axis in enumerate(order)}
    waiting: dict[Axis, list[Varying]] = {axis: [] for axis in order}
    everything = 0
    for table in tables:
        if table.scope:
            waiting[min(table.scope, key=rank.__getitem__)].append(table)
        else:
            everything += int(table.table)
    totals: dict[Axis, Varying] = {}
    passed_on: dict[Axis, Varying] = {}
    for axis in order:
        total = one_table(waiting.pop(axis))
        position = total.scope.index(axis)
        rest = total.scope[:position] + total.scope[position + 1 :]
        totals[axis], passed_on[axis] = total, Varying(rest, np.min(total.table, axis=position))
        if rest:
            waiting[min(rest, key=rank.__getitem__)].append(passed_on[axis])
        else:
            everything += int(passed_on[axis].table)
    known: dict[Axis, Varying] = {}
    for axis in reversed(order):
        message = passed_on[axis]
        if message.scope:
            above = least_over(known[min(message.scope, key=rank.__getitem__)], message.scope)
            known[axis] = totals[axis] + (above - message)
        else:
            known[axis] = totals[axis] + (everything - int(message.table))
    return [least_over(known[min(scope, key=rank.__getitem__)], scope) for scope in wanted]


def least_over(table: Varying, scope: tuple[Axis, ...]) -> Varying:
    """The least along all axes that are not in `scope`."""
    kept = set(scope)
    away = tuple(position for position, axis in enumerate(table.scope) if axis not in kept)
    return Varying(scope, np.min(table.table, axis=away))


def one_table(factors: Sequence[Varying], join: np.ufunc = np.add) -> Varying:
    """The sum of factors, or their `join`, as one table over the union of their variables.

    Raises:
        RunError: it would exceed LARGEST_TABLE entries.
    """
    axes = {axis for f in factors for axis in f.scope}
    refuse_too_large(axes)
    total, *others = sorted(factors, key=lambda f: f.table.size) or [Varying((), np.asarray(0))]
    for factor in others:
        total = combine(join, total, factor)
    shape = [axis.size for axis in total.scope]
    return total if list(total.table.shape) == shape else Varying(total.scope, np.broadcast_to(total.table, shape))


def elimination_order(factors: Sequence[Varying]) -> list[Axis]:
    """Variables in the order that keeps the next table smallest, greedily; ties by rank."""
    touching: dict[Axis, set[Axis]] = {}
    for factor in factors:
        for axis in factor.scope:
            touching.setdefault(axis, set()).update(factor.scope)

    def entries(axis: Axis) -> int:
        return prod([a.size for a in touching[axis]])

    cost = {axis: entries(axis) for axis in touching}
    queue = [(cost[axis], axis.rank, axis) for axis in touching]
    heapq.heapify(queue)
    order: list[Axis] = []
    while queue:
        size, _, axis = heapq.heappop(queue)
        if axis not in touching or size != cost[axis]:
            continue
        order.append(axis)
        neighbours = touching.pop(axis) - {axis}
        for other in neighbours:
            touching[other] = (touching[other] | neighbours) - {axis}
            cost[other] = entries(other)
            heapq.heappush(queue, (cost[other], other.rank, other))
    return order


def at(factor: Varying, fixed: Mapping[str, int]) -> Varying:
    """The factor with some variables set to the index of a value."""
    if not any(axis.path in fixed for axis in factor.scope):
        return factor
    index = tuple(fixed.get(axis.path, slice(None)) for axis in factor.scope)
    scope = tuple(axis for axis in factor.scope if axis.path not in fixed)
    table: Array = np.asarray(factor.table[index])
    return Varying(scope, table)
