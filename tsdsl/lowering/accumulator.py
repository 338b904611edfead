"""Sums gradients of several architectures with softmax weights, in one pass and the memory of one gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tsdsl.lowering.slices import Region, add, compact_sizes, covering, within
from tsdsl.lowering.supernet import Leaves, Supernet


@dataclass(frozen=True, slots=True)
class Part:
    """A gradient of a part of a shared weight: its region, and a compact tensor."""

    region: Region
    gradient: Tensor


@dataclass
class PartialSums:
    """Gradients of some samples, each times exp(score - largest), summed by name; `total` sums the factors.

    Each sum covers the smallest product of ranges that contains what its samples use, not the whole weight.
    """

    largest: float = -math.inf
    total: float = 0.0
    sums: dict[str, Part] = field(default_factory=dict)

    def rescale(self, largest: float) -> None:
        """Replace the largest score by one that is at least as large."""
        if largest == self.largest:
            return
        factor = math.exp(self.largest - largest)
        self.largest = largest
        self.total *= factor
        if self.sums:
            torch._foreach_mul_([part.gradient for part in self.sums.values()], factor)

    def widen(self, name: str, region: Region, shared: Tensor) -> Part:
        """The sum of a shared weight's gradients over a region that contains its own; zero outside of its own."""
        held = self.sums.get(name)
        if held is None or held.region != region:
            gradient = shared.new_zeros(compact_sizes(region))
            if held is not None:
                add(gradient, within(held.region, region), held.gradient)
            held = self.sums[name] = Part(region, gradient)
        return held

    def add(self, name: str, part: Part, weight: float, shared: Tensor) -> None:
        """Adds `weight` times a gradient, which may become the sum itself."""
        held = self.sums.get(name)
        if held is None:
            self.sums[name] = part if weight == 1.0 else Part(part.region, part.gradient.mul_(weight))
            return
        held = self.widen(name, covering(held.region, part.region), shared)
        add(held.gradient, within(part.region, held.region), part.gradient, weight)


class WeightedGradients:
    """Computes sum_k softmax(scores)_k * gradient_k without keeping the gradients of each sample.

    Gradients are scaled by exp(score - largest score so far); when a larger score is added, the sum is scaled down (the
    online softmax of Milakov and Gimelshein, 2018). Beside a finite score, a score of -inf has weight 0; if all scores
    are -inf, the weights are uniform.

    Memory grows with the part of the shared weights that the samples use, not with all of them. The gradients of the
    leaves may change after they have been added.
    """

    def __init__(self, supernet: Supernet) -> None:
        self.supernet = supernet
        self._partial = PartialSums()
        self._scores: list[float] = []

    @torch.no_grad()
    def add(self, leaves: Leaves, score: float) -> None:
        """Add one sample by the gradients of its leaves.

        Raises:
            ValueError: the score is NaN or +inf.
        """
        if math.isnan(score) or score == math.inf:
            raise ValueError(f"a score must be a finite number or -inf, got {score}")
        partial = self._partial
        partial.rescale(max(score, partial.largest))
        weight = _factor(score, partial.largest)
        partial.total += weight
        self._scores.append(score)
        for name, leaf in leaves.items():
            if leaf.grad is not None:
                part = Part(leaves.layout.regions[name], leaf.grad)
                partial.add(name, part, weight, self.supernet.placed[name])

    @torch.no_grad()
    def finish(self, combine: Callable[[PartialSums], None] | None = None) -> tuple[float, ...]:
        """Add the weighted sum to the supernet's `grad`, and return the weights in the order of `add`.

        `combine` may add the sums of other processes, for weights over the samples of all of them. Afterwards the
        accumulator is empty.

        Raises:
            ValueError: nothing was added in any process.
        """
        weights, parts = self.finish_parts(combine)
        for name, part in parts.items():
            shared = self.supernet.placed[name]
            if shared.grad is None:
                shared.grad = torch.zeros_like(shared)
            add(shared.grad, part.region, part.gradient)
        return weights

    @torch.no_grad()
    def finish_parts(
        self, combine: Callable[[PartialSums], None] | None = None
    ) -> tuple[tuple[float, ...], Mapping[str, Part]]:
        """Like `finish`, but returns the weighted sums for the parts that the samples used, for `sliced_step`.

        Raises:
            ValueError: nothing was added in any process.
        """
        partial = self._partial
        if combine is not None:
            combine(partial)
        if partial.total == 0.0:
            raise ValueError("no sample was added")
        weights = tuple(_factor(score, partial.largest) / partial.total for score in self._scores)
        if partial.total != 1.0 and partial.sums:
            torch._foreach_div_([part.gradient for part in partial.sums.values()], partial.total)
        self._partial, self._scores = PartialSums(), []
        return weights, partial.sums


def _factor(score: float, largest: float) -> float:
    return 1.0 if score == largest else math.exp(score - largest)
