"""Randomness without state: every draw comes from a seed and the names of what it is drawn for.

Iteration 7 of a run draws the same whether or not the run was interrupted before, so that a checkpoint
holds no generator's state.
"""

from __future__ import annotations

import torch

from tsdsl.data.randomness import derive_seed


def derived_seed(seed: int, *parts: int | str) -> int:
    """A 63-bit seed from a run's seed and names: the same in every process, machine and version."""
    return derive_seed(seed, *parts)


def generator(seed: int, *parts: int | str) -> torch.Generator:
    """A fresh CPU generator: `generator(run_seed, "architectures", iteration)`."""
    return torch.Generator().manual_seed(derived_seed(seed, *parts))


def seed_torch(seed: int, *parts: int | str) -> None:
    """Seed torch's own generators on all devices, from which dropout draws."""
    torch.manual_seed(derived_seed(seed, *parts))
