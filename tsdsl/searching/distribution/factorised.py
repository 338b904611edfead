"""The factorised distribution over architectures: P(A|alpha), one softmax a decision.

Source: PARSEC (Casale et al. 2019), section 3. A decision that exists only under an alternative of
another takes part only in architectures that picked it. All of it is float64 on the CPU, so that a
seed draws the same architectures whatever device trains the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from tsdsl.errors import UsageError
from tsdsl.space.model import Space
from tsdsl.space.parts import Decision, Value

Decisions: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True)
class Variables:
    """The decisions that are searched, and where each one's logits lie in the flat vector alpha.

    `decisions` are in the space's order; a parent among them comes before what is nested under it.
    `fixed` are the decisions that stand.
    """

    decisions: tuple[Decision, ...]
    fixed: Decisions

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """For each decision the part of alpha that is its own."""
        result: dict[str, slice] = {}
        begin = 0
        for decision in self.decisions:
            result[decision.path] = slice(begin, begin + len(decision.values))
            begin += len(decision.values)
        return result

    @property
    def num_logits(self) -> int:
        """The length of alpha."""
        return sum(len(decision.values) for decision in self.decisions)

    def exists(self, decision: Decision, chosen: Decisions) -> bool:
        """Whether a decision exists, given what is decided so far (parents before children)."""
        parent = decision.parent
        return parent is None or (parent.path in chosen and chosen[parent.path] in parent.values)


def step_variables(space: Space, step: int | None, found: Decisions) -> Variables:
    """The variables of a step of the progressive search, or of the whole space for None.

    `found` holds what earlier steps decided. A decision of a present part that no step so far makes
    has its first value; one nested under an alternative that was not picked is left out.

    Raises:
        UsageError: there is nothing to decide.
    """
    paths = {d.path for d in space.decisions} if step is None else set(space.step(step).decisions)
    present = space.present_after(step)
    searched: dict[str, Decision] = {}
    fixed: dict[str, Value] = {}
    for decision in space.decisions:
        if not space.is_of(decision.path, present):
            continue
        parent = decision.parent
        if parent is not None and parent.path not in searched and fixed.get(parent.path) not in parent.values:
            continue
        if decision.path in paths:
            searched[decision.path] = decision
        else:
            fixed[decision.path] = found.get(decision.path, decision.values[0])
    if not searched:
        raise UsageError(
            f"{space.name}: "
            + ("the space has no decisions" if step is None else f"step {step} has nothing to decide"),
            help="give a choice, such as channels = {32, 40}, to something that the step names",
        )
    return Variables(tuple(searched.values()), fixed)


@dataclass(frozen=True, eq=False)
class Distribution:
    """P(A|alpha) over the variables; `logits` is alpha, a flat float64 vector on the CPU."""

    variables: Variables
    logits: Tensor

    @staticmethod
    def uniform(variables: Variables) -> Distribution:
        """Every value of a decision equally probable."""
        return Distribution(variables, torch.zeros(variables.num_logits, dtype=torch.float64))

    def probabilities(self) -> dict[str, Tensor]:
        """For each decision the probability of each value, given that the decision exists."""
        logits = self.logits.detach()
        return {path: torch.softmax(logits[part], 0) for path, part in self.variables.slices.items()}

    def log_probabilities(self) -> dict[str, Tensor]:
        """The logarithms of `probabilities`."""
        logits = self.logits.detach()
        return {path: torch.log_softmax(logits[part], 0) for path, part in self.variables.slices.items()}

    def sample(self, count: int, generator: torch.Generator) -> list[dict[str, Value]]:
        """`count` architectures: every decision that exists, the fixed ones included.

        One number is drawn for each decision and architecture, used or not, so that what is drawn for one
        decision never depends on another.
        """
        uniform = torch.rand(len(self.variables.decisions), count, generator=generator, dtype=torch.float64)
        cumulative = {path: torch.cumsum(p, 0) for path, p in self.probabilities().items()}
        samples: list[dict[str, Value]] = []
        for k in range(count):
            chosen = dict(self.variables.fixed)
            for row, decision in enumerate(self.variables.decisions):
                if self.variables.exists(decision, chosen):
                    index = int(torch.searchsorted(cumulative[decision.path], uniform[row, k], right=True))
                    chosen[decision.path] = decision.values[min(index, len(decision.values) - 1)]
            samples.append(chosen)
        return samples

    def log_probability(self, architecture: Decisions) -> float:
        """log P(A|alpha) in nats; the fixed decisions do not count."""
        logs = self.log_probabilities()
        total = 0.0
        for decision in self.variables.decisions:
            if self.variables.exists(decision, architecture):
                total += float(logs[decision.path][decision.values.index(architecture[decision.path])])
        return total

    def existence(self) -> dict[str, float]:
        """For each decision the exact probability that it exists."""
        probabilities = self.probabilities()
        decision_by_path = {decision.path: decision for decision in self.variables.decisions}
        result: dict[str, float] = {}
        for decision in self.variables.decisions:
            parent = decision.parent
            if parent is None or parent.path not in decision_by_path:
                result[decision.path] = 1.0
            else:
                values = decision_by_path[parent.path].values
                indices = [values.index(value) for value in parent.values]
                result[decision.path] = result[parent.path] * float(probabilities[parent.path][indices].sum())
        return result

    def entropy(self) -> float:
        """The entropy in nats: exact, a nested decision's weighted by the probability that it exists."""
        existence = self.existence()
        return sum(
            existence[path] * float(-(torch.exp(logs) * logs).sum()) for path, logs in self.log_probabilities().items()
        )

    def most_probable(self) -> dict[str, Value]:
        """The most probable architecture, the fixed decisions included.

        With nested decisions the parent's alternative is weighed together with the best that is possible
        under it. Ties go to the value written first.
        """
        logs = self.log_probabilities()
        children: dict[tuple[str, Value], list[Decision]] = {}
        roots: list[Decision] = []
        searched = set(self.variables.slices)
        for decision in self.variables.decisions:
            if decision.parent is not None and decision.parent.path in searched:
                for value in decision.parent.values:
                    children.setdefault((decision.parent.path, value), []).append(decision)
            else:
                roots.append(decision)

        def best(decision: Decision) -> tuple[float, dict[str, Value]]:
            found: tuple[float, dict[str, Value]] | None = None
            for index, value in enumerate(decision.values):
                total, chosen = float(logs[decision.path][index]), {decision.path: value}
                for child in children.get((decision.path, value), ()):
                    below, picked = best(child)
                    total += below
                    chosen |= picked
                if found is None or total > found[0]:
                    found = (total, chosen)
            assert found is not None
            return found

        result = dict(self.variables.fixed)
        for root in roots:
            result |= best(root)[1]
        return result

    def score_gradient(self, samples: Sequence[Decisions], coefficients: Tensor) -> Tensor:
        """sum_k c_k grad_alpha log P(A_k|alpha), a vector like alpha.

        For one decision it is the sum of c_k (onehot(A_k) - softmax(alpha_v)) over the samples in which
        the decision exists: log P of the others does not depend on it.
        """
        gradient = torch.zeros_like(self.logits)
        probabilities = self.probabilities()
        for sample, coefficient in zip(samples, coefficients.tolist(), strict=True):
            for decision in self.variables.decisions:
                if self.variables.exists(decision, sample):
                    part = gradient[self.variables.slices[decision.path]]
                    part -= coefficient * probabilities[decision.path]
                    part[decision.values.index(sample[decision.path])] += coefficient
        return gradient
