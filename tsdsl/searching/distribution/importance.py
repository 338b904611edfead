"""Importance weights of sampled architectures, and alpha's gradient from them.

K architectures are sampled; each gets a weight m_k from how well it does, and no gradient goes through
m. Sources: PARSEC (Casale et al. 2019), equations 6 and 7; the hinge on FLOPs in the form of FP-NAS
(Yan et al., CVPR 2021), where a sample's coefficient is -m_k + beta * C_k / sum_j C_j, or added to the loss.

Shapes: K samples, B clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from tsdsl.errors import UsageError
from tsdsl.searching.distribution.factorised import Decisions, Distribution

Reduction = Literal["sum", "mean"]
AccuracyWeights = Literal["standardized", "softmax", "literal"]
HingeForm = Literal["normalized", "additive"]

MINIMUM_SAMPLES = 2


def require_samples(num_samples: int) -> None:
    """Refuses fewer than two samples.

    Raises:
        UsageError: with one sample m is 1 whatever its score.
    """
    if num_samples < MINIMUM_SAMPLES:
        raise UsageError(
            f"samples = {num_samples}: with one sample its weight is 1 whatever it scores, so the expected "
            "gradient of alpha is exactly zero",
            help="sample at least 2 architectures; 8 is the default",
        )


def adaptive_samples(entropy_nats: float) -> int:
    """max(2, round(H / 4)): FP-NAS's rule, by which few samples do once the distribution is narrow."""
    return max(MINIMUM_SAMPLES, round(entropy_nats / 4))


def likelihood_score(log_likelihood_B: Tensor, reduction: Reduction) -> float:
    """A sample's score from log p(y|x, w, A_k) of each clip: their sum (PARSEC's likelihood) or mean.

    The sum makes m one-hot at large batches, the mean nearly uniform: hence a choice, and a temperature.
    """
    total = log_likelihood_B.detach().double()
    return float(total.sum() if reduction == "sum" else total.mean())


def softmax_weights(scores_K: Tensor, temperature: float) -> Tensor:
    """m = softmax(score / T), float64."""
    return torch.softmax(scores_K.double() / temperature, 0)


def accuracy_weights(accuracy_K: Tensor, kind: AccuracyWeights, temperature: float = 1.0) -> Tensor:
    """m from accuracies in 0..1, float64.

    `literal`: acc_k / sum of acc, the reading closest to the paper's words; uniform where all are zero.
    `softmax`: softmax(acc / T). `standardized`: softmax of (acc - mean) / (T * standard deviation), the
    deviation over the K samples; uniform where all are equal.
    """
    accuracy_K = accuracy_K.double()
    uniform_K = torch.full_like(accuracy_K, 1 / len(accuracy_K))
    if kind == "literal":
        total = accuracy_K.sum()
        return accuracy_K / total if float(total) > 0 else uniform_K
    if kind == "softmax":
        return torch.softmax(accuracy_K / temperature, 0)
    deviation = accuracy_K.std(correction=0)
    # A constant vector may leave a deviation of rounding size, which would blow noise up to full scale.
    if float(deviation) <= 1e-12:
        return uniform_K
    return torch.softmax((accuracy_K - accuracy_K.mean()) / (deviation * temperature), 0)


def alpha_weights(weights_K: Tensor, centred: bool) -> Tensor:
    """What the samples count in alpha's gradient: m_k, or m_k - 1/K where `centred`.

    The mean of grad log P(A_k|alpha) has expectation zero, so both have the same expected gradient.
    """
    return weights_K - 1.0 / len(weights_K) if centred else weights_K


def effective_sample_size(weights_K: Tensor) -> float:
    """1 / sum m_k^2: K where m is uniform, 1 where one sample has all the weight."""
    return 1.0 / float((weights_K.double() ** 2).sum())


def excess(macs: float, target_macs: float | None) -> float:
    """C(A) = max(0, FLOPs / target - 1); 0 without a target."""
    return 0.0 if target_macs is None else max(0.0, macs / target_macs - 1.0)


def hinge_coefficients(excess_K: Tensor, form: HingeForm, centred: bool = False) -> Tensor:
    """What the hinge multiplies grad log P(A_k|alpha) with, at beta = 1.

    `normalized`: C_k / sum_j C_j, 0 where all C are 0, which estimates grad log E[C] (FP-NAS). `additive`: C_k / K,
    which estimates grad E[C] without bias, and so weighs less the less is above the target. `centred` takes the
    mean of the other samples' C from each C_k of `additive`: of expectation zero, as they are drawn independently.
    """
    excess_K = excess_K.double()
    if form == "additive":
        num_samples = len(excess_K)
        return (excess_K - excess_K.mean()) / (num_samples - 1) if centred else excess_K / num_samples
    total = float(excess_K.sum())
    return excess_K / total if total > 0 else torch.zeros_like(excess_K)


def loss_coefficients(weights_K: Tensor, hinge_K: Tensor, beta: float) -> Tensor:
    """-m_k + beta * (the hinge's part): what grad log P(A_k|alpha) is multiplied with in the loss's gradient."""
    return -weights_K.double() + beta * hinge_K


def alpha_gradient(
    distribution: Distribution,
    samples: Sequence[Decisions],
    weights_K: Tensor,
    hinge_K: Tensor,
    beta: float,
) -> Tensor:
    """The gradient of the loss that alpha descends, as a vector like alpha.

    Without a hinge, minus its part for a decision is sum_k m_k onehot(A_k) - softmax(alpha_v).

    Raises:
        UsageError: fewer than two samples.
    """
    require_samples(len(samples))
    return distribution.score_gradient(samples, loss_coefficients(weights_K, hinge_K, beta))


def alpha_optimiser(distribution: Distribution, learning_rate: float, momentum: float) -> torch.optim.Adam:
    """Adam for alpha, without weight decay (paper, section 5.2); `momentum` is its first beta."""
    return torch.optim.Adam([distribution.logits], lr=learning_rate, betas=(momentum, 0.999), weight_decay=0.0)
