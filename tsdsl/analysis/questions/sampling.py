"""Uniform random architectures of a space, or of those within a window of cost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from tsdsl.analysis.questions.batch_costs import BatchCosts
from tsdsl.analysis.questions.budget_sampling import WindowSampler, uniform_within
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.questions.ranking import Ranking
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import optima
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Array
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space

ROWS_A_BATCH = 256
MAX_WORK = 5_000_000_000


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

    The first ones for a seed do not depend on `count`. Decisions that no step up to `step` makes have their first
    value.

    Raises:
        UsageError: no architecture is in the window; the message has the true minimum and maximum.
        RunError: draws keep missing the window, and counting what is in it takes too long.
    """
    free = FreeSpace(CostTable(Blueprint(space), step))
    draws = UniformDraws(free, least_macs or 0, most_macs)
    yield from islice(_architectures(free, draws.batches(seed), seed), count)


@dataclass(frozen=True, eq=False)
class UniformDraws:
    """Index rows of a free space, uniform within a window of multiply-adds; prepared once, drawn with any seed.

    `most_macs` None leaves the upper end open.

    Raises, when first drawn from:
        UsageError: no architecture is in the window; the message has the true minimum and maximum.
        RunError: draws keep missing the window, and counting what is in it takes too long.
    """

    free: FreeSpace
    least_macs: int = 0
    most_macs: int | None = None

    def batches(self, seed: int) -> Iterator[Array]:
        """Batches of rows without end; the first rows for a seed are always the same."""
        if isinstance(self._source, Ranking):
            return _ranked(self._source, seed)
        return self._source.rows(np.random.default_rng(seed))

    @cached_property
    def _source(self) -> Ranking | WindowSampler:
        free = self.free
        low, high = (int(end.value) for end in optima(free.costs()))
        most = high if self.most_macs is None else self.most_macs
        if self.least_macs <= low and most >= high and not rules_of(free):
            return Ranking(free)
        sampler = uniform_within(free, self.least_macs, most)
        low, high = sampler.trellis.least, sampler.trellis.most
        if _is_empty(free, sampler):
            raise UsageError(
                f"no architecture of {free.table.blueprint.space.name} has between {self.least_macs:,} and {most:,} "
                "multiply-adds",
                help=f"they have from {low:,} to {high:,}",
            )
        return sampler


def _is_empty(free: FreeSpace, sampler: WindowSampler) -> bool:
    """Whether the window is empty; counted only if a first batch misses it and counting is affordable."""
    if sampler.is_surely_empty:
        return True
    if len(next(sampler.rows(np.random.default_rng(0)))):
        return False
    counted = counts(free)
    return counted.work(sampler.most) <= MAX_WORK and counted.within(sampler.least, sampler.most) == 0


def _ranked(ranking: Ranking, seed: int) -> Iterator[Array]:
    """Batches of index rows, uniform over a whole free space."""
    generator = random.Random(seed)
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
