"""Which architectures a step trains and scores on a batch; each draw follows from the seed, the step and the iteration.

PARSEC draws from alpha, the baselines uniformly within the target; Thompson sampling trains on uniform ones and scores
the best of its posterior's draws.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Literal, TypeAlias

from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.data.randomness import derive_generator, derive_seed
from tsdsl.errors import RunError
from tsdsl.searching.budget.candidates import WithinTarget, drawn
from tsdsl.searching.budget.conditioned import Conditioned, require_target
from tsdsl.searching.budget.flops import StepFlops
from tsdsl.searching.distribution.factorised import Distribution
from tsdsl.searching.distribution.importance import adaptive_samples
from tsdsl.searching.learning.posterior import StepPosterior
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.parts import Value

Samples: TypeAlias = list[dict[str, Value]]


class StepSamples:
    """What a step draws from: alpha, alpha within the target, uniform candidates, or a posterior."""

    def __init__(
        self,
        step: int | None,
        distribution: Distribution,
        flops: StepFlops,
        target_macs: int | None,
        settings: SearchSettings,
    ) -> None:
        self.step, self.settings, self.flops, self.distribution = step, settings, flops, distribution
        self.candidates = WithinTarget(flops, target_macs)
        self.posterior = StepPosterior(self.candidates) if settings.method == "thompson" else None
        self.within = None if target_macs is None else Conditioned(distribution, flops, target_macs)
        # Under constraints nothing is drawn that they do not allow, whatever the budget does.
        self.allowed = Conditioned(distribution, flops, flops.most()) if rules_of(flops.free) else None
        if settings.budget == "condition" and settings.method == "parsec":
            require_target(step, target_macs)

    @property
    def conditioned(self) -> Conditioned | None:
        """What PARSEC draws from instead of alpha itself."""
        return self.within if self.settings.budget == "condition" else self.allowed

    def num_trained(self) -> int:
        """K: the architectures trained on a batch, for the distribution as it is."""
        if self.settings.method == "single_path":
            return 1
        if self.settings.samples == "adaptive":
            return adaptive_samples(self.distribution.entropy())
        return self.settings.samples

    def num_scored(self) -> int:
        """The architectures scored on a validation batch."""
        if self.posterior is None:
            return self.num_trained()
        return max(2, round(self.num_trained() / self.settings.scoring_fraction))

    def scored_from(self, total: int, warmup: int) -> int:
        """The iteration of `total` with which scoring begins, after `warmup` iterations at the earliest."""
        if self.posterior is None:
            return warmup
        return min(max(warmup, total - math.ceil(total * self.settings.scoring_fraction)), total - 1)

    def probability_within(self) -> float | None:
        """The probability that an architecture drawn from alpha is within the target.

        None without a target, and where a search by the hinge has decisions too entangled for an answer.
        """
        if self.within is None:
            return None
        if self.posterior is not None:
            return 1.0
        try:
            return self.within.probability_within()
        except RunError:
            # The hinge does without this number, so its record must not end the search.
            if self.conditioned is not None:
                raise
            return None

    def training(self, iteration: int) -> Samples:
        """Those that the weights learn from."""
        return self._drawn("training", iteration, self.num_trained())

    def validation(self, iteration: int) -> Samples:
        """Those that are scored."""
        return self._drawn("validation", iteration, self.num_scored())

    def sandwich(self, iteration: int) -> Samples:
        """The largest, the smallest and K - 2 that are drawn."""
        return [*self._extremes, *self.training(iteration)[2:]]

    @cached_property
    def _extremes(self) -> Samples:
        """The largest and the smallest architecture of the step that its constraints allow."""
        return [dict(extreme(self.flops.free, sense).witness) for sense in ("max", "min")]

    def _drawn(self, purpose: Literal["training", "validation"], iteration: int, count: int) -> Samples:
        names = ("architectures", purpose, str(self.step), iteration)
        seed = derive_seed(self.settings.seed, *names)
        if self.settings.method == "parsec":
            if self.conditioned is not None:
                return self.conditioned.sample(count, seed)
            return self.distribution.sample(count, derive_generator(self.settings.seed, *names))
        if self.posterior is not None and self.posterior.has_begun and purpose == "validation":
            return self.posterior.proposals(count, derive_generator(self.settings.seed, *names))
        return drawn(self.candidates, count, seed)
