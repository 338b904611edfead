"""One-pass importance weighting against the two-pass formula."""

from __future__ import annotations

import math

import pytest
import torch

from tsdsl.lowering import Supernet, WeightedGradients
from tsdsl.network.layout import Blueprint


@pytest.fixture
def supernet(small_space):
    return Supernet(Blueprint(small_space), seed=0).double()


def sampled(supernet, draw, seed):
    """Leaves of a random architecture that hold gradients."""
    leaves = supernet.leaves(draw(supernet.blueprint.space, seed))
    network = leaves.layout.network
    x = torch.randn(2, 3, network.frames, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    supernet.run(x, leaves).square().sum().backward()
    return leaves


def two_pass(supernet, samples, scores):
    weights = torch.softmax(torch.tensor(scores, dtype=torch.float64), 0).tolist()
    supernet.zero_grad(set_to_none=True)
    for leaves, weight in zip(samples, weights, strict=True):
        supernet.accumulate(leaves, weight)
    found = {name: p.grad.clone() for name, p in supernet.named_parameters() if p.grad is not None}
    supernet.zero_grad(set_to_none=True)
    return found, weights


@pytest.mark.parametrize(
    "scores",
    [
        [0.0, 0.0, 0.0],
        [-3.0, -2.0, -1.0],
        [5.0, 1.0, 3.0],
        [-1000.0, 700.0, 699.0],
        [-math.inf, 0.5, 0.25],
    ],
)
def test_one_pass_equals_the_two_pass_softmax(supernet, draw, scores):
    samples = [sampled(supernet, draw, seed) for seed in range(3)]
    expected, weights = two_pass(supernet, samples, scores)
    gradients = WeightedGradients(supernet)
    for leaves, score in zip(samples, scores, strict=True):
        gradients.add(leaves, score)
    assert gradients.finish() == pytest.approx(weights, abs=1e-15)
    found = {name: p.grad for name, p in supernet.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-12, atol=1e-12)


def test_scores_that_are_all_minus_infinity_weigh_the_same(supernet, draw):
    gradients = WeightedGradients(supernet)
    for seed in range(2):
        gradients.add(sampled(supernet, draw, seed), -math.inf)
    assert gradients.finish() == (0.5, 0.5)
    assert all(p.grad.isfinite().all() for p in supernet.parameters() if p.grad is not None)


def test_finishing_adds_to_gradients_that_are_there(supernet, draw):
    leaves = sampled(supernet, draw, 0)
    supernet.accumulate(leaves, 3.0)
    gradients = WeightedGradients(supernet)
    gradients.add(leaves, 1.0)
    gradients.finish()
    name = "head.classifier.classifier.bias"
    torch.testing.assert_close(supernet.get_parameter(name).grad, 4 * leaves[name].grad)


def test_untouched_weights_keep_no_gradient(supernet, draw):
    gradients = WeightedGradients(supernet)
    leaves = sampled(supernet, draw, 0)
    gradients.add(leaves, 0.0)
    gradients.finish()
    assert {n for n, p in supernet.named_parameters() if p.grad is not None} == set(leaves)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_cannot_be_weighed_is_refused(supernet, draw, score):
    with pytest.raises(ValueError, match="finite"):
        WeightedGradients(supernet).add(sampled(supernet, draw, 0), score)


def test_finishing_without_samples_is_refused(supernet):
    with pytest.raises(ValueError, match="no sample"):
        WeightedGradients(supernet).finish()
