"""The extremes of a cost by contraction: neighbouring stretches of a network joined two by two, each join remembered.

Own design. What a stretch costs is a table over the decisions that it shares with the rest of the network: for a
stretch of groups the widths at both ends, whatever happens inside. Such tables have no names in them, so stretches
that are made alike are one, and after an edit only the joins above it are made anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from tsdsl.analysis.tables.group_costs import Quantity, Unnamed, decided_costs
from tsdsl.network.layout import Node
from tsdsl.operators.varying import Array, Axis

MOST_ENTRIES = 1 << 18
MOST_REMEMBERED = 1 << 15


@dataclass(frozen=True, slots=True)
class Extremes:
    """The least and the most that something costs, and the most that one decision adds to the least.

    What costs least with one decision made in a given way costs at most `least + regret`; each further decision that
    is made in a given way adds at most as much again.
    """

    least: int
    most: int
    regret: int


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """The least and the most that a stretch costs, as tables over the decisions it shares with the rest."""

    least: Array
    most: Array
    regret: int


@dataclass(frozen=True, slots=True)
class _Placed:
    """A stretch, the decisions that it shares with the rest, and how many of its nodes depend on each of them."""

    stretch: _Stretch
    axes: tuple[Axis, ...]
    nodes: tuple[int, ...]


def extremes(nodes: Iterable[Node], quantity: Quantity, standing: Mapping[str, int]) -> Extremes | None:
    """The extremes of what nodes cost together; the decisions in `standing` are at these indices.

    None where too many decisions meet for this order of joining; elimination in another order may still do.

    Raises:
        TableTooLarge: the decisions of one node are too entangled.
    """
    sections = [[decided_costs(node, quantity) for node in section] for section in _sections(nodes)]
    total = Counter(axis for section in sections for _, axes in section for axis in axes if axis.path not in standing)
    try:
        leaves = [[_leaf(costs, axes, standing, total) for costs, axes in section] for section in sections]
        whole = _joined([_joined(section, total) for section in leaves], total).stretch
    except _TooWide:
        return None
    return Extremes(int(whole.least), int(whole.most), whole.regret)


def _sections(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    """The nodes of one stage after those of another, so that an edit of one moves nothing in the others."""
    section: list[Node] = []
    stage = ""
    for node in nodes:
        begun = node.name.rsplit(".", 2)[1] if node.kind == "group" else stage
        if begun != stage:
            yield section
            section, stage = [], begun
        section.append(node)
    yield section


def _leaf(costs: Unnamed, axes: tuple[Axis, ...], standing: Mapping[str, int], total: Mapping[Axis, int]) -> _Placed:
    at = tuple([(number, standing[axis.path]) for number, axis in enumerate(axes) if axis.path in standing])
    inner = tuple([number for number, axis in enumerate(axes) if total.get(axis) == 1])
    left = tuple([axis for axis in axes if total.get(axis, 0) > 1])
    return _Placed(_alone(costs, at, inner), left, (1,) * len(left))


def _joined(placed: Sequence[_Placed], total: Mapping[Axis, int]) -> _Placed:
    """Stretches that follow one another as one, joined by pairs, pairs of pairs and so on."""
    while len(placed) > 1:
        pairs = [_pair(one, other, total) for one, other in zip(placed[::2], placed[1::2], strict=False)]
        placed = [*pairs, *placed[2 * len(pairs) :]]
    return placed[0] if placed else _Placed(_Stretch(np.asarray(0), np.asarray(0), 0), (), ())


def _pair(one: _Placed, other: _Placed, total: Mapping[Axis, int]) -> _Placed:
    nodes = dict(zip(one.axes, one.nodes, strict=True))
    for axis, count in zip(other.axes, other.nodes, strict=True):
        nodes[axis] = nodes.get(axis, 0) + count
    axes = tuple(nodes)
    numbers = {axis: number for number, axis in enumerate(axes)}
    inner = tuple([number for number, axis in enumerate(axes) if nodes[axis] == total[axis]])
    stretch = _together(one.stretch, other.stretch, tuple([numbers[axis] for axis in other.axes]), inner)
    left = tuple([axis for axis in axes if nodes[axis] != total[axis]])
    return _Placed(stretch, left, tuple([nodes[axis] for axis in left]))


@lru_cache(maxsize=MOST_REMEMBERED)
def _alone(costs: Unnamed, at: tuple[tuple[int, int], ...], inner: tuple[int, ...]) -> _Stretch:
    """One node's costs with some decisions made and those eliminated that are its own."""
    fixed = dict(at)
    numbers = [number for number in range(costs.num_axes) if number not in fixed]
    sizes = [1] * len(numbers)
    total: Array = np.asarray(0)
    for table in costs.tables:
        index = tuple(fixed.get(axis.rank, slice(None)) for axis in table.scope)
        scope = {axis.rank: axis.size for axis in table.scope if axis.rank not in fixed}
        shape = [scope.get(number, 1) for number in numbers]
        sizes = [max(pair) for pair in zip(sizes, shape, strict=True)]
        _refuse(sizes)
        total = total + table.table[index].reshape(shape)
    total = np.broadcast_to(total, sizes)
    return _without(total, total, 0, [numbers.index(number) for number in inner])


@lru_cache(maxsize=MOST_REMEMBERED)
def _together(one: _Stretch, other: _Stretch, places: tuple[int, ...], inner: tuple[int, ...]) -> _Stretch:
    """Two stretches as one: the axes of the first, then those that only the second has; `inner` ones eliminated.

    `places` are the positions of the second's axes among all.
    """
    more = len([place for place in places if place >= one.least.ndim])
    first = one.least.shape + (1,) * more
    order = sorted(range(len(places)), key=places.__getitem__)
    sizes = dict(zip(places, other.least.shape, strict=True))
    second = [sizes.get(place, 1) for place in range(len(first))]
    _refuse([max(pair) for pair in zip(first, second, strict=True)])
    least = one.least.reshape(first) + other.least.transpose(order).reshape(second)
    most = one.most.reshape(first) + other.most.transpose(order).reshape(second)
    return _without(least, most, max(one.regret, other.regret), inner)


def _without(least: Array, most: Array, regret: int, inner: Sequence[int]) -> _Stretch:
    """Tables without some of their axes; whichever way a decision is made, the regret is the most that it adds."""
    for position in sorted(inner, reverse=True):
        best = least.min(axis=position, keepdims=True)
        regret = max(regret, int((least - best).max()))
        least, most = best.squeeze(position), most.max(axis=position)
    return _Stretch(least, most, regret)


def _refuse(sizes: Sequence[int]) -> None:
    if prod(sizes) > MOST_ENTRIES:
        raise _TooWide


class _TooWide(Exception):
    """A table would have more than MOST_ENTRIES entries."""
