"""The architectures that a search without alpha draws and changes, all of them within the step's target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np

from tsdsl.analysis.questions.sampling import UniformDraws
from tsdsl.data.randomness import derive_seed
from tsdsl.search.budget.flops import StepFlops
from tsdsl.search.distribution.factorised import Decisions, Variables
from tsdsl.space.parts import Decision, Value


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
    drawn uniformly, those that cease to exist are left out. What is no candidate is passed over. Where
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
