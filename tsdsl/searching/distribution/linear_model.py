"""A Bayesian linear model of scores: a weight for each value of a decision, and one for each pair of values.

score(A) = constant + sum of the weights of A's values + sum of the weights of its pairs of values + noise, all weights
Gaussian. A term counts nothing where one of its decisions does not exist. The model keeps sums over its observations
alone, so it takes as much memory after a million as after one. Own design; the model is the linear one of Thompson
sampling with a Gaussian prior (Agrawal and Goyal, 2013), its prior chosen by its probability given the observations
(MacKay, 1992).

Shapes: N architectures, M terms, W weights, S draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from tsdsl.operators.varying import Array
from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.space.parts import Decision, Value

PAIR_SHARES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
NOISE_RATIOS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
"""The priors among which observations choose: the share of the variance of scores that pairs have, and the variance of
the noise over that of scores."""
USUAL_RATIO, USUAL_SHARE, NOISY_SHARE = 0.1, 0.1, 0.001
"""The ratio that is taken without observations, and the share: of exact scores, and of noisy ones that come in batches.
These say so little of each pair that draws with looser ones go astray (own measurements, see docs/method.md). One
deviation away is a share e times as large or as small, and a ratio e^2 times."""
USUAL_SCALE, PSEUDO_OBSERVATIONS = 2.0, 10
"""What scale and noise usually are together, in mean squares of the scores, and how many of those it counts as."""


@dataclass(frozen=True)
class Prior:
    """The variance of scores over all architectures, the pairs' share of it, and the noise's variance over it."""

    scale: float = 1.0
    pair_share: float = USUAL_SHARE
    noise_ratio: float = USUAL_RATIO

    @property
    def noise(self) -> float:
        """The variance of one observation's noise."""
        return self.scale * self.noise_ratio

    def neighbours(self) -> Iterator[Prior]:
        """Itself, and those next to it among the priors, all of scale 1."""
        yield Prior(1.0, self.pair_share, self.noise_ratio)
        for share in _next_to(self.pair_share, PAIR_SHARES):
            yield Prior(1.0, share, self.noise_ratio)
        for ratio in _next_to(self.noise_ratio, NOISE_RATIOS):
            yield Prior(1.0, self.pair_share, ratio)


@dataclass(frozen=True, eq=False)
class Terms:
    """What the weights are for: the values of each decision, then those of each pair, and last the constant."""

    decisions: tuple[Decision, ...]
    pairs: tuple[tuple[int, int], ...]
    """Positions in `decisions`."""

    @cached_property
    def _begins(self) -> tuple[int, ...]:
        """Where the weights of each term begin, and where they end."""
        sizes = [len(d.values) for d in self.decisions]
        sizes += [sizes[one] * sizes[other] for one, other in self.pairs]
        return tuple(np.cumsum([0, *sizes]).tolist())

    @property
    def num_weights(self) -> int:
        """Of all terms and the constant."""
        return self._begins[-1] + 1

    @cached_property
    def _index(self) -> tuple[Mapping[Value, int], ...]:
        return tuple({value: number for number, value in enumerate(d.values)} for d in self.decisions)

    def active(self, architectures: Sequence[Decisions]) -> Array:
        """The weights that count in each architecture, N x M; `num_weights` where a term has none."""
        none = self.num_weights
        values_ND = np.array(
            [
                [index[a[d.path]] if d.path in a else -1 for d, index in zip(self.decisions, self._index, strict=True)]
                for a in architectures
            ],
            dtype=np.int64,
        ).reshape(len(architectures), len(self.decisions))
        columns = [np.where(v >= 0, begin + v, none) for v, begin in zip(values_ND.T, self._begins, strict=False)]
        for (one, other), begin in zip(self.pairs, self._begins[len(self.decisions) :], strict=False):
            left, right = values_ND[:, one], values_ND[:, other]
            own = begin + left * len(self.decisions[other].values) + right
            columns.append(np.where((left >= 0) & (right >= 0), own, none))
        columns.append(np.full(len(architectures), none - 1))
        return np.stack(columns, axis=1)

    def features(self, active_NM: Array) -> Array:
        """N x W: one where a weight counts, else zero."""
        features = np.zeros((len(active_NM), self.num_weights + 1))
        features[np.arange(len(active_NM))[:, None], active_NM] = 1.0
        return features[:, :-1]

    def variances(self, prior: Prior) -> Array:
        """The prior variance of each weight, W: that of scores shared out among the terms."""
        num_values = self._begins[len(self.decisions)]
        variances = np.full(self.num_weights, (1 - prior.pair_share) * prior.scale / len(self.decisions))
        variances[num_values:] = prior.pair_share * prior.scale / max(1, len(self.pairs))
        variances[-1] = prior.scale
        return variances

    def tables(self, weights_SW: Array) -> list[tuple[tuple[str, ...], Array]]:
        """For each term its decisions' paths and its weights as a table, S x one axis a decision."""
        tables: list[tuple[tuple[str, ...], Array]] = []
        scopes = [(number,) for number in range(len(self.decisions))] + list(self.pairs)
        for scope, begin, end in zip(scopes, self._begins, self._begins[1:], strict=False):
            shape = [len(self.decisions[number].values) for number in scope]
            paths = tuple(self.decisions[number].path for number in scope)
            tables.append((paths, weights_SW[:, begin:end].reshape(-1, *shape)))
        return tables


