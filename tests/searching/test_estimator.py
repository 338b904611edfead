"""The estimator of a search equals enumeration: what alpha and the weights climb, on spaces small enough."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from support.estimator_reference import Enumerated, Weigh, by_accuracy, by_likelihood, small_space
from support.learners import ORDER, learner, ramps
from support.search_spaces import load_text
from tsdsl.data import normalise
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

KERNEL, CHANNELS = "sparse.stage1.group1.kernel", "sparse.stage1.group1.channels"


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_text(tmp_path_factory.mktemp("order"), ORDER)


def standardised(space: Enumerated) -> Tensor:
    mean = space.probabilities_A @ space.scores_A
    deviation = (space.probabilities_A @ (space.scores_A - mean) ** 2).sqrt()
    return ((space.scores_A - mean) / deviation / 0.5).exp()


@pytest.mark.parametrize(
    ("weigh", "tilt"),
    [
        (by_likelihood, lambda space: space.scores_A.exp()),
        (by_accuracy("literal"), lambda space: space.scores_A),
        (by_accuracy("softmax", 0.1), lambda space: (space.scores_A / 0.1).exp()),
        (by_accuracy("standardized", 0.5), standardised),
    ],
    ids=["likelihood", "literal", "softmax", "standardized"],
)
def test_as_samples_grow_the_estimate_is_the_gradient_of_log_the_expected_weight(
    weigh: Weigh, tilt: Callable[[Enumerated], Tensor]
) -> None:
    """Samples in proportion to P(A|alpha), as many draws are."""
    space = small_space()
    exact = space.gradient(tilt(space))
    errors = []
    for num_samples in (100, 10_000, 1_000_000):
        counts = (space.probabilities_A * num_samples).round().long().tolist()
        errors.append(float((space.estimate(counts, weigh) - exact).abs().max()))
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 1e-5 < float(exact.abs().max())


def test_random_draws_are_biased_by_one_over_k_and_without_that_exact_to_five_digits() -> None:
    """The average over all draws of K, each counted with its probability; then K to infinity by Richardson."""
    space = small_space()
    exact = space.gradient(space.scores_A.exp())
    estimates = {k: space.expected_estimate(k, by_likelihood)[0] for k in (4, 8, 16)}
    biases = {k: float((estimate - exact).norm()) for k, estimate in estimates.items()}
    assert biases[4] / biases[8] == pytest.approx(2, rel=0.05)
    assert biases[8] / biases[16] == pytest.approx(2, rel=0.05)
    once = [2 * estimates[8] - estimates[4], 2 * estimates[16] - estimates[8]]
    torch.testing.assert_close((4 * once[1] - once[0]) / 3, exact, rtol=0, atol=1e-5)


def test_a_supernets_estimate_is_that_of_its_enumerated_evidence(order: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 samples in proportion to P: both gradients are those of T log sum_A P(A|alpha) p(y|x, w, A)^(1/T)."""
    temperature = 0.02
    settings = {"score": "likelihood", "samples": 16, "likelihood_temperature": temperature}
    step = learner(order, **settings, momentum=0.0, weight_decay=0.0, weight_lr=1.0)
    twin = learner(order).supernet
    with torch.no_grad():
        for values in step.distribution.variables.slices.values():
            step.distribution.logits[values] = torch.tensor([0.75, 0.25], dtype=torch.float64).log()
    counts = {("1x1x1", 4): 9, ("1x1x1", 8): 3, ("3x1x1", 4): 3, ("3x1x1", 8): 1}
    chosen: list[dict[str, Value]] = [
        {KERNEL: kernel, CHANNELS: width} for (kernel, width), count in counts.items() for _ in range(count)
    ]
    monkeypatch.setattr(step.samples, "_drawn", lambda *_: chosen)
    batch = ramps(3)
    logs = []
    for kernel, width in counts:
        scores_BN = twin(normalise(batch.clips_BCTHW), {KERNEL: kernel, CHANNELS: width}, 1)
        logs.append(-F.cross_entropy(scores_BN, batch.labels_B).double())
    alpha_L = step.distribution.logits.detach().clone().requires_grad_()
    slices = step.distribution.variables.slices
    kernels, widths = (torch.log_softmax(alpha_L[slices[path]], 0) for path in (KERNEL, CHANNELS))
    tilted = torch.logsumexp((kernels[:, None] + widths[None]).flatten() + torch.stack(logs) / temperature, 0)
    (tilted * temperature).backward()
    assert alpha_L.grad is not None
    exact_L = alpha_L.grad / temperature

    seen: list[Tensor] = []
    monkeypatch.setattr(step.adam, "step", lambda: seen.append(torch.clone(step.distribution.logits.grad)))
    step.update_alpha(batch, 0)
    assert float(exact_L.abs().max()) > 1e-2
    torch.testing.assert_close(-seen[0], exact_L, rtol=0, atol=1e-5)

    before = {name: tensor.detach().clone() for name, tensor in step.supernet.placed.items()}
    step.update_weights(batch, 0, 0.0)
    for name, shared in twin.placed.items():
        moved = (step.supernet.placed[name].detach() - before[name]) / step.base_lr
        torch.testing.assert_close(moved, shared.grad, rtol=1e-3, atol=1e-5)
