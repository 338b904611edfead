"""Gradients of several architectures summed with softmax weights, in one pass and the memory of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tsdsl.lowering.slices import add
from tsdsl.lowering.supernet import Leaves, Supernet


@dataclass
class PartialSums:
    """Gradients of some samples, each times exp(score - largest), summed by name; `total` sums the factors."""

    largest: float = -math.inf
    total: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)

    def rescale(self, largest: float) -> None:
        """Take another largest score, at least as large as the one so far."""
        if largest == self.largest:
            return
        factor = math.exp(self.largest - largest)
        self.largest = largest
        self.total *= factor
        for name in self.sums:
            self.sums[name].mul_(factor)


class WeightedGradients:
    """Computes sum_k softmax(scores)_k * gradient_k without keeping the gradients of each sample.

    Gradients are scaled by exp(score - largest score so far); when that grows, what has been summed is
    scaled down (the online softmax of Milakov and Gimelshein, 2018). A score of -inf weighs nothing
    beside a finite one; where all scores are -inf the weights are uniform.
    """

    def __init__(self, supernet: Supernet) -> None:
        self.supernet = supernet
        self._partial = PartialSums()
        self._scores: list[float] = []

    @torch.no_grad()
    def add(self, leaves: Leaves, score: float) -> None:
        """Add one sample by the gradients that its leaves now hold.

        Raises:
            ValueError: the score is NaN or +inf.
        """
        if math.isnan(score) or score == math.inf:
            raise ValueError(f"a score must be a finite number or -inf, not {score}")
        partial = self._partial
        partial.rescale(max(score, partial.largest))
        weight = _factor(score, partial.largest)
        partial.total += weight
        self._scores.append(score)
        for name, leaf in leaves.items():
            if leaf.grad is None:
                continue
            if name not in partial.sums:
                partial.sums[name] = torch.zeros_like(self.supernet.placed[name])
            add(partial.sums[name], leaves.layout.regions[name], leaf.grad, weight)

    @torch.no_grad()
    def finish(self, combine: Callable[[PartialSums], None] | None = None) -> tuple[float, ...]:
        """Add the weighted sum to the supernet's `grad`, and return the weights in the order of `add`.

        `combine` may add to the sums what other processes have, for weights over all their samples. The
        accumulator is empty again afterwards.

        Raises:
            ValueError: nothing was added, here or there.
        """
        partial = self._partial
        if combine is not None:
            combine(partial)
        if partial.total == 0.0:
            raise ValueError("no sample was added")
        weights = tuple(_factor(score, partial.largest) / partial.total for score in self._scores)
        for name, total in partial.sums.items():
            shared = self.supernet.placed[name]
            total.div_(partial.total)
            shared.grad = total if shared.grad is None else shared.grad.add_(total)
        self._partial, self._scores = PartialSums(), []
        return weights


def _factor(score: float, largest: float) -> float:
    return 1.0 if score == largest else math.exp(score - largest)
