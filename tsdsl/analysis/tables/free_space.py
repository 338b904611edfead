"""What is left to decide of a space after a step, as axes, cost tables and the rule for nested decisions.

Own design. A nested decision that does not exist is pinned to its first value, so that every architecture
is exactly one assignment of values to axes: counts over assignments are counts over architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property

import numpy as np

from tsdsl.analysis.tables.cost_table import CostTable, Quantity
from tsdsl.analysis.tables.elimination import at
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Array, Axis, Varying
from tsdsl.records import dataclass
from tsdsl.space.parts import Decision, Value


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """The architectures of a space as they stand after `table.step`, with the decisions in `fixed` made.

    Decisions that no step up to there makes stand at their first value. The free ones are those left;
    an index row has for each of them, in the order of `decisions`, the index of its value.

    Raises:
        UsageError: `fixed` names something that is not a decision, or gives it a value it does not have.
    """

    table: CostTable
    fixed: Mapping[str, Value] = field(default_factory=dict)

    @cached_property
    def pinned(self) -> Mapping[str, int]:
        """The decisions that are not free, as the index of the value they have."""
        space = self.table.blueprint.space
        pinned = dict(self.table.standing)
        present = self.table.blueprint.present(self.table.step)
        for decision in space.decisions:
            if not space.is_of(decision.path, present):
                pinned[decision.path] = 0
        for path, value in self.fixed.items():
            named = space.decision_by_path.get(path)
            if named is None or value not in named.values:
                raise UsageError(
                    f"{path} = {value!r} is not a decision of {space.name} with that value",
                    help="give the path of a decision and one of its values",
                )
            pinned[path] = named.values.index(value)
        # Nested under a value that is not the one its parent has: does not exist, whatever is free.
        for decision in space.decisions:
            parent = decision.parent
            if parent is None or parent.path not in pinned:
                continue
            above = space.decision_by_path[parent.path]
            if not self._may_exist(above, pinned) or above.values[pinned[parent.path]] not in parent.values:
                pinned[decision.path] = 0
        return pinned

    def _may_exist(self, decision: Decision, pinned: Mapping[str, int]) -> bool:
        parent = decision.parent
        if parent is None:
            return True
        above = self.table.blueprint.space.decision_by_path[parent.path]
        is_picked = parent.path not in pinned or above.values[pinned[parent.path]] in parent.values
        return is_picked and self._may_exist(above, pinned)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """The free decisions in the order of the space, parents before what is nested under them."""
        return tuple(d for d in self.table.blueprint.space.decisions if d.path not in self.pinned)

    @cached_property
    def axes(self) -> Mapping[str, Axis]:
        """The axis of each free decision."""
        axes, pinned = self.table.blueprint.reading.axes, self.pinned
        return {path: axis for path, (axis, _) in axes.items() if path not in pinned}

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """The position of each free decision in an index row."""
        return {decision.path: column for column, decision in enumerate(self.decisions)}

    def costs(self, quantity: Quantity = "macs", part: str | None = None) -> Sequence[Varying]:
        """The tables whose sum is the multiply-adds or parameters, of everything or of one part."""
        factors = self.table.factors(quantity) if part is None else self.table.factors_of(part, quantity)
        return [at(factor, self.pinned) for factor in factors]

    @cached_property
    def activations(self) -> Sequence[Varying]:
        """The tables whose largest entry is the peak of the bytes of activations."""
        return [at(factor, self.pinned) for factor in self.table.activation_factors]

    def ancestors(self, decision: Decision) -> tuple[tuple[Axis, list[int]], ...]:
        """The free decisions above a nested one, nearest first, each with the indices at which it exists."""
        found: list[tuple[Axis, list[int]]] = []
        by_path = self.table.blueprint.space.decision_by_path
        while decision.parent is not None:
            above = by_path[decision.parent.path]
            if above.path in self.axes:
                found.append((self.axes[above.path], [above.values.index(value) for value in decision.parent.values]))
            decision = above
        return tuple(found)

    def over_existence(self, decision: Decision, present: Array, absent: Array) -> Varying:
        """A table over a decision and what it is nested under: one row where it exists, another where not."""
        axis = self.axes[decision.path]
        above = self.ancestors(decision)
        scope = tuple(sorted([axis, *(other for other, _ in above)]))
        required = dict(above)
        index = np.indices([a.size for a in scope])
        exists = np.ones([a.size for a in scope], dtype=bool)
        for position, other in enumerate(scope):
            if other in required:
                exists &= np.isin(index[position], required[other])
        own = index[scope.index(axis)]
        return Varying(scope, np.where(exists, present[own], absent[own]))

    @cached_property
    def pins(self) -> Sequence[Varying]:
        """A table of ones and zeros for each free decision: one where the assignment is an architecture."""
        tables = []
        for decision in self.decisions:
            size = len(decision.values)
            first = np.zeros(size, dtype=np.int64)
            first[0] = 1
            tables.append(self.over_existence(decision, np.ones(size, dtype=np.int64), first))
        return tables

    def probabilities(self, given: Mapping[str, Array]) -> Sequence[Varying]:
        """A table for each free decision: the probability of its values where it exists, else of its first, one.

        Raises:
            UsageError: a free decision has no probabilities, or not one for each value.
        """
        tables = []
        for decision in self.decisions:
            own = np.asarray(given.get(decision.path, ()), dtype=np.float64)
            if own.shape != (len(decision.values),):
                raise UsageError(
                    f"{decision.path} has {own.size} probabilities and {len(decision.values)} values",
                    help="give every free decision a probability for each of its values",
                )
            absent = np.zeros(own.shape)
            absent[0] = 1.0
            tables.append(self.over_existence(decision, own, absent))
        return tables

    @cached_property
    def _template(self) -> tuple[tuple[Decision, int, int], ...]:
        """(decision, its column or -1, its index where it is not free) for all that may exist."""
        space = self.table.blueprint.space
        present = self.table.blueprint.present(self.table.step)
        return tuple(
            (decision, self.columns.get(decision.path, -1), self.pinned.get(decision.path, 0))
            for decision in space.decisions
            if space.is_of(decision.path, present)
        )

    def architecture(self, row: Sequence[int]) -> dict[str, Value]:
        """The decisions that exist for an index row, in the order of the space."""
        chosen: dict[str, Value] = {}
        for decision, column, index in self._template:
            parent = decision.parent
            if parent is None or chosen.get(parent.path) in parent.values:
                # `chosen` lacks a parent that does not exist, and None is not a value.
                chosen[decision.path] = decision.values[row[column] if column >= 0 else index]
        return chosen

    def row(self, architecture: Mapping[str, Value]) -> list[int]:
        """The index row of an architecture; a decision that does not exist is at its first value.

        Raises:
            KeyError: a free decision that exists is missing.
            ValueError: a decision has a value that the space does not list.
        """
        row: list[int] = []
        exist: set[str] = set()
        for decision, column, _ in self._template:
            parent = decision.parent
            is_there = parent is None or (parent.path in exist and architecture[parent.path] in parent.values)
            if is_there:
                exist.add(decision.path)
            if column >= 0:
                row.append(decision.values.index(architecture[decision.path]) if is_there else 0)
        return row


@dataclass(frozen=True, slots=True)
class Bound:
    """An extreme of a cost, and an architecture that reaches it.

    Where it is not exact, constraints on costs are too many, and an architecture beyond it may be allowed.
    """

    value: int
    witness: Mapping[str, Value]
    is_exact: bool = True
