"""Uniform random architectures of a space, or of those within a window of cost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import numpy as np

from tsdsl.analysis.batch_costs import BatchCosts
from tsdsl.analysis.budget_sampling import WindowSampler, uniform_within
from tsdsl.analysis.counting import counts
from tsdsl.analysis.free import FreeSpace
from tsdsl.analysis.network import Blueprint
from tsdsl.analysis.ranking import Ranking
from tsdsl.analysis.terms import CostTable
from tsdsl.errors import UsageError
from tsdsl.operators.varying import Array
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space

ROWS_A_BATCH = 256
MOST_WORK = 5_000_000_000


def sample_architectures(
    space: Space,
    count: int,
    *,
    seed: int = 0,
    least_macs: int | None = None,
    most_macs: int | None = None,
    step: int | None = None,
) -> Iterator[Architecture]:
    """`count` architectures, exactly uniform over those with least_macs <= multiply-adds <= most_macs.

    The first ones that a seed gives do not depend on `count`. Decisions that no step up to `step` makes
    stand at their first value.

    Raises:
        UsageError: no architecture is in the window; the message has the true minimum and maximum.
        RunError: the window was missed again and again, and counting what is in it takes too long.
    """
    free = FreeSpace(CostTable(Blueprint(space), step))
    low, high = free.table.bound("macs", "min").value, free.table.bound("macs", "max").value
    least, most = least_macs or 0, high if most_macs is None else most_macs
    if least <= low and most >= high:
        batches = _uniform(free, seed)
    else:
        sampler = uniform_within(free, least, most)
        if _is_empty(free, sampler):
            raise UsageError(
                f"no architecture of {space.name} has between {least:,} and {most:,} multiply-adds",
                help=f"they have from {low:,} to {high:,}",
            )
        batches = sampler.rows(np.random.default_rng(seed))
    yield from islice(_architectures(free, batches, seed), count)


def _is_empty(free: FreeSpace, sampler: WindowSampler) -> bool:
    """Whether nothing is in the window; counted where a first batch misses it and counting is affordable."""
    if sampler.is_surely_empty:
        return True
    if len(next(sampler.rows(np.random.default_rng(0)))):
        return False
    counted = counts(free)
    return counted.work(sampler.most) <= MOST_WORK and counted.within(sampler.least, sampler.most) == 0


def _uniform(free: FreeSpace, seed: int) -> Iterator[Array]:
    """Batches of index rows, uniform over a whole free space."""
    ranking, generator = Ranking(free), random.Random(seed)
    while True:
        yield np.array([ranking.row(generator.randrange(ranking.total)) for _ in range(ROWS_A_BATCH)])


def _architectures(free: FreeSpace, batches: Iterator[Array], seed: int) -> Iterator[Architecture]:
    space, count_macs, count_params = free.table.blueprint.space, BatchCosts(free), BatchCosts(free, "params")
    for rows in batches:
        costs = zip(count_macs(rows).tolist(), count_params(rows).tolist(), strict=True)
        for row, (macs, params) in zip(rows.tolist(), costs, strict=True):
            yield Architecture(
                space=space.name,
                fingerprint=space.fingerprint,
                decisions=free.architecture(row),
                flops=macs,
                params=params,
                step=free.table.step,
                seed=seed,
            )
