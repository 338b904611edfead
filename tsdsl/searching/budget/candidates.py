"""The architectures that a search without alpha draws and changes, all of them within the step's target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Protocol

import numpy as np

from tsdsl.analysis.questions.sampling import UniformDraws
from tsdsl.data.randomness import derive_seed
from tsdsl.operators.varying import Array, Axis, Varying, combine
from tsdsl.searching.budget.flops import StepFlops
from tsdsl.searching.budget.within_target import BARRED, Best, best_within
from tsdsl.searching.distribution.factorised import Decisions, Variables
from tsdsl.searching.distribution.linear_model import Terms
from tsdsl.space.parts import Decision, Value

DRAW_NODES = 100
"""Nodes after which the arg-max of one of many draws is as good as found."""


class Candidates(Protocol):
    """What random search and evolution choose from."""

    @property
    def variables(self) -> Variables:
        """The decisions to make."""

    def macs(self, architecture: Decisions) -> float | None:
        """The multiply-adds of an architecture; None where they are not known."""

    def is_within(self, architecture: Decisions) -> bool:
        """Whether an architecture is one of the candidates."""

    def draws(self, seed: int) -> Iterator[dict[str, Value]]:
        """Uniform candidates without end, independent of each other."""


@dataclass(frozen=True, eq=False)
class WithinTarget:
    """The architectures of a step that its constraints allow, with at most `target_macs` (None: any number)."""

    flops: StepFlops
    target_macs: int | None

    @property
    def variables(self) -> Variables:
        """The decisions of the step."""
        return self.flops.variables

    def macs(self, architecture: Decisions) -> int:
        """The exact multiply-adds."""
        return self.flops.macs(architecture)

    def is_within(self, architecture: Decisions) -> bool:
        """Whether the multiply-adds are at most the target, and all constraints are satisfied."""
        is_within = self.target_macs is None or self.macs(architecture) <= self.target_macs
        return is_within and self.flops.allows(architecture)

    @cached_property
    def _uniform(self) -> UniformDraws:
        return UniformDraws(self.flops.free, most_macs=self.target_macs)

    @cached_property
    def terms(self) -> Terms:
        """The weights of a score: of the decisions, and of pairs of neighbours, which share a cost."""
        numbers = {decision.path: number for number, decision in enumerate(self.variables.decisions)}
        pairs = sorted({pair for table in self.flops.free.costs() for pair in pairwise(table.scope)})
        return Terms(self.variables.decisions, tuple((numbers[a.path], numbers[b.path]) for a, b in pairs))

    def best(self, weights_W: Array, node_limit: int = DRAW_NODES) -> Best:
        """The candidate with the largest sum of weights.

        Raises:
            UsageError: nothing is within the target.
            RunError: the decisions are too entangled for an exact answer.
        """
        tables = [
            combine(np.multiply, Varying(scope, table[0]), exists)
            for (_, table), (scope, exists) in zip(self.terms.tables(weights_W[None]), self._scopes, strict=True)
        ]
        return best_within(self.flops, [*tables, *self._pins], self.target_macs, node_limit)

    @cached_property
    def _scopes(self) -> Sequence[tuple[tuple[Axis, ...], Varying]]:
        """For each term the axes of its decisions, and a table that is one where they exist and else zero."""
        found = []
        for paths, _ in self.terms.tables(np.zeros((1, self.terms.num_weights))):
            exists = Varying((), np.asarray(1.0))
            for decision in self.variables.decisions:
                for axis, index in self.flops.free.ancestors(decision) if decision.path in paths else ():
                    exists = exists * Varying((axis,), np.isin(np.arange(axis.size), index).astype(float))
            found.append((tuple(self.flops.axes[path] for path in paths), exists))
        return found

    @cached_property
    def _pins(self) -> Sequence[Varying]:
        """What bars all values but the first of a decision that does not exist."""
        return [Varying(pin.scope, np.where(pin.table > 0, 0.0, BARRED)) for pin in self.flops.free.pins]

    def draws(self, seed: int) -> Iterator[dict[str, Value]]:
        """Uniform architectures within the target, exactly.

        Raises:
            UsageError: nothing is within the target.
        """
        for rows in self._uniform.batches(seed):
            for row in rows.tolist():
                yield self.flops.free.architecture(row)


def drawn(candidates: Candidates, count: int, seed: int) -> list[dict[str, Value]]:
    """The first `count` candidates that a seed gives."""
    return list(islice(candidates.draws(seed), count))


def mutated(candidates: Candidates, parent: Decisions, seed: int) -> dict[str, Value]:
    """A candidate that differs from `parent` in one decision, and in what exists only because of it.

    A decision is picked at random, then another value of it; nested decisions that come to exist by it are
    drawn uniformly, those that cease to exist are left out. What is not a candidate is passed over. Where
    nothing is left, as where the target leaves a single architecture, a new uniform draw is returned.
    """
    generator = np.random.default_rng(seed)
    existing = [decision for decision in candidates.variables.decisions if decision.path in parent]
    for index in generator.permutation(len(existing)).tolist():
        decision = existing[index]
        others = [value for value in decision.values if value != parent[decision.path]]
        for other in generator.permutation(len(others)).tolist():
            child = _changed(candidates.variables, parent, decision, others[other], generator)
            if candidates.is_within(child):
                return child
    return next(candidates.draws(derive_seed(seed, "no neighbour")))


def _changed(
    variables: Variables, parent: Decisions, changed: Decision, value: Value, generator: np.random.Generator
) -> dict[str, Value]:
    """The parent with one decision at another value, complete again.

    A decision that exists in both lies under the same alternatives in both.
    """
    child = dict(variables.fixed)
    for decision in variables.decisions:
        if not variables.exists(decision, child):
            continue
        if decision.path == changed.path:
            child[decision.path] = value
        elif decision.path in parent:
            child[decision.path] = parent[decision.path]
        else:
            child[decision.path] = decision.values[int(generator.integers(len(decision.values)))]
    return child
