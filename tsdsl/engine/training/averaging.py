"""An exponential moving average of a model's weights, which may take their place for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from tsdsl.lowering.model import Model

PREFIX = "average/"


class AveragedWeights:
    """average = decay * average + (1 - decay) * weights after each step, beginning with the first weights.

    A decay of 0 averages nothing: there are no tensors, and the weights stand for themselves.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model, self.decay = model, decay
        self._average = {name: p.detach().clone() for name, p in model.named_parameters()} if decay else {}

    @torch.no_grad()
    def follow(self) -> None:
        """Take the weights as they are now into the average."""
        if self._average:
            weights: list[Tensor] = [self.model.get_parameter(name) for name in self._average]
            torch._foreach_lerp_(list(self._average.values()), weights, 1.0 - self.decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the model has the averaged weights; afterwards its own again."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def tensors(self) -> dict[str, Tensor]:
        """The average under names of its own, for a checkpoint."""
        return {f"{PREFIX}{name}": tensor for name, tensor in self._average.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        for name, average in self._average.items():
            average.copy_(tensors[f"{PREFIX}{name}"])

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, average in self._average.items():
            parameter = self.model.get_parameter(name)
            own = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(own)
