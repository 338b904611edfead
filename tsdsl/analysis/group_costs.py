"""The costs of a group as small tables, worked out once for all groups that are laid out alike.

Own design. A large space is made of few kinds of groups, and an edit changes few of them. So the tables are made over
axes without names, remembered, and given the names of a group's decisions when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

from tsdsl.analysis.cost import node_macs, node_params
from tsdsl.analysis.group_layout import Alike, GroupLayout
from tsdsl.analysis.merging import merged, without_idle_axes
from tsdsl.analysis.network import Node, Shape
from tsdsl.operators.layers import block_widths
from tsdsl.operators.varying import TableTooLarge, Varying, minimum

Quantity: TypeAlias = Literal["macs", "params"]
MOST_REMEMBERED = 16384


def group_tables(layout: GroupLayout, quantity: Quantity) -> Iterator[Varying]:
    """Tables without idle axes whose sum is what a group costs.

    Raises:
        TableTooLarge: its decisions are too entangled.
    """
    axes = layout.axes
    try:
        tables = _tables(layout.alike, quantity)
    except TableTooLarge as error:
        raise TableTooLarge([axes[axis.rank] for axis in error.axes]) from None
    for table in tables:
        yield Varying(tuple([axes[axis.rank] for axis in table.scope]), table.table)


@lru_cache(maxsize=MOST_REMEMBERED)
def least_width(alike: Alike) -> int:
    """The least channels of any layer of a group, whatever is chosen."""
    widths = (minimum(width) for block in alike.layout().blocks() for width in block_widths(block))
    return min(widths, default=1)


@lru_cache(maxsize=MOST_REMEMBERED)
def _tables(alike: Alike, quantity: Quantity) -> tuple[Varying, ...]:
    layout = alike.layout()
    shape = Shape(layout.width_in.channels, *layout.sizes_in)
    node = Node("", "group", "", (), shape, shape, blocks=layout.blocks())
    return tuple(merged(without_idle_axes(node_macs(node) if quantity == "macs" else node_params(node))))
