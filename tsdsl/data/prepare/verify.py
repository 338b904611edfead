"""Indexes a whole data set, and decodes every file to find bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from tsdsl.data.datasets.concerns import concerns, overlap
from tsdsl.data.datasets.open import open_splits, unlabelled_splits
from tsdsl.data.layouts.description import DatasetKind
from tsdsl.data.layouts.records import VideoDataset
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.video.decode import count_decodable_frames
from tsdsl.data.video.frame_index import ClipError
from tsdsl.errors import FileError
from tsdsl.files import write_bytes

Progress = Callable[[int, int], None]
"""Called with (files done, number of files)."""


@dataclass(frozen=True)
class DatasetIndex:
    """The content of a data set by split."""

    root: Path
    kind: DatasetKind
    splits: tuple[VideoDataset, ...]
    unlabelled: tuple[str, ...] = ()
    """Splits that are not read, as their lists name no classes."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a split other than the first has no clips, as where the videos of a test split were not downloaded."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, equal in every split."""
        return self.splits[0].class_names

    @property
    def concerns(self) -> list[str]:
        """Warnings about the first split, usually the training clips, and about clips that two splits share."""
        found = concerns(self.splits[0], [*(dataset.split for dataset in self.splits), *self.absent])
        found += self.absent.values()
        for first, second in combinations(self.splits, 2):
            found += overlap(first, second)
        return found


@dataclass(frozen=True)
class VerifyReport:
    """The outcome of decoding every file of a data set."""

    num_videos: int
    num_frames: int
    bad: SkippedClips
    missing: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every clip exists and decodes."""
        return not len(self.bad) and not self.missing


def index_dataset(root: str | Path, *, kind: str | None = None) -> DatasetIndex:
    """All splits of a data set, without decoding. FileError as `open_dataset`."""
    root = Path(root)
    splits, absent = open_splits(root, kind=kind)
    unlabelled = unlabelled_splits(root, kind=kind)
    if not splits and unlabelled:
        raise FileError(
            f"{root}: no list names classes, only clips, for {', '.join(unlabelled)}",
            help="write `path label` on each line of train.csv; `tsdsl predict` reads lists without classes",
        )
    if not splits:
        raise FileError(f"{root}: has no list for kind {kind!r}", help="omit the kind to detect it")
    return DatasetIndex(root, splits[0].kind, tuple(splits), unlabelled, absent)


def verify_dataset(root: str | Path, *, kind: str | None = None, progress: Progress | None = None) -> VerifyReport:
    """Decode every frame of every file once."""
    index = index_dataset(root, kind=kind)
    records = [record for dataset in index.splits for record in dataset.records]
    parts = {(r.path, r.frames_fps, r.end_s if r.frames_fps else None, r.member) for r in records}
    bad = SkippedClips()
    num_frames = 0
    for done, (path, frames_fps, end_s, member) in enumerate(sorted(parts, key=lambda part: part[0]), start=1):
        try:
            num_frames += count_decodable_frames(path, frames_fps, end_s, member)
        except ClipError as error:
            bad.add(path, error.reason)
        if progress is not None:
            progress(done, len(parts))
    missing = tuple(name for dataset in index.splits for name in dataset.missing)
    return VerifyReport(len(parts), num_frames, bad, missing)


def write_bad_list(path: Path, lines: Sequence[str]) -> None:
    """Write lines to a file, with the bytes of names that are not UTF-8; FileError where it cannot be written."""
    write_bytes(path, "".join(line + "\n" for line in lines).encode(errors="surrogateescape"))
