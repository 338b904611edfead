"""Small spaces by enumeration, and distributions over them to try."""

from __future__ import annotations

from itertools import product

import torch

from tsdsl.searching.distribution.factorised import Distribution, Variables
from tsdsl.space.parts import Value


def random_distribution(variables: Variables, seed: int = 0, spread: float = 1.5) -> Distribution:
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(variables.num_logits, generator=draw, dtype=torch.float64) * spread
    return Distribution(variables, logits)


def every_architecture(variables: Variables) -> list[dict[str, Value]]:
    """All architectures, each once."""
    found = []
    for values in product(*(decision.values for decision in variables.decisions)):
        chosen = dict(variables.fixed)
        is_new = True
        for decision, value in zip(variables.decisions, values, strict=True):
            if variables.exists(decision, chosen):
                chosen[decision.path] = value
            elif value != decision.values[0]:
                is_new = False
        if is_new:
            found.append(chosen)
    return found
