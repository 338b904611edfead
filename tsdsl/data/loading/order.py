"""The order in which an epoch takes the clips: each once, or classes equally often. It depends only on the seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch

from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.randomness import derive_generator
from tsdsl.data.settings import ClassSampling

Turn = tuple[int, int]
"""(index of a record, how often the epoch took it before): repeated clips are cut differently."""


def epoch_order(records: Sequence[ClipRecord], sampling: ClassSampling, seed: int, epoch: int) -> list[Turn]:
    """As many clips as there are: `natural` takes each once, `balanced` each class that has any equally often.

    Classes whose share is not a whole number get one clip more or less, others in each epoch. Of a class, no clip is
    taken again before all have been.
    """
    if sampling == "natural":
        return [(index, 0) for index in _permutation(len(records), "order", seed, epoch)]
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        members[record.label].append(index)
    share, rest = divmod(len(records), len(members))
    taken: list[int] = []
    for place, number in enumerate(_permutation(len(members), "class order", seed, epoch)):
        label = sorted(members)[number]
        own: list[int] = []
        while len(own) < share + (place < rest):
            again = _permutation(len(members[label]), "class", seed, epoch, label, len(own))
            own += [members[label][at] for at in again]
        taken += own[: share + (place < rest)]
    turns: Counter[int] = Counter()
    order: list[Turn] = []
    for at in _permutation(len(taken), "order", seed, epoch):
        order.append((taken[at], turns[taken[at]]))
        turns[taken[at]] += 1
    return order


def _permutation(length: int, *parts: int | str) -> list[int]:
    order: list[int] = torch.randperm(length, generator=derive_generator(*parts)).tolist()
    return order
