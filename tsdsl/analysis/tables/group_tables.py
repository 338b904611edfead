"""Costs of nodes as tables over few decisions; groups with the same layout are computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

from tsdsl.analysis.tables.merging import merged, without_idle_axes
from tsdsl.network.cost import node_macs, node_params
from tsdsl.network.group import MAX_LAYOUTS_KEPT, GroupLayout
from tsdsl.network.layout import Node, Shape
from tsdsl.operators.varying import Count, TableTooLarge, Varying

Quantity: TypeAlias = Literal["macs", "params"]


def node_tables(nodes: Iterable[Node], quantity: Quantity) -> Iterator[Count]:
    """Counts without idle axes whose sum is the multiply-adds or parameters of some nodes.

    Raises:
        TableTooLarge: the decisions of one node are too entangled.
    """
    for node in nodes:
        if node.layout is not None:
            yield from _group_tables(node.layout, quantity)
        else:
            yield from without_idle_axes(node_macs(node) if quantity == "macs" else node_params(node))


def _group_tables(layout: GroupLayout, quantity: Quantity) -> list[Count]:
    try:
        return [layout.renamed(table) for table in _first_tables(layout.first_alike, quantity)]
    except TableTooLarge as error:
        raise layout.renamed_error(error) from None


@lru_cache(maxsize=MAX_LAYOUTS_KEPT)
def _first_tables(layout: GroupLayout, quantity: Quantity) -> list[Varying]:
    shape = Shape(layout.place.width_in.channels, *layout.place.sizes_in)
    node = Node("", "group", "", (), shape, Shape(shape.channels, *layout.sizes_out), layout=layout)
    return merged(without_idle_axes(node_macs(node) if quantity == "macs" else node_params(node)))
