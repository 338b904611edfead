"""FLOPs of the architectures of one step, by table look-up, with their exact expectation and minimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import at, optimum
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Axis, Varying
from tsdsl.searching.distribution.factorised import Decisions, Distribution, Variables
from tsdsl.space.parts import Value


@dataclass(frozen=True, eq=False)
class StepFlops:
    """The multiply-adds of one clip as a sum of tables over the variables of a step, each on its axis.

    `free` is the same for the analysis: its free decisions are the variables.
    """

    variables: Variables
    axes: Mapping[str, Axis]
    factors: tuple[Varying, ...]
    free: FreeSpace

    @cached_property
    def _index(self) -> Mapping[str, Mapping[Value, int]]:
        return {
            decision.path: {value: index for index, value in enumerate(decision.values)}
            for decision in self.variables.decisions
        }

    def macs(self, architecture: Decisions) -> int:
        """The exact multiply-adds of one architecture."""
        return int(self.total(self.factors, architecture))

    def total(self, factors: Sequence[Varying], architecture: Decisions) -> float:
        """The sum of tables over the step's decisions for one architecture; exact where they are integers."""
        chosen = {path: index[architecture[path]] for path, index in self._index.items() if path in architecture}
        # A table does not vary along a decision that does not exist, so any index reads the right number.
        values = (factor.table[tuple(chosen.get(path, 0) for path in factor.paths)].item() for factor in factors)
        total: float = sum(values)
        return total

    def expected(self, distribution: Distribution) -> float:
        """The expected multiply-adds under the distribution.

        Exact: no table asks for a decision that does not exist, so under a factorised distribution the
        expectation of the sum is the sum of the tables' expectations.
        """
        probabilities = {path: p.numpy() for path, p in distribution.probabilities().items()}
        total = 0.0
        for factor in self.factors:
            value = factor.table.astype(np.float64)
            for path in reversed(factor.paths):
                value = value @ probabilities[path]
            total += float(value)
        return total

    def least(self) -> int:
        """The fewest multiply-adds that an architecture of the step has.

        Raises:
            RunError: the decisions are too entangled for an exact answer.
        """
        return extreme(self.free, "min").value

    def most(self) -> int:
        """The most multiply-adds that any choice of the step has, allowed or not.

        Raises:
            RunError: the decisions are too entangled for an exact answer.
        """
        return int(optimum(self.factors, "max").value)

    def allows(self, architecture: Decisions) -> bool:
        """Whether an architecture satisfies the space's constraints."""
        rules = rules_of(self.free)
        return not rules or bool(rules.allow(self.free, np.array([self.free.row(architecture)]))[0])


def step_flops(blueprint: Blueprint, step: int | None, variables: Variables) -> StepFlops:
    """The FLOPs of the networks after `step`, with the decisions that stand put in."""
    space = blueprint.space
    standing = {
        decision.path: decision.values.index(variables.fixed[decision.path]) if decision.path in variables.fixed else 0
        for decision in space.decisions
        if decision.path not in variables.slices
    }
    table = CostTable(blueprint, step)
    axes = {path: axis for path, (axis, _) in blueprint.reading.axes.items() if path in variables.slices}
    factors = tuple(at(factor, standing) for factor in table.factors("macs"))
    return StepFlops(variables, axes, factors, FreeSpace(table, variables.fixed))
