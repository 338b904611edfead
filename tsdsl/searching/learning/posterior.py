"""What a step believes of its architectures' scores: the posterior of Thompson sampling with shared weights.

Scores are observed a batch at a time, K architectures on the same clips, and count as far as they differ within their
batch: what a batch and the state of the weights add to all of them falls away. Own design.

Shapes: K samples, W weights, S draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tsdsl.operators.varying import Array
from tsdsl.searching.budget.candidates import WithinTarget, drawn
from tsdsl.searching.budget.within_target import NODE_LIMIT, Best
from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.searching.distribution.linear_model import NOISY_SHARE, LinearModel, Posterior, Prior, totals
from tsdsl.space.parts import Value

FIRST = 40
"""Scores of uniform samples before the first draw from the posterior."""
CERTAINTY_DRAWS = 64
"""Draws from which it is known how sure the posterior is."""
AVERAGED = 256
"""Uniform architectures that the average one is made of."""
WIDENING, MAX_SPREAD = 1.2, 8.0
"""What deviations of draws are multiplied with after each that gives nothing new, and the most in all."""
GROWTH = 1.15
"""The prior is chosen anew whenever there are so many times the batches."""


@dataclass(frozen=True)
class Certainty:
    """How sure a search is of what it found, by draws from the posterior: in the unit of scores.

    `expected_loss` is how much better than it the best is expected to be, `prior_loss` how much better the best is
    than a random one, `best_share` the share of the draws in which the one found is the best. `top` are the found
    one and the best of the draws, with the means and the deviations of their scores less the average architecture's;
    best first.
    """

    expected_loss: float
    prior_loss: float
    best_share: float
    top: tuple[tuple[dict[str, Value], float, float], ...]


class StepPosterior:
    """The linear model of a step's scores, and exact draws of the best architecture from it."""

    def __init__(self, candidates: WithinTarget) -> None:
        self.candidates = candidates
        self.model = LinearModel(candidates.terms, NOISY_SHARE)
        self.batches = 0
        self.next_choice = 1.0
        self._posterior: Posterior | None = None

    @property
    def has_begun(self) -> bool:
        """Whether enough has been observed to draw from it."""
        return self.model.count + self.batches >= FIRST  # centring takes one of each batch

    def observe(self, samples: Sequence[Decisions], scores_K: Sequence[float]) -> None:
        """Take in the scores of one batch."""
        self.model.observe(self.candidates.terms.active(samples), np.array(scores_K), is_centred=True)
        self.batches += 1
        self._posterior = None
        if self.batches >= self.next_choice:
            self.model.choose_prior()
            self.next_choice = self.batches * GROWTH

    def draws(self, count: int, generator: torch.Generator) -> list[dict[str, Value]]:
        """The best architectures within the target of `count` draws."""
        return [self.candidates.best(weights_W).decisions for weights_W in self._current().draws(count, generator)]

    def proposals(self, count: int, generator: torch.Generator) -> list[dict[str, Value]]:
        """The architectures to score in one batch: the best of draws, different as far as `MAX_SPREAD` gives them.

        Equal ones would say nothing in a batch that is centred. So each that was drawn before makes the following draws
        wider, and a posterior that is sure of a wrong architecture still compares it with others.
        """
        found: list[dict[str, Value]] = []
        spread = 1.0
        while len(found) < count:
            (weights_W,) = self._current().draws(1, generator, spread)
            decisions = self.candidates.best(weights_W).decisions
            if decisions in found and spread < MAX_SPREAD:
                spread *= WIDENING
            else:
                found.append(decisions)
        return found

    def found(self) -> Best:
        """The best architecture of the posterior mean."""
        return self.candidates.best(self.mean_W, NODE_LIMIT)

    def shares(self, best: Sequence[Decisions]) -> dict[str, list[float]]:
        """For each decision the part of the architectures that have it at each value, of those that have it."""
        shares = {}
        for decision in self.candidates.variables.decisions:
            there = [architecture[decision.path] for architecture in best if decision.path in architecture]
            # As if each value had been seen a little: what was not drawn is improbable, not impossible.
            counts = [there.count(value) + 1 / len(decision.values) for value in decision.values]
            shares[decision.path] = [count / sum(counts) for count in counts]
        return shares

    def certainty(self, found: Decisions, count: int, generator: torch.Generator) -> Certainty:
        """How sure it is of an architecture; see `Certainty`."""
        weights_SW = self._current().draws(count, generator)
        best = [self.candidates.best(weights_W) for weights_W in weights_SW]
        others = drawn(self.candidates, count, int(torch.randint(1 << 31, (1,), generator=generator)))
        scores_SN = totals(weights_SW, self.candidates.terms.active([found, *others]))
        # Of each draw the best's score, less that of the one found and that of a random one; the constant is in all.
        best_S = np.array([one.score for one in best]) + weights_SW[:, -1]
        # A draw whose search was cut off may be below what was found.
        losses = np.maximum(best_S - scores_SN[:, 0], 0.0)
        prior = (best_S[:, None] - scores_SN[:, 1:]).mean()
        share = sum(one.decisions == found for one in best) / count
        distinct = {
            tuple(decisions.items()): decisions for decisions in (dict(found), *(one.decisions for one in best))
        }
        means_N, deviations_N = self.intervals(list(distinct.values()))
        top = zip(distinct.values(), means_N.tolist(), deviations_N.tolist(), strict=True)
        ranked = tuple(sorted(top, key=lambda entry: -entry[1]))
        return Certainty(float(losses.mean()), float(prior), share, ranked)

    def expected_loss(self, generator: torch.Generator) -> float:
        """How much better than the architecture that would be found the best is expected to be."""
        return self.certainty(self.found().decisions, CERTAINTY_DRAWS, generator).expected_loss

    def interval(self, architecture: Decisions) -> tuple[float, float]:
        """(mean, deviation) of an architecture's score above the average one's within the target."""
        means_N, deviations_N = self.intervals([architecture])
        return float(means_N[0]), float(deviations_N[0])

    def intervals(self, architectures: Sequence[Decisions]) -> tuple[Array, Array]:
        """Means and deviations of several, as `interval`.

        Batches that are centred say nothing of what all architectures share, so scores count as far as they differ.
        """
        terms, posterior = self.candidates.terms, self._current()
        features_NW = torch.from_numpy(terms.features(terms.active(architectures)) - self._average_W)
        away_WN = torch.linalg.solve_triangular(posterior.root_WW, features_NW.T, upper=False)
        return (features_NW @ posterior.mean_W).numpy(), away_WN.norm(dim=0).numpy()

    @cached_property
    def _average_W(self) -> Array:
        """The mean features of uniform architectures within the target."""
        terms = self.candidates.terms
        average: Array = terms.features(terms.active(drawn(self.candidates, AVERAGED, 0))).mean(axis=0)
        return average

    def tensors(self) -> dict[str, Tensor]:
        """Everything that was learned, by name."""
        model = self.model
        state = [model.square, model.count, self.batches, self.next_choice]
        state += [model.prior.scale, model.prior.pair_share, model.prior.noise_ratio]
        return {
            "gram": model.gram_WW,
            "moment": model.moment_W,
            "state": torch.tensor(state, dtype=torch.float64),
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> bool:
        """Take up what `tensors` gave; False where they are of another step."""
        model = self.model
        if any(name not in tensors or tensors[name].shape != own.shape for name, own in self.tensors().items()):
            return False
        model.gram_WW.copy_(tensors["gram"])
        model.moment_W.copy_(tensors["moment"])
        square, count, batches, self.next_choice, *prior = tensors["state"].tolist()
        model.square, model.count, self.batches = square, int(count), int(batches)
        model.prior = Prior(*prior)
        self._posterior = None
        return True

    @property
    def mean_W(self) -> Array:
        """The posterior's mean of each weight."""
        mean: Array = self._current().mean_W.numpy()
        return mean

    def _current(self) -> Posterior:
        if self._posterior is None:
            self._posterior = self.model.posterior()
        return self._posterior
