"""The Bayesian linear model: its posterior against one computed from all observations, and its choice of a prior."""

from __future__ import annotations

import numpy as np
import torch

from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.searching.distribution.linear_model import NOISY_SHARE, LinearModel, Prior, Terms, totals
from tsdsl.space.parts import Decision, Parent

A = Decision(path="a", values=("x", "y"))
B = Decision(path="b", values=(1, 2, 3))
NESTED = Decision(path="a.k", values=(3, 5), parent=Parent(path="a", value="y"))
TERMS = Terms((A, B, NESTED), ((0, 1), (1, 2)))


def architectures(count: int, seed: int) -> list[Decisions]:
    random = np.random.default_rng(seed)
    drawn: list[Decisions] = []
    for _ in range(count):
        chosen = {"a": A.values[random.integers(2)], "b": B.values[random.integers(3)]}
        if chosen["a"] == "y":
            chosen["a.k"] = NESTED.values[random.integers(2)]
        drawn.append(chosen)
    return drawn


def test_weights_count_where_all_their_decisions_exist() -> None:
    active = TERMS.active([{"a": "x", "b": 2}, {"a": "y", "b": 3, "a.k": 5}])
    none = TERMS.num_weights
    assert none == 2 + 3 + 2 + 6 + 6 + 1
    # Values of a, b and a.k, then a with b, b with a.k, and the constant.
    assert active.tolist() == [[0, 3, none, 7 + 1, none, none - 1], [1, 4, 6, 7 + 5, 13 + 5, none - 1]]


def test_totals_are_the_sums_of_the_tables() -> None:
    weights = np.random.default_rng(0).normal(size=(2, TERMS.num_weights))
    chosen = {"a": "y", "b": 1, "a.k": 3}
    expected = weights[:, -1].copy()
    for paths, table in TERMS.tables(weights):
        index = tuple({"a": 1, "b": 0, "a.k": 0}[path] for path in paths)
        expected += table[(slice(None), *index)]
    np.testing.assert_allclose(totals(weights, TERMS.active([chosen]))[:, 0], expected)


def reference(features: np.ndarray, scores: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance in the space of observations."""
    prior_covariance = np.diag(TERMS.variances(prior))
    gain = (
        prior_covariance
        @ features.T
        @ np.linalg.inv(features @ prior_covariance @ features.T + prior.noise * np.eye(len(scores)))
    )
    return gain @ scores, prior_covariance - gain @ features @ prior_covariance


def test_the_posterior_is_that_of_all_batches_each_less_its_mean() -> None:
    model = LinearModel(TERMS)
    random = np.random.default_rng(1)
    all_features, all_scores = [], []
    for batch in range(5):
        active = TERMS.active(architectures(8, batch))
        scores = random.normal(size=8) + 10 * batch
        model.observe(active, scores, is_centred=True)
        features = TERMS.features(active)
        all_features.append(features - features.mean(0))
        all_scores.append(scores - scores.mean())
    mean, covariance = reference(np.concatenate(all_features), np.concatenate(all_scores), model.prior)
    posterior = model.posterior()
    np.testing.assert_allclose(posterior.mean_W.numpy(), mean, atol=1e-9)
    draws = posterior.draws(40_000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.02)
    narrow = posterior.draws(40_000, torch.Generator().manual_seed(0), spread=0.5)
    np.testing.assert_allclose(np.cov(narrow.T), covariance / 4, atol=0.01)


def test_restated_scores_take_the_place_of_earlier_ones() -> None:
    active = TERMS.active(architectures(20, 0))
    scores = np.random.default_rng(2).normal(size=20)
    grown, whole = LinearModel(TERMS), LinearModel(TERMS)
    grown.restate(active[:7], scores[:7] + 3)
    grown.restate(active, scores)
    whole.observe(active, scores, is_centred=False)
    torch.testing.assert_close(grown.posterior().mean_W, whole.posterior().mean_W)


def test_the_prior_follows_how_noisy_the_observations_are() -> None:
    chosen = {}
    for noise in (0.01, 3.0):
        random = np.random.default_rng(3)
        weights = random.normal(size=(1, TERMS.num_weights)) * np.sqrt(TERMS.variances(Prior()))
        model = LinearModel(TERMS)
        for batch in range(30):
            active = TERMS.active(architectures(20, batch))
            model.observe(active, totals(weights, active)[0] + noise * random.normal(size=20), is_centred=True)
            model.choose_prior()
        chosen[noise] = model.prior
    assert chosen[0.01].noise_ratio == 0.02
    assert chosen[3.0].noise_ratio >= 1
    assert 7 < chosen[3.0].noise < 11


def test_pairs_get_a_larger_share_only_where_observations_speak_for_them() -> None:
    chosen = {}
    for share in (0.0, 0.3):
        random = np.random.default_rng(4)
        weights = random.normal(size=(1, TERMS.num_weights)) * np.sqrt(TERMS.variances(Prior(pair_share=share)))
        model = LinearModel(TERMS, NOISY_SHARE)
        for batch in range(60):
            active = TERMS.active(architectures(20, batch))
            model.observe(active, totals(weights, active)[0] + 0.3 * random.normal(size=20), is_centred=True)
            model.choose_prior()
        chosen[share] = model.prior.pair_share
    assert chosen[0.0] <= NOISY_SHARE
    assert chosen[0.3] >= 0.03
