"""Importance weights and alpha's gradient, against their definitions and against enumeration."""

from __future__ import annotations

import math
from itertools import product
from typing import get_args

import pytest
import torch

from tsdsl.errors import UsageError
from tsdsl.searching.distribution.factorised import Distribution, Variables
from tsdsl.searching.distribution.importance import (
    HingeForm,
    accuracy_weights,
    adaptive_samples,
    alpha_gradient,
    alpha_weights,
    effective_sample_size,
    excess,
    hinge_coefficients,
    likelihood_score,
    loss_coefficients,
    require_samples,
    softmax_weights,
)
from tsdsl.space.parts import Decision, Value

TWO = Variables((Decision(path="a", values=(1, 2, 3)), Decision(path="b", values=(1, 2))), {})
ALL: list[dict[str, Value]] = [{"a": a, "b": b} for a in (1, 2, 3) for b in (1, 2)]
START = Distribution(TWO, torch.tensor([0.2, -0.4, 0.1, 0.3, -0.3], dtype=torch.float64))


def score(architecture: dict[str, Value]) -> float:
    """log p(y | x, w, A) of a made-up model, in which a = 3 and b = 1 are good."""
    return 0.8 * float(architecture["a"]) - 0.9 * float(architecture["b"])


def exact_gradient() -> torch.Tensor:
    """grad log sum_A P(A|alpha) exp(score(A)), by enumeration and autograd."""
    alpha = START.logits.clone().requires_grad_()
    logs = [
        torch.log_softmax(alpha[:3], 0)[int(x["a"]) - 1] + torch.log_softmax(alpha[3:], 0)[int(x["b"]) - 1] for x in ALL
    ]
    evidence = torch.logsumexp(torch.stack([log + score(x) for log, x in zip(logs, ALL, strict=True)]), 0)
    (gradient,) = torch.autograd.grad(evidence, alpha)
    return gradient


def expected_estimate(num_samples: int) -> torch.Tensor:
    """The exact expectation of the ascent direction over all tuples of K samples."""
    total = torch.zeros(5, dtype=torch.float64)
    none = torch.zeros(num_samples, dtype=torch.float64)
    for chosen in product(ALL, repeat=num_samples):
        probability = math.exp(sum(START.log_probability(x) for x in chosen))
        weights = softmax_weights(torch.tensor([score(x) for x in chosen], dtype=torch.float64), 1.0)
        coefficients = -loss_coefficients(weights, none, beta=1.0)
        total += probability * START.score_gradient(chosen, coefficients)
    return total


def cosine(left: torch.Tensor, right: torch.Tensor) -> float:
    return float(left @ right / (left.norm() * right.norm()))


def test_one_sample_has_an_expected_gradient_of_zero() -> None:
    torch.testing.assert_close(expected_estimate(1), torch.zeros(5, dtype=torch.float64))


def test_the_expected_estimate_points_along_the_exact_gradient_and_nears_it_with_more_samples() -> None:
    exact = exact_gradient()
    two, four = expected_estimate(2), expected_estimate(4)
    assert cosine(two, exact) > 0.95
    assert cosine(four, exact) > 0.98
    assert (four - exact).norm() < (two - exact).norm() < exact.norm()


def test_fewer_than_two_samples_are_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="expected gradient of alpha is exactly zero"):
        require_samples(1)
    with pytest.raises(UsageError, match="samples = 1"):
        alpha_gradient(START, ALL[:1], torch.ones(1), torch.zeros(1), 1.0)
    require_samples(2)


def test_adaptive_samples_follow_the_entropy_and_are_two_at_least() -> None:
    # ln of the sizes of Auto-TSNet's steps 1 and 3.
    assert adaptive_samples(math.log(3305633223677039345664000)) == 14
    assert adaptive_samples(math.log(4096)) == 2
    assert adaptive_samples(0.0) == 2


