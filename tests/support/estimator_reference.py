"""Alpha's estimate against the gradient that it estimates, on a space small enough to enumerate.

What the samples of one batch give is computed by the package; what all samples that could be drawn give on average,
and the gradient itself, are computed here by enumeration.

Shapes: A architectures, K samples, M multisets of K samples, L logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from tsdsl.searching.distribution.factorised import Distribution, Variables
from tsdsl.searching.distribution.importance import (
    AccuracyWeights,
    accuracy_weights,
    loss_coefficients,
    softmax_weights,
)
from tsdsl.space.parts import Decision, Value

Weigh = Callable[[Tensor], Tensor]
"""Importance weights m_K of samples from their scores."""


def by_likelihood(scores_K: Tensor) -> Tensor:
    return softmax_weights(scores_K, 1.0)


def by_accuracy(kind: AccuracyWeights, temperature: float = 1.0) -> Weigh:
    return lambda scores_K: accuracy_weights(scores_K, kind, temperature)


@dataclass(frozen=True)
class Enumerated:
    """A factorised distribution over all architectures of two decisions, with a score of each."""

    distribution: Distribution
    architectures: tuple[dict[str, Value], ...]
    scores_A: Tensor

    @property
    def probabilities_A(self) -> Tensor:
        """P(A|alpha)."""
        logs = [self.distribution.log_probability(a) for a in self.architectures]
        return torch.tensor(logs, dtype=torch.float64).exp()

    def gradient(self, tilt_A: Tensor) -> Tensor:
        """grad_alpha log sum_A P(A|alpha) tilt_A, by autograd over the enumeration."""
        alpha_L = self.distribution.logits.detach().clone().requires_grad_()
        slices = self.distribution.variables.slices
        logs_A = []
        for architecture in self.architectures:
            total = torch.zeros((), dtype=torch.float64)
            for decision in self.distribution.variables.decisions:
                own = torch.log_softmax(alpha_L[slices[decision.path]], 0)
                total = total + own[decision.values.index(architecture[decision.path])]
            logs_A.append(total)
        (gradient_L,) = torch.autograd.grad(torch.logsumexp(torch.stack(logs_A) + tilt_A.log(), 0), alpha_L)
        return gradient_L

    def estimate(self, counts_A: Sequence[int], weigh: Weigh) -> Tensor:
        """What K samples of which `counts_A` are of each architecture give for the ascent, by the package."""
        drawn_K = torch.repeat_interleave(torch.arange(len(counts_A)), torch.tensor(counts_A))
        weights_K = weigh(self.scores_A[drawn_K])
        coefficients_K = -loss_coefficients(weights_K, torch.zeros_like(weights_K), 1.0)
        together_A = torch.zeros(len(counts_A), dtype=torch.float64).index_add_(0, drawn_K, coefficients_K)
        return self.distribution.score_gradient(self.architectures, together_A)

    def expected_estimate(self, num_samples: int, weigh: Weigh) -> tuple[Tensor, float]:
        """(mean, root of the summed variances) of the estimate over all that K random draws may be, exactly."""
        logs_A = self.probabilities_A.log().tolist()
        mean_L = torch.zeros_like(self.distribution.logits)
        square = 0.0
        for counts in multisets(len(logs_A), num_samples):
            ways = math.lgamma(num_samples + 1) - sum(math.lgamma(count + 1) for count in counts)
            chance = math.exp(ways + sum(count * log for count, log in zip(counts, logs_A, strict=True)))
            estimate_L = self.estimate(counts, weigh)
            mean_L += chance * estimate_L
            square += chance * float(estimate_L @ estimate_L)
        return mean_L, math.sqrt(max(0.0, square - float(mean_L @ mean_L)))


def multisets(kinds: int, size: int) -> Iterator[tuple[int, ...]]:
    """All ways to take `size` things of so many kinds, as the count of each kind."""
    if kinds == 1:
        yield (size,)
        return
    for first in range(size + 1):
        for rest in multisets(kinds - 1, size - first):
            yield first, *rest


def small_space() -> Enumerated:
    """2 x 2 architectures, not uniform, with scores from 0.2 to 0.9."""
    variables = Variables((Decision(path="a", values=(1, 2)), Decision(path="b", values=(1, 2))), {})
    logits_L = torch.tensor([0.3, -0.2, -0.4, 0.1], dtype=torch.float64)
    architectures: tuple[dict[str, Value], ...] = tuple({"a": a, "b": b} for a, b in product((1, 2), repeat=2))
    scores_A = torch.tensor([0.5, 0.9, 0.2, 0.6], dtype=torch.float64)
    return Enumerated(Distribution(variables, logits_L), architectures, scores_A)
