"""The samples of one batch shared out among ranks, and put together as if one rank had done them all.

Sample k of K is done by rank k modulo the number of ranks. What is put together is exact: importance weights are
those over all K samples, by the largest score of all ranks; sums differ in the order of additions only.
Own design, after the online softmax of Milakov and Gimelshein (2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import TypeVar

from torch import Tensor

from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.errors import UsageError
from tsdsl.lowering.accumulator import PartialSums
from tsdsl.lowering.slices import Region, covering
from tsdsl.searching.learning.sample_outcome import Outcome
from tsdsl.searching.settings import SearchSettings

Sample = TypeVar("Sample")


def require_work(settings: SearchSettings, ranks: Ranks) -> None:
    """Refuses more ranks than samples a batch; `adaptive` may leave some ranks idle at the end.

    Raises:
        UsageError: some ranks would never have anything to do.
    """
    samples = 1 if settings.method == "single_path" else settings.samples
    if samples != "adaptive" and samples < ranks.size:
        raise UsageError(
            f"samples = {samples} cannot be shared by {ranks.size} processes",
            help=f"sample {ranks.size} architectures or more, or start fewer processes",
        )


def own_share(samples: Sequence[Sample], ranks: Ranks) -> Iterator[tuple[int, Sample]]:
    """The samples that this rank does, each with its number k."""
    for number in range(ranks.rank, len(samples), ranks.size):
        yield number, samples[number]


def put_together(own: Sequence[Outcome], ranks: Ranks) -> list[Outcome]:
    """The outcomes of all samples in the order of k, from those of each rank; together."""
    shares = ranks.gather([astuple(outcome) for outcome in own])
    count = sum(map(len, shares))
    return [Outcome(*shares[number % ranks.size][number // ranks.size]) for number in range(count)]


def combiner(shared: Mapping[str, Tensor], ranks: Ranks) -> Callable[[PartialSums], None] | None:
    """What adds the sums of all ranks up, for `WeightedGradients.finish`; None where there is one rank.

    `shared` are the shared weights by name. Those that no sample of any rank used stay without a gradient.
    """
    if ranks.size == 1:
        return None

    def combine(partial: PartialSums) -> None:
        told = ranks.gather([partial.largest, {name: part.region for name, part in partial.sums.items()}])
        partial.rescale(max(largest for largest, _ in told))
        regions: dict[str, Region] = {}
        for _, used in told:
            for name, found in used.items():
                part = as_region(found)
                regions[name] = covering(regions[name], part) if name in regions else part
        # The same names in the same order on every rank.
        partial.sums = {name: partial.widen(name, regions[name], shared[name]) for name in sorted(regions)}
        ranks.sum([part.gradient for part in partial.sums.values()])
        partial.total = math.fsum(ranks.gather(partial.total))

    return combine


def as_region(ranges: Sequence[Sequence[Sequence[int]]]) -> Region:
    """A region that went to another process and came back as lists."""
    return tuple(tuple((start, length) for start, length in axis) for axis in ranges)
