"""Randomness without state: every draw follows from a seed and the names of its purpose.

Iteration 7 of a run draws the same after an interruption, so checkpoints hold no state of generators.
"""

from __future__ import annotations

from hashlib import blake2b

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from all parts, equal in every process, machine and version."""
    digest = blake2b("/".join(map(str, parts)).encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def derive_generator(*parts: int | str) -> torch.Generator:
    """A fresh CPU generator: `derive_generator(run_seed, "architectures", iteration)`."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def seed_torch(*parts: int | str) -> None:
    """Seed torch's own generators on all devices, used by dropout."""
    torch.manual_seed(derive_seed(*parts))


def draw_fraction(generator: torch.Generator) -> float:
    """One number uniform in [0, 1)."""
    return float(torch.rand((), generator=generator, dtype=torch.float64))
