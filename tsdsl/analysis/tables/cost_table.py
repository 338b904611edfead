"""The cost of a space as a sum of small tables, each over a few decisions: exact, for all choices.

Built by reading the network once over every decision at the same time. A lookup costs microseconds;
bounds over all architectures come from variable elimination; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from tsdsl.analysis.tables.elimination import Optimum, at, optima, optimum
from tsdsl.analysis.tables.group_tables import Quantity, node_tables
from tsdsl.analysis.tables.merging import merged, without_idle_axes
from tsdsl.network.cost import Cost, network_cost, plain
from tsdsl.network.layout import Blueprint, Network, Node
from tsdsl.operators.varying import Varying
from tsdsl.records import dataclass
from tsdsl.space.parts import Value


@dataclass(frozen=True, eq=False)
class CostTable:
    """Costs of every architecture as they stand after `step` (None: the whole space).

    Decisions of present parts that no step up to `step` makes stand at their first value.
    """

    blueprint: Blueprint
    step: int | None = None

    @cached_property
    def network(self) -> Network:
        """The network over all decisions at once."""
        return self.blueprint.over(self.step)

    @cached_property
    def standing(self) -> Mapping[str, int]:
        """Decisions that stand at their first value, as the index 0."""
        if self.step is None:
            return {}
        decided = {p for s in self.blueprint.space.steps if s.index <= self.step for p in s.decisions}
        return {d.path: 0 for d in self.blueprint.space.decisions if d.path not in decided}

    def factors(self, quantity: Quantity) -> Sequence[Varying]:
        """The tables whose sum is the multiply-adds or parameters, standing decisions put in."""
        return self._macs if quantity == "macs" else self._params

    @cached_property
    def _macs(self) -> Sequence[Varying]:
        return [at(f, self.standing) for f in merged(node_tables(self.network.nodes, "macs"))]

    @cached_property
    def _params(self) -> Sequence[Varying]:
        return [at(f, self.standing) for f in merged(node_tables(self.network.nodes, "params"))]

    @cached_property
    def activation_factors(self) -> Sequence[Varying]:
        """The tables whose largest entry is the peak of the bytes of activations, with standing decisions put in."""
        from tsdsl.network.activations import activation_bytes  # a check asks for no activations

        found = [at(f, self.standing) for f in merged(without_idle_axes(activation_bytes(self.network)), np.maximum)]
        return merged(without_idle_axes(found), np.maximum)

    def factors_of(self, part: str, quantity: Quantity) -> Sequence[Varying]:
        """The tables of one part alone: a stream's groups, a fusion or attention slot, or `head`."""
        nodes = [node for node in self.network.nodes if node.part == part]
        return [at(f, self.standing) for f in merged(node_tables(nodes, quantity))]

    @cached_property
    def _index(self) -> Mapping[str, Mapping[Value, int]]:
        return {d.path: {value: i for i, value in enumerate(d.values)} for d in self.blueprint.space.decisions}

    def macs(self, decisions: Mapping[str, Value]) -> int:
        """Exact multiply-adds of one architecture, by table lookup."""
        return self._lookup(self._macs, decisions)

    def params(self, decisions: Mapping[str, Value]) -> int:
        """Exact parameters of one architecture, by table lookup."""
        return self._lookup(self._params, decisions)

    def _lookup(self, factors: Sequence[Varying], decisions: Mapping[str, Value]) -> int:
        index = self._index
        total = 0
        for factor in factors:
            total += int(
                factor.table[
                    tuple(index[a.path][decisions[a.path]] if a.path in decisions else 0 for a in factor.scope)
                ]
            )
        return total

    def leaves_every_choice(self, target_macs: int) -> bool:
        """Whether it is plain that some architecture of at most so many has each value of each decision.

        What is not plain may still be so. Constraints are not looked at.
        """
        least = self.least_macs
        return least.value + least.regret * self.blueprint.space.nesting <= target_macs

    def divides(self, target_macs: int) -> bool:
        """Whether it is plain that some architectures have at most so many multiply-adds and others more.

        What is not plain may still be so. Constraints are not looked at.
        """
        last = {decision.path: decision.values[-1] for decision in self.blueprint.space.decisions}
        return self.least_macs.value <= target_macs < self.macs(last)

    @cached_property
    def least_macs(self) -> Optimum:
        """The exact minimum of the multiply-adds, constraints aside."""
        return optimum(self._macs, "min")

    def bounds_of(self, nodes: Sequence[Node], quantity: Quantity = "macs") -> tuple[int, int]:
        """The smallest and largest multiply-adds or parameters of some nodes together, constraints aside."""
        least, most = optima([at(f, self.standing) for f in merged(node_tables(nodes, quantity))])
        return int(least.value), int(most.value)

    def node_bounds(self, node: Node) -> tuple[int, int]:
        """The smallest and largest multiply-adds of one node."""
        return self.bounds_of([node])


def architecture_cost(
    blueprint: Blueprint, decisions: Mapping[str, Value], step: int | None = None
) -> tuple[int, int, int]:
    """(multiply-adds, parameters, BN parameters) of one architecture, counted layer by layer."""
    return plain(network_cost(blueprint.network(decisions, step)))


__all__ = ["Cost", "CostTable", "Quantity", "architecture_cost", "merged"]