def totals(weights_SW: Array, active_NM: Array) -> Array:
    """The score that each row of weights gives each architecture, S x N."""
    padded = np.concatenate([weights_SW, np.zeros((len(weights_SW), 1))], axis=1)
    scores = np.zeros((len(weights_SW), len(active_NM)))
    for column in active_NM.T:
        scores += padded[:, column]
    return scores


class LinearModel:
    """The sums over all observations, and the prior in force; see the module.

    `usual_share`, one of `PAIR_SHARES`, is the part that pairs have of the variance of scores before any is observed.
    """

    def __init__(self, terms: Terms, usual_share: float = USUAL_SHARE) -> None:
        self.terms = terms
        self.usual_share = usual_share
        self.prior = Prior(pair_share=usual_share)
        self.gram_WW = torch.zeros(terms.num_weights, terms.num_weights, dtype=torch.float64)
        self.moment_W = torch.zeros(terms.num_weights, dtype=torch.float64)
        self.square = 0.0
        self.count = 0

    def observe(self, active_NM: Array, scores_N: Array, *, is_centred: bool) -> None:
        """Take in the scores of a batch; centred ones less what all of the batch share."""
        features_NW = self.terms.features(active_NM)
        scores_N = np.asarray(scores_N, dtype=np.float64)
        if is_centred:
            features_NW = features_NW - features_NW.mean(axis=0)
            scores_N = scores_N - scores_N.mean()
        self.gram_WW += torch.from_numpy(features_NW.T @ features_NW)
        self.moment_W += torch.from_numpy(features_NW.T @ scores_N)
        self.square += float(scores_N @ scores_N)
        # Centring takes one degree of freedom.
        self.count += len(scores_N) - int(is_centred)

    def restate(self, active_NM: Array, scores_N: Array) -> None:
        """Take in these observations, those before them among them, with scores that may all have changed."""
        features_NW = torch.from_numpy(self.terms.features(active_NM[self.count :]))
        self.gram_WW += features_NW.T @ features_NW
        sums = np.bincount(
            active_NM.ravel(), np.repeat(scores_N, active_NM.shape[1]), minlength=self.terms.num_weights + 1
        )
        self.moment_W = torch.from_numpy(sums[:-1])
        self.square = float(scores_N @ scores_N)
        self.count = len(scores_N)

    def choose_prior(self) -> None:
        """Take the prior next to the one in force that makes the observations most probable; its scale is the best.

        One step at a time, so that few observations do not lead far away.
        """
        if self.count == 0 or self.square <= 0:
            return
        self.prior = max((self._fitted(prior) for prior in self.prior.neighbours()), key=lambda pair: pair[0])[1]

    def _fitted(self, unit: Prior) -> tuple[float, Prior]:
        """(log probability given the observations but for a constant, the prior with the scale that is likeliest)."""
        variances_W = torch.from_numpy(self.terms.variances(unit))
        ratio = unit.noise_ratio
        root_WW = torch.linalg.cholesky(self.gram_WW + torch.diag(ratio / variances_W))
        half_W = torch.linalg.solve_triangular(root_WW, self.moment_W[:, None], upper=False)
        usual = USUAL_SCALE * self.square / self.count / (1 + ratio)
        squares = (self.square - float(half_W.square().sum())) / ratio + PSEUDO_OBSERVATIONS * usual
        count = self.count + PSEUDO_OBSERVATIONS
        # log det (features diag(variances) features' + ratio I), by the matrix determinant lemma.
        determinant = float(2 * root_WW.diagonal().log().sum() + variances_W.log().sum())
        determinant += (self.count - len(variances_W)) * math.log(ratio)
        away = (math.log(ratio / USUAL_RATIO) / 2) ** 2 + math.log(unit.pair_share / self.usual_share) ** 2
        # The normaliser of the scale's inverse gamma prior, as `usual` differs between noise ratios.
        determinant -= PSEUDO_OBSERVATIONS * math.log(usual)
        return -0.5 * (determinant + count * math.log(squares) + away), replace(unit, scale=squares / count)

    def posterior(self) -> Posterior:
        """The weights, given what was observed."""
        noise = self.prior.noise
        variances_W = torch.from_numpy(self.terms.variances(self.prior))
        root_WW = torch.linalg.cholesky(self.gram_WW / noise + torch.diag(1 / variances_W))
        mean_W = torch.cholesky_solve(self.moment_W[:, None] / noise, root_WW)[:, 0]
        return Posterior(mean_W, root_WW)


@dataclass(frozen=True, eq=False)
class Posterior:
    """A Gaussian over the weights: its mean, and the lower Cholesky factor of its precision."""

    mean_W: Tensor
    root_WW: Tensor

    def draws(self, count: int, generator: torch.Generator, spread: float = 1.0) -> Array:
        """S x W; `spread` is what deviations from the mean are multiplied with."""
        normal_WS = torch.randn(len(self.mean_W), count, generator=generator, dtype=torch.float64)
        away_WS = torch.linalg.solve_triangular(self.root_WW.T, normal_WS, upper=True)
        drawn: Array = (self.mean_W[:, None] + spread * away_WS).T.contiguous().numpy()
        return drawn


def _next_to(value: float, values: Sequence[float]) -> Sequence[float]:
    number = values.index(value)
    return [values[other] for other in (number - 1, number + 1) if 0 <= other < len(values)]
