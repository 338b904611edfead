"""A data set as a list of labelled clips, and seeded choices of a part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor
from pathlib import Path

from tsdsl.data.layouts.description import DatasetKind
from tsdsl.data.randomness import derive_seed
from tsdsl.data.settings import ClipSettings
from tsdsl.errors import UsageError

UNLABELLED = -1
"""The label of a clip whose class is not known."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar shard: its bytes from `offset` on. A file by URL alone is one that begins at 0."""

    shard: str
    """A path or URL."""
    shard_bytes: int
    offset: int
    size_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether it is a file by itself, not in a tar, where a header lies before it."""
        return self.offset == 0


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """A video, its class or `UNLABELLED`, and the times of the clip (None: the ends of the video)."""

    path: Path
    label: int
    start_s: float | None = None
    end_s: float | None = None
    frames_fps: float | None = None
    """The rate at which the frames in the folder `path` were extracted; None for a video file."""
    member: Member | None = None
    """Where the video lies in a shard; `path` then only names it, as `SHARD.tar/MEMBER`."""


@dataclass(frozen=True)
class VideoDataset:
    """The existing clips of one split of a data set, and its properties."""

    root: Path
    split: str
    kind: DatasetKind
    records: tuple[ClipRecord, ...]
    class_names: tuple[str, ...]
    flip_allowed: bool = True
    recommended: ClipSettings = field(default_factory=ClipSettings)
    missing: tuple[str, ...] = ()
    """Listed clips without a file."""
    moved_from: str | None = None
    """The folder named in the list, if its files were found below `root` instead."""
    passed_over: tuple[str, ...] = ()
    """Links to folders that are read already, such as the one that they lie in."""
    others: Mapping[str, int] = field(default_factory=dict)
    """The number of files in class folders that are no videos, by suffix."""
    split_number: int | None = None
    """The official split of UCF101 or HMDB51."""

    @property
    def num_classes(self) -> int:
        """The number of classes, with or without clips."""
        return len(self.class_names)

    @property
    def clips_per_class(self) -> tuple[int, ...]:
        """The number of clips of each class."""
        counts = [0] * self.num_classes
        for record in self.records:
            counts[record.label] += 1
        return tuple(counts)

    @property
    def frames_fps(self) -> float | None:
        """The rate of extracted frames; None if the clips are video files."""
        return self.records[0].frames_fps if self.records else None

    def with_records(self, records: Sequence[ClipRecord]) -> VideoDataset:
        """The same data set with other clips, such as a part of `split_for_search`."""
        return replace(self, records=tuple(records))


def split_for_search(
    records: Sequence[ClipRecord], seed: int, fraction: float = 0.5
) -> tuple[tuple[ClipRecord, ...], tuple[ClipRecord, ...]]:
    """(training, validation) parts for a search, stratified by class: weights learn on one, alpha on the other.

    `fraction` of each class goes to the first part. Rounding carries over to the next class, and a class of two or more
    clips has some in both parts. The parts depend only on the records and the seed.
    """
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"fraction must be between 0 and 1, got {fraction}", help="for instance 0.5")
    members: dict[int, list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        members[record.label].append(position)
    chosen: set[int] = set()
    carried = 0.0
    for label in sorted(members):
        positions = sorted(members[label], key=lambda position: derive_seed("search split", seed, position))
        exact = len(positions) * fraction + carried
        # The tolerance keeps a carried 0.5 + 0.5 from being rounded down to 0.
        count = floor(exact + 1e-9)
        if len(positions) > 1:
            count = min(max(count, 1), len(positions) - 1)
        count = min(max(count, 0), len(positions))
        carried = exact - count
        chosen.update(positions[:count])
    training = tuple(record for position, record in enumerate(records) if position in chosen)
    validation = tuple(record for position, record in enumerate(records) if position not in chosen)
    return training, validation


def choose_classes(dataset: VideoDataset, num_classes: int, seed: int) -> VideoDataset:
    """The clips of random classes, labelled 0, 1, ... in the order of their labels before.

    The choice depends only on the class names and the seed, so all splits have the same classes.
    """
    if not 1 <= num_classes <= dataset.num_classes:
        raise UsageError(
            f"{dataset.root}: cannot choose {num_classes} of {dataset.num_classes} classes",
            help=f"give a number from 1 to {dataset.num_classes}",
        )
    ranking = sorted(
        range(dataset.num_classes),
        key=lambda label: (derive_seed("classes", seed, dataset.class_names[label]), label),
    )
    return keep_classes(dataset, sorted(ranking[:num_classes]))


def keep_classes(dataset: VideoDataset, labels: Sequence[int]) -> VideoDataset:
    """The clips of some classes, labelled 0, 1, ... in the order of `labels`."""
    new_labels = {label: position for position, label in enumerate(labels)}
    return replace(
        dataset,
        class_names=tuple(dataset.class_names[label] for label in labels),
        records=tuple(
            replace(record, label=new_labels[record.label]) for record in dataset.records if record.label in new_labels
        ),
    )