def test_the_gradient_is_the_weighted_one_hot_minus_the_softmax() -> None:
    samples = [ALL[0], ALL[3], ALL[5]]
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    gradient = alpha_gradient(START, samples, weights, torch.zeros(3), beta=1.0)
    one_hots = torch.tensor([0.5, 0.3, 0.2, 0.5, 0.5], dtype=torch.float64)
    probabilities = START.probabilities()
    torch.testing.assert_close(-gradient, one_hots - torch.cat([probabilities["a"], probabilities["b"]]))


def test_the_hinge_pushes_away_from_what_exceeds_the_target() -> None:
    samples = [{"a": 3, "b": 1}, {"a": 1, "b": 1}]
    weights = torch.full((2,), 0.5, dtype=torch.float64)
    macs = {3: 300, 1: 100}
    costs = torch.tensor([excess(macs[int(s["a"])], 150) for s in samples], dtype=torch.float64)
    hinge = hinge_coefficients(costs, "normalized")
    free = alpha_gradient(START, samples, weights, hinge, beta=0.0)
    hinged = alpha_gradient(START, samples, weights, hinge, beta=1.0)
    # A loss's gradient: larger means that the descent lowers that value's logit more.
    assert hinged[2] > free[2]
    assert hinged[0] < free[0]
    assert loss_coefficients(weights, hinge, 1.0).tolist() == pytest.approx([0.5, -0.5])


def test_the_hinge_shares_beta_in_proportion_to_the_excess() -> None:
    weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    costs = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    hinge = hinge_coefficients(costs, "normalized")
    assert loss_coefficients(weights, hinge, 2.0).tolist() == pytest.approx([-0.2, 0.2, 1.0])


def test_the_hinge_is_silent_where_all_samples_are_within_the_target() -> None:
    weights = torch.tensor([0.25, 0.75], dtype=torch.float64)
    for form in get_args(HingeForm):
        hinge = hinge_coefficients(torch.zeros(2), form)
        assert torch.equal(loss_coefficients(weights, hinge, 5.0), -weights)


@pytest.mark.parametrize("centred", [False, True])
def test_the_additive_hinge_descends_the_expected_excess_without_bias(centred: bool) -> None:
    costs = [excess(int(x["a"]) * 100 + int(x["b"]) * 30, 180) for x in ALL]
    alpha = START.logits.clone().requires_grad_()
    joint = torch.log_softmax(alpha[:3], 0)[:, None] + torch.log_softmax(alpha[3:], 0)[None]
    (exact,) = torch.autograd.grad((joint.exp().flatten() * torch.tensor(costs)).sum(), alpha)
    mean = torch.zeros(5, dtype=torch.float64)
    for chosen in product(range(6), repeat=2):
        samples = [ALL[index] for index in chosen]
        hinge = hinge_coefficients(torch.tensor([costs[index] for index in chosen]), "additive", centred)
        probability = math.exp(sum(START.log_probability(x) for x in samples))
        mean += probability * START.score_gradient(samples, hinge)
    torch.testing.assert_close(mean, exact)


def test_the_additive_hinge_weighs_less_the_less_is_above_and_the_normalized_does_not() -> None:
    costs = torch.tensor([0.0, 0.4, 0.8], dtype=torch.float64)
    sizes = {
        f: float(hinge_coefficients(costs, f).sum() / hinge_coefficients(costs / 10, f).sum())
        for f in get_args(HingeForm)
    }
    assert sizes == {"normalized": pytest.approx(1), "additive": pytest.approx(10)}


def test_excess_is_relative_to_the_target_and_never_negative() -> None:
    assert excess(300, 200) == pytest.approx(0.5)
    assert excess(200, 200) == 0
    assert excess(10, 200) == 0
    assert excess(10**12, None) == 0


