"""Decisions of a resolved space that change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsdsl.analysis.tables.constraints import named_in
from tsdsl.analysis.tables.group_tables import Quantity, node_tables
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic
from tsdsl.network.layout import Node
from tsdsl.operators.layers import Dropout
from tsdsl.operators.varying import Varying


def idle_decisions(subject: Subject) -> Iterator[Diagnostic]:
    """TS410: a number whose choice changes neither multiply-adds nor parameters nor dropout, and so no layer."""
    nodes = subject.blueprint.over(None).nodes
    idle = list(subject.space.decisions)
    quantities: tuple[Quantity, Quantity] = ("macs", "params")
    for quantity in quantities:  # a decision that changes multiply-adds is not idle, whatever the parameters
        if idle:
            tables = (table for table in node_tables(nodes, quantity) if isinstance(table, Varying))
            felt = {path for table in tables for path in table.paths}
            idle = [decision for decision in idle if decision.path not in felt]
    noticed = {path for requirement in subject.space.requires for path in named_in(requirement)} | _dropped_by(nodes)
    for decision in idle:
        if decision.path not in noticed and all(isinstance(value, int | float) for value in decision.values):
            yield Diagnostic(
                "TS410",
                f"`{decision.path}` has no effect: every choice gives the same network",
                subject.source,
                subject.origins[decision.path],
                "has no effect",
                help="keep one value, or use values that round to different widths",
            )


def _dropped_by(nodes: Sequence[Node]) -> set[str]:
    """The decisions on which dropout depends."""
    layers = [layer for node in nodes for block in node.own for layer in block.layers]
    found = [layer.probability for layer in layers if isinstance(layer, Dropout)]
    return {path for probability in found if isinstance(probability, Varying) for path in probability.paths}
