"""An exponential moving average of the weights of a model, which can temporarily replace them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from tsdsl.lowering.model import Model

PREFIX = "average/"


class AveragedWeights:
    """average = decay * average + (1 - decay) * weights after each step, starting from the first weights.

    With a decay of 0 there are no averages, and the weights themselves are used.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model, self.decay = model, decay
        self._average = {name: p.detach().clone() for name, p in model.named_parameters()} if decay else {}

    @torch.no_grad()
    def follow(self) -> None:
        """Update the average from the current weights."""
        if self._average:
            weights: list[Tensor] = [self.model.get_parameter(name) for name in self._average]
            torch._foreach_lerp_(list(self._average.values()), weights, 1.0 - self.decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which the model has the averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def tensors(self) -> dict[str, Tensor]:
        """The average under separate names, for a checkpoint."""
        return {f"{PREFIX}{name}": tensor for name, tensor in self._average.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the average from `tensors`."""
        for name, average in self._average.items():
            average.copy_(tensors[f"{PREFIX}{name}"])

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, average in self._average.items():
            parameter = self.model.get_parameter(name)
            own = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(own)
