"""Gradients of several architectures summed with softmax weights, in one pass and the memory of one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsdsl.lowering.slices import add
from tsdsl.lowering.supernet import Leaves, Supernet


class WeightedGradients:
    """Computes sum_k softmax(scores)_k * gradient_k without keeping the gradients of each sample.

    Gradients are scaled by exp(score - largest score so far); when that grows, what has been summed is
    scaled down (the online softmax of Milakov and Gimelshein, 2018). A score of -inf weighs nothing
    beside a finite one; where all scores are -inf the weights are uniform.
    """

    def __init__(self, supernet: Supernet) -> None:
        self.supernet = supernet
        self._largest = -math.inf
        self._total = 0.0
        self._sums: dict[str, Tensor] = {}
        self._scores: list[float] = []

    @torch.no_grad()
    def add(self, leaves: Leaves, score: float) -> None:
        """Add one sample by the gradients that its leaves now hold.

        Raises:
            ValueError: the score is NaN or +inf.
        """
        if math.isnan(score) or score == math.inf:
            raise ValueError(f"a score must be a finite number or -inf, not {score}")
        if score > self._largest:
            self._rescale(math.exp(self._largest - score))
            self._largest = score
        weight = 1.0 if score == self._largest else math.exp(score - self._largest)
        self._total += weight
        self._scores.append(score)
        for name, leaf in leaves.items():
            if leaf.grad is None:
                continue
            if name not in self._sums:
                self._sums[name] = torch.zeros_like(self.supernet.placed[name])
            add(self._sums[name], leaves.layout.regions[name], leaf.grad, weight)

    @torch.no_grad()
    def finish(self) -> tuple[float, ...]:
        """Add the weighted sum to the supernet's `grad`, and return the weights in the order of `add`.

        The accumulator is empty again afterwards.

        Raises:
            ValueError: nothing was added.
        """
        if not self._scores:
            raise ValueError("no sample was added")
        weights = tuple(
            (1.0 if score == self._largest else math.exp(score - self._largest)) / self._total for score in self._scores
        )
        for name, total in self._sums.items():
            shared = self.supernet.placed[name]
            total.div_(self._total)
            shared.grad = total if shared.grad is None else shared.grad.add_(total)
        self._largest, self._total, self._sums, self._scores = -math.inf, 0.0, {}, []
        return weights

    def _rescale(self, factor: float) -> None:
        self._total *= factor
        for name in self._sums:
            self._sums[name].mul_(factor)
