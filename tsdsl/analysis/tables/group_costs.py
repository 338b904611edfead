"""The costs of a group as small tables, worked out once for all groups that are laid out alike.

Own design. A large space is made of few kinds of groups, and an edit changes few of them. So the tables are made over
axes without names, remembered, and given the names of a group's decisions when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from tsdsl.analysis.tables.merging import merged, without_idle_axes
from tsdsl.network.cost import node_macs, node_params
from tsdsl.network.group import MOST_REMEMBERED, Alike, GroupLayout, Table, as_key, varying
from tsdsl.network.layout import Node, Shape
from tsdsl.operators.layers import block_widths
from tsdsl.operators.varying import Axis, TableTooLarge, Varying, minimum

Quantity: TypeAlias = Literal["macs", "params"]


def group_tables(layout: GroupLayout, quantity: Quantity) -> Iterator[Varying]:
    """Tables without idle axes whose sum is what a group costs.

    Raises:
        TableTooLarge: its decisions are too entangled.
    """
    axes = layout.axes
    try:
        tables = _tables(layout.alike, quantity)
    except TableTooLarge as error:
        raise layout.named(error) from None
    for table in tables:
        yield Varying(tuple([axes[axis.rank] for axis in table.scope]), table.table)


@dataclass(frozen=True, slots=True, eq=False)
class Unnamed:
    """Tables whose sum is a cost, over axes that are called by their numbers; the same object for the same numbers."""

    tables: tuple[Varying, ...]
    num_axes: int


@lru_cache(maxsize=MOST_REMEMBERED)
def group_costs(layout: GroupLayout, quantity: Quantity) -> tuple[Unnamed, tuple[Axis, ...]]:
    """What a group costs, and the decisions that this depends on, in the order of the axes.

    Raises:
        TableTooLarge: its decisions are too entangled.
    """
    axes = layout.axes
    try:
        costs, used = _unnamed(layout.alike, quantity)
    except TableTooLarge as error:
        raise layout.named(error) from None
    return costs, tuple([axes[number] for number in used])


def decided_costs(node: Node, quantity: Quantity) -> tuple[Unnamed, tuple[Axis, ...]]:
    """What a node costs, and the decisions that this depends on, in the order of the axes.

    Raises:
        TableTooLarge: its decisions are too entangled.
    """
    if node.layout is not None:
        return group_costs(node.layout, quantity)
    return unnamed(merged(without_idle_axes(node_macs(node) if quantity == "macs" else node_params(node))))


def unnamed(tables: Iterable[Varying]) -> tuple[Unnamed, tuple[Axis, ...]]:
    """Tables without the names of their axes, and the names in the order of the axes."""
    given = tuple(tables)
    axes = tuple(sorted({axis for table in given for axis in table.scope}))
    numbers = {axis: number for number, axis in enumerate(axes)}
    return _remembered(tuple([as_key(table, numbers) for table in given]), len(axes)), axes


@lru_cache(maxsize=MOST_REMEMBERED)
def _unnamed(alike: Alike, quantity: Quantity) -> tuple[Unnamed, tuple[int, ...]]:
    costs, axes = unnamed(_tables(alike, quantity))
    return costs, tuple([axis.rank for axis in axes])


@lru_cache(maxsize=MOST_REMEMBERED)
def _remembered(tables: tuple[Table, ...], num_axes: int) -> Unnamed:
    return Unnamed(tuple([varying(table) for table in tables]), num_axes)


@lru_cache(maxsize=MOST_REMEMBERED)
def least_width(layout: GroupLayout) -> int:
    """The least channels of any layer of a group, whatever is chosen."""
    return _least_width(layout.alike)


@lru_cache(maxsize=MOST_REMEMBERED)
def _least_width(alike: Alike) -> int:
    widths = (minimum(width) for block in alike.layout().blocks for width in block_widths(block))
    return min(widths, default=1)


@lru_cache(maxsize=MOST_REMEMBERED)
def _tables(alike: Alike, quantity: Quantity) -> tuple[Varying, ...]:
    layout = alike.layout()
    shape = Shape(layout.place.width_in.channels, *layout.place.sizes_in)
    node = Node("", "group", "", (), shape, shape, layout=layout)
    return tuple(merged(without_idle_axes(node_macs(node) if quantity == "macs" else node_params(node))))
