"""P(A|alpha) conditioned on a step's FLOPs target: its samples, its score-function gradient, and P(within).

Own design. FLOPs are a sum of small tables, so what is within the target can be drawn, and its marginals
can be summed up, without drawing anything outside it; see `tsdsl.analysis.questions.budget_sampling`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from tsdsl.analysis.questions.budget_sampling import conditioned
from tsdsl.analysis.questions.probability import marginals_within, probability_within
from tsdsl.errors import RunError, UsageError
from tsdsl.operators.varying import Array
from tsdsl.searching.budget.flops import StepFlops
from tsdsl.searching.distribution.factorised import Decisions, Distribution
from tsdsl.space.parts import Value

BINS = 2048
"""Bins of FLOPs up to the target. Samples are exact with any number; see `Conditioned.score_gradient`."""


def require_target(step: int | None, target_macs: int | None) -> None:
    """Refuses a step without a target.

    Raises:
        UsageError: there is nothing to condition on.
    """
    if target_macs is None:
        name = "the joint search" if step is None else f"step {step}"
        raise UsageError(
            f"budget = condition: {name} has no target to be within",
            help="give the step a target, such as target = 1.4 GFLOPs, or search with budget = hinge",
        )


@dataclass(frozen=True, eq=False)
class Conditioned:
    """P(A|alpha, FLOPs(A) <= target), for alpha as `distribution` has it when asked."""

    distribution: Distribution
    flops: StepFlops
    target_macs: int
    bins: int = BINS

    def probability_within(self) -> float:
        """P(FLOPs <= target | alpha), the middle of two rigorous bounds; exact where there are few costs."""
        at_least, at_most = probability_within(
            self.flops.free, self._probabilities(), most=self.target_macs, bins=self.bins
        )
        return (at_least + at_most) / 2

    def sample(self, count: int, seed: int) -> list[dict[str, Value]]:
        """`count` architectures within the target, independent, exactly distributed up to 64-bit rounding.

        Raises:
            RunError: alpha leaves no probability that 64 bits can hold to what is within the target.
        """
        sampler = conditioned(self.flops.free, self._probabilities(), 0, self.target_macs, self.bins)
        if sampler.is_surely_empty:
            raise RunError(
                f"alpha gives practically no probability to architectures within {self.target_macs:,} FLOPs",
                help="lower alpha_lr, or search with budget = hinge",
            )
        batches = sampler.rows(np.random.default_rng(seed))
        rows = islice((row for batch in batches for row in batch.tolist()), count)
        return [self.flops.free.architecture(row) for row in rows]

    def score_gradient(self, samples: Sequence[Decisions], coefficients: Tensor) -> Tensor:
        """sum_k c_k grad_alpha log P(A_k|alpha, within), a vector like alpha.

        log P(A|within) = log P(A) - log P(within), and grad log P(within) is the mean of grad log P over what
        is within: for one decision its marginals there, less softmax(alpha_v) times the share of what is
        within in which it exists. So for a decision that always exists a sample adds c_k (onehot(A_k) -
        marginals). Marginals are exact where there are few costs, else between bounds that bins allow.
        """
        gradient = self.distribution.score_gradient(samples, coefficients)
        probabilities = self.distribution.probabilities()
        marginals = marginals_within(
            self.flops.free, most=self.target_macs, probabilities=self._probabilities(), bins=self.bins
        )
        total = float(coefficients.sum())
        for path, part in self.distribution.variables.slices.items():
            share = torch.from_numpy(marginals[path].share)
            gradient[part] -= total * (share - share.sum() * probabilities[path])
        return gradient

    def _probabilities(self) -> Mapping[str, Array]:
        return {path: p.numpy() for path, p in self.distribution.probabilities().items()}
