"""Seeds derived from names, so that nothing depends on a global generator or on what ran before."""

from __future__ import annotations

from hashlib import blake2b

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on nothing else: the same on each machine and version."""
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def derive_generator(*parts: int | str) -> torch.Generator:
    """A CPU generator seeded with `derive_seed(*parts)`."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def draw_fraction(generator: torch.Generator) -> float:
    """One number uniform in [0, 1)."""
    return float(torch.rand((), generator=generator, dtype=torch.float64))
