"""Seeds that depend on names alone."""

from __future__ import annotations

import torch

from tsdsl.data.randomness import derive_generator, derive_seed, seed_torch


def test_a_seed_is_the_same_in_every_version() -> None:
    assert derive_seed(0, "batch", 7) == 3759606055871170824


def test_every_part_matters() -> None:
    seeds = {
        derive_seed(0, "batch", 7),
        derive_seed(1, "batch", 7),
        derive_seed(0, "batch", 8),
        derive_seed(0, "b", 7),
    }
    assert len(seeds) == 4


def test_generators_of_the_same_name_draw_the_same() -> None:
    first, second, other = (torch.rand(4, generator=derive_generator(3, "alpha", n)) for n in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_dropout_repeats_under_the_same_seed() -> None:
    drawn = []
    for iteration in (1, 1, 2):
        seed_torch(5, "dropout", iteration)
        drawn.append(torch.nn.functional.dropout(torch.ones(64), 0.5))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
