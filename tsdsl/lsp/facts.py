"""Facts of a space for the editor, computed on demand: shapes, cost ranges and shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tsdsl.analysis.questions.bounds import extremes
from tsdsl.analysis.tables.cost_table import CostTable, Quantity
from tsdsl.errors import RunError
from tsdsl.network.layout import Blueprint, Node
from tsdsl.space.model import Space
from tsdsl.space.parts import Decision
from tsdsl.units import giga, parameters


@dataclass(frozen=True)
class Facts:
    """Facts of one space over all its architectures."""

    space: Space
    _macs: dict[str, str] = field(default_factory=dict)

    @cached_property
    def table(self) -> CostTable:
        """The costs of the whole space."""
        return CostTable(Blueprint(self.space))

    @cached_property
    def _nodes(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.table.network.nodes if node.kind in ("group", "head")}

    def shape(self, path: str) -> str | None:
        """The output of a group for one clip, C x T x H x W: `32..48 x 4 x 40 x 40`."""
        node = self._nodes.get(path)
        return str(node.shape) if node is not None else None

    def macs(self, path: str) -> str | None:
        """The multiply-adds of a group over all choices: `12.3 .. 45.6 MFLOPs`."""
        node = self._nodes.get(path)
        if node is None:
            return None
        if path not in self._macs:
            self._macs[path] = macs_range(*self.table.node_bounds(node))
        return self._macs[path]

    def step_macs(self, step: int | None) -> str | None:
        """The multiply-adds of all architectures after a step; None if decisions are too entangled."""
        table = CostTable(self.table.blueprint, step)
        try:
            return macs_range(*extremes(table, "macs"))
        except RunError:
            return None

    def amount(self, quantity: Quantity, part: str | None = None) -> str | None:
        """The range of multiply-adds or parameters of a stream, all fusion, all attention or the head.

        Without a part, the range of the whole network within the constraints; None if decisions are too entangled.
        """
        try:
            if part is None:
                low, high = extremes(self.table, quantity)
            else:
                slots = f"{part}."
                nodes = [n for n in self.table.network.nodes if n.part == part or n.part.startswith(slots)]
                low, high = self.table.bounds_of(nodes, quantity)
        except RunError:
            return None
        return macs_range(low, high) if quantity == "macs" else _spread(parameters(low), parameters(high))

    def existence(self, decision: Decision) -> Fraction:
        """The share of all architectures in which a decision exists, ignoring constraints; 1 unless it is nested."""
        restricted: dict[str, Decision] = {}
        above = decision
        while above.parent is not None:
            parent = self.space.decision_by_path[above.parent.path]
            restricted[parent.path] = replace(parent, values=above.parent.values)
            above = parent
        if not restricted:
            return Fraction(1)
        decisions = tuple(restricted.get(d.path, d) for d in self.space.decisions)
        part = replace(self.space, decisions=decisions)
        paths = tuple(decision.path for decision in decisions)
        return Fraction(part.count_architectures(paths), self.space.count_architectures(paths))


def macs_range(low: int, high: int) -> str:
    """`12.3 .. 45.6 MFLOPs`; one number if both are equal, both units if they differ."""
    return _spread(giga(low), giga(high))


def _spread(least: str, most: str) -> str:
    if least == most:
        return most
    number, unit = least.split()
    return f"{number if most.endswith(' ' + unit) else least} .. {most}"


def approximate(count: int) -> str:
    """A count for a reader: all digits up to a million, then `1.23e+27`."""
    if count < 10**6:
        return str(count)
    return f"{Decimal(count):.2e}"
