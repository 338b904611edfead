"""Thompson sampling: what is measured next is the exact arg-max of scores drawn from a posterior over them.

Own design: the posterior is that of `linear_model`, whose draws are sums of small tables, and the best architecture of
such a sum within a target is found exactly; here in a table of accuracies, in `learning/posterior.py` with shared
weights. So a proposal needs no acceptance, no mutation and no learning rate.

Shapes: N architectures, M terms, W weights, S draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from tsdsl.data.randomness import derive_generator
from tsdsl.operators.varying import Array
from tsdsl.searching.distribution.linear_model import NOISY_SHARE, USUAL_SHARE, LinearModel
from tsdsl.searching.methods.accuracy_table import TableCandidates
from tsdsl.searching.methods.baselines import Evaluation, RandomSearch
from tsdsl.space.parts import Value

FIRST = 5
"""Uniform architectures before the first that is proposed."""
SPREAD = 0.5
"""What the deviations of draws are multiplied with where look-ups are exact. Own measurements: below 1 less is looked
up that only the prior speaks for."""
GROWTH = 1.15
"""The prior is chosen anew whenever there are so many times the observations."""


@dataclass(eq=False)
class Thompson:
    """Thompson sampling from a history of measurements.

    With `batch` 1 every measurement is exact: scores are ranks, nothing is measured twice, and the best seen is
    found. With more, so many measurements in a row share an offset and have noise: scores are centred in their
    batch, and what is found is the arg-max of the posterior mean.
    """

    candidates: TableCandidates
    seed: int
    batch: int = 1
    _model: LinearModel = field(init=False)
    _taken: int = field(default=0, init=False)
    _next_choice: float = field(default=FIRST, init=False)

    def __post_init__(self) -> None:
        self._model = LinearModel(self.candidates.terms, USUAL_SHARE if self.batch == 1 else NOISY_SHARE)
        self._active_NM = np.empty((0, 0), dtype=np.int64)
        self._barred: list[int] = []
        self._first = RandomSearch(self.candidates, self.seed)

    def propose(self, history: Sequence[Evaluation]) -> dict[str, Value]:
        """The arg-max of a draw from the posterior; at first uniform."""
        number = len(history)
        if number < FIRST * self.batch:
            return self._first.propose(history)
        self._take(history)
        draw = derive_generator(self.seed, "posterior", number)
        spread = SPREAD if self.batch == 1 else 1.0
        weights_SW = self._posterior.draws(1, draw, spread)
        return self.candidates.best(weights_SW[0], self._barred)

    def found(self, history: Sequence[Evaluation]) -> dict[str, Value]:
        """What the search ends with; among the equally accurate the one with the fewest multiply-adds."""
        if self.batch == 1:
            return dict(min(history, key=lambda e: (-e.accuracy, e.macs or 0)).decisions)
        self._take(history)
        mean_W = self._posterior.mean_W.numpy()
        return self.candidates.best(mean_W)

    def _take(self, history: Sequence[Evaluation]) -> None:
        """Let the model know of all whole batches; the prior depends on the history alone, however it came about."""
        if self._taken and self._taken + self.batch > len(history):
            return
        while self._taken + self.batch <= len(history):
            batch = history[self._taken : self._taken + self.batch]
            active_NM = self.candidates.terms.active([evaluation.decisions for evaluation in batch])
            self._taken += self.batch
            if self.batch > 1:
                scores_N = np.array([evaluation.accuracy for evaluation in batch])
                self._model.observe(active_NM, scores_N, is_centred=True)
            else:
                self._barred.append(self.candidates.number(batch[0].decisions))
                self._active_NM = active_NM if self._taken == 1 else np.concatenate([self._active_NM, active_NM])
            if self._taken >= self._next_choice * self.batch:
                self._restate(history)
                self._model.choose_prior()
                self._next_choice = self._taken / self.batch * GROWTH
        self._restate(history)
        self._posterior = self._model.posterior()

    def _restate(self, history: Sequence[Evaluation]) -> None:
        if self.batch == 1:
            accuracies_N = np.array([evaluation.accuracy for evaluation in history[: self._taken]])
            self._model.restate(self._active_NM, normal_scores(accuracies_N))


def normal_scores(accuracies_N: Array) -> Array:
    """Quantiles of the normal distribution in the order of the accuracies; equal ones get their mean rank's."""
    _, inverse_N, counts = np.unique(accuracies_N, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts + 1) / 2
    quantile = NormalDist().inv_cdf
    return np.array([quantile((rank + 0.5) / len(accuracies_N)) for rank in ranks])[inverse_N]