def test_descending_the_estimate_finds_the_best_architecture_and_the_hinge_changes_which() -> None:
    def found(beta: float) -> dict[str, Value]:
        distribution = Distribution(TWO, torch.zeros(5, dtype=torch.float64))
        adam = torch.optim.Adam([distribution.logits], lr=0.05)
        for iteration in range(300):
            samples = distribution.sample(8, torch.Generator().manual_seed(iteration))
            weights = softmax_weights(torch.tensor([score(s) for s in samples], dtype=torch.float64), 1.0)
            costs = torch.tensor([excess(int(s["a"]) * 100, 200) for s in samples], dtype=torch.float64)
            distribution.logits.grad = alpha_gradient(
                distribution, samples, weights, hinge_coefficients(costs, "normalized"), beta
            )
            adam.step()
        return distribution.most_probable()

    assert found(beta=0.0) == {"a": 3, "b": 1}
    assert found(beta=1.0) == {"a": 2, "b": 1}


def test_effective_sample_size_is_k_for_uniform_weights_and_one_for_one_hot() -> None:
    assert effective_sample_size(torch.full((16,), 1 / 16)) == pytest.approx(16)
    assert effective_sample_size(torch.tensor([1.0, 0, 0])) == pytest.approx(1)


def test_the_sum_collapses_the_weights_at_large_batches_and_the_mean_does_not() -> None:
    draw = torch.Generator().manual_seed(0)
    log_likelihood_KB = -torch.rand(8, 512, generator=draw)
    sizes = {}
    for reduction in ("sum", "mean"):
        scores = torch.tensor([likelihood_score(row, reduction) for row in log_likelihood_KB])
        sizes[reduction] = effective_sample_size(softmax_weights(scores, 1.0))
    assert sizes["sum"] < 2
    assert sizes["mean"] > 7.9
    assert likelihood_score(torch.tensor([-1.0, -3.0]), "sum") == -4
    assert likelihood_score(torch.tensor([-1.0, -3.0]), "mean") == -2


def test_temperature_flattens_the_weights() -> None:
    scores = torch.tensor([0.0, 1.0, 3.0])
    torch.testing.assert_close(softmax_weights(scores, 2.0), torch.softmax(scores.double() / 2, 0))
    assert effective_sample_size(softmax_weights(scores, 10)) > effective_sample_size(softmax_weights(scores, 1))


def test_literal_accuracy_weights_are_shares_and_uniform_where_all_are_zero() -> None:
    shares = accuracy_weights(torch.tensor([0.1, 0.3, 0.0]), "literal")
    assert shares.tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert accuracy_weights(torch.zeros(4), "literal").tolist() == [0.25] * 4


def test_softmax_accuracy_weights_follow_the_temperature() -> None:
    accuracies = torch.tensor([0.2, 0.6])
    torch.testing.assert_close(
        accuracy_weights(accuracies, "softmax", 0.1), torch.softmax(accuracies.double() / 0.1, 0)
    )


def test_standardized_accuracy_weights_ignore_scale_and_offset() -> None:
    accuracies = torch.tensor([0.2, 0.3, 0.7], dtype=torch.float64)
    weights = accuracy_weights(accuracies, "standardized")
    torch.testing.assert_close(weights, accuracy_weights(accuracies * 0.01 + 0.5, "standardized"))
    assert weights.argmax() == 2


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_standardized_accuracy_weights_are_uniform_where_all_are_equal(constant: float) -> None:
    assert accuracy_weights(torch.full((3,), constant), "standardized").tolist() == pytest.approx([1 / 3] * 3)


def estimates(centred: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of alpha's gradient over all pairs of samples, exactly."""
    none = torch.zeros(2, dtype=torch.float64)
    mean, square = torch.zeros(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    for chosen in product(ALL, repeat=2):
        probability = math.exp(sum(START.log_probability(x) for x in chosen))
        weights = softmax_weights(torch.tensor([score(x) for x in chosen], dtype=torch.float64), 1.0)
        gradient = alpha_gradient(START, chosen, alpha_weights(weights, centred), none, beta=1.0)
        mean, square = mean + probability * gradient, square + probability * gradient**2
    return mean, square - mean**2


def test_centred_weights_have_the_same_expected_gradient_and_less_noise() -> None:
    (plain_mean, plain_variance), (mean, variance) = estimates(False), estimates(True)
    torch.testing.assert_close(mean, plain_mean)
    assert float(mean.norm()) > 0.01
    assert bool((variance < 0.7 * plain_variance).all())
