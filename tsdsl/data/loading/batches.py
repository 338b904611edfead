"""Training and search batches in an order that depends only on the seed; bad clips are replaced and reported.

A batch depends only on the seed, the epoch and the iteration, not on workers, so a resumed run sees the same clips.

Tensor names: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.loading.delivery import delivered
from tsdsl.data.loading.order import epoch_order
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.loading.workers import (
    Failures,
    KeyBatches,
    Sample,
    check_loader,
    make_cache,
    make_loader,
    note_failures,
)
from tsdsl.data.randomness import derive_generator, derive_seed
from tsdsl.data.settings import ClassSampling, ClipSettings
from tsdsl.data.shards.storage import StorageError
from tsdsl.data.video.clips import DEFAULT_CACHE_BYTES, ClipCache, read_centre_clip, read_training_clip
from tsdsl.data.video.frame_index import ClipError
from tsdsl.errors import RunError, UsageError

_Key = tuple[int, int, int]
"""(epoch, index of the record, how often the epoch took it before)."""

MAX_REPLACEMENTS = 200
"""Attempts to replace a bad clip before the data set counts as unusable."""


@dataclass(frozen=True)
class Batch:
    """Clips, their labels, and the positions of their records in the data set."""

    clips_BCTHW: Tensor
    """uint8; `normalise` converts them to float on the device."""

    labels_B: Tensor
    indices_B: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device, copied asynchronously if memory is pinned."""
        return Batch(
            self.clips_BCTHW.to(device, non_blocking=True),
            self.labels_B.to(device, non_blocking=True),
            self.indices_B.to(device, non_blocking=True),
        )


class ClipLoader:
    """Batches of one clip per video, for training (`augment=True`) or for scoring on the centre view.

    Each of `world_size` processes gets a consecutive share of the same batches; shares differ by at most one clip. A
    data set smaller than a batch is repeated in it. The last incomplete batch of an epoch is dropped; every epoch has
    another order, in which classes are as frequent as they are, or with `class_sampling="balanced"` equally frequent.

    `cache=True` keeps decoded videos in memory up to `cache_limit_bytes` in all workers together; give a ClipCache to
    share one between loaders without workers. `skipped` collects bad clips.
    """

    def __init__(
        self,
        dataset: VideoDataset,
        settings: ClipSettings,
        *,
        batch_size: int,
        seed: int,
        augment: bool = True,
        class_sampling: ClassSampling = "natural",
        num_workers: int = 0,
        cache: bool | ClipCache = False,
        cache_limit_bytes: int = DEFAULT_CACHE_BYTES,
        rank: int = 0,
        world_size: int = 1,
        skipped: SkippedClips | None = None,
    ) -> None:
        check_loader(dataset, settings if augment else None, batch_size, num_workers, cache)
        if not 0 <= rank < world_size:
            raise UsageError(f"rank must be from 0 to {world_size - 1}, got {rank}", help="ranks count from 0")
        if batch_size < world_size:
            raise UsageError(
                f"a batch of {batch_size} clips cannot be shared by {world_size} processes",
                help=f"give a batch size of {world_size} or more, or start fewer processes",
            )
        self.dataset = dataset
        self.settings = settings
        self.batch_size = batch_size
        self.seed = seed
        self.class_sampling: ClassSampling = class_sampling
        self.skipped = skipped if skipped is not None else SkippedClips()
        self._rank, self._world_size = rank, world_size
        self._order: KeyBatches[_Key] = KeyBatches()
        self._loader = make_loader(
            _Clips(dataset.records, settings, seed, augment, make_cache(cache, cache_limit_bytes, num_workers)),
            self._order,
            num_workers,
            -(-batch_size // world_size) * settings.frames_per_clip * 3 * settings.size_px**2,
        )

    @property
    def iterations_per_epoch(self) -> int:
        """The number of complete batches per epoch, at least one."""
        return max(1, len(self.dataset.records) // self.batch_size)

    def batches(self, epoch: int, start_iteration: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from an iteration on, without decoding those before.

        RunError if a bad clip cannot be replaced. Only one iterator of a loader is valid at a time.
        """
        self._order.batches = self._keys(epoch)[start_iteration:]
        for loaded in delivered(self._loader):
            note_failures(self.skipped, loaded)
            if loaded.clips is None or loaded.num_unreadable:
                raise _no_clips_left(self.dataset, loaded.failures)
            yield Batch(loaded.clips, loaded.labels_B, loaded.indices_B)

    def _keys(self, epoch: int) -> list[list[_Key]]:
        """The keys of this process's share of each batch."""
        order = epoch_order(self.dataset.records, self.class_sampling, self.seed, epoch)
        while len(order) < self.batch_size:
            order += order[: self.batch_size - len(order)]
        begin, end = (rank * self.batch_size // self._world_size for rank in (self._rank, self._rank + 1))
        return [
            [(epoch, index, turn) for index, turn in order[at + begin : at + end]]
            for at in range(0, self.iterations_per_epoch * self.batch_size, self.batch_size)
        ]


class _Clips(Dataset[Sample]):
    """Maps a key to a clip, equal in every process; a bad clip is replaced by that of another record."""

    def __init__(
        self,
        records: Sequence[ClipRecord],
        settings: ClipSettings,
        seed: int,
        augment: bool,
        cache: ClipCache | None,
    ) -> None:
        self._records = records
        self._settings = settings
        self._seed = seed
        self._augment = augment
        self._cache = cache
        self._known_bad: dict[int, str] = {}

    def __getitem__(self, key: _Key) -> Sample:
        _, index, _ = key
        failures: Failures = []
        attempts = min(MAX_REPLACEMENTS, 4 * len(self._records))
        for attempt in range(attempts):
            # The replacement depends only on the key, not on bad clips seen before by this process.
            chosen = index if attempt == 0 else self._replacement(key, attempt)
            try:
                clip_CTHW = self._read(chosen, key, failures)
            except StorageError as error:
                return error
            if clip_CTHW is not None:
                return clip_CTHW, self._records[chosen].label, chosen, failures
        return None, -1, index, failures

    def _replacement(self, key: _Key, attempt: int) -> int:
        return derive_seed("replacement", self._seed, *_drawn_by(key), attempt) % len(self._records)

    def _read(self, chosen: int, key: _Key, failures: Failures) -> Tensor | None:
        record = self._records[chosen]
        if chosen in self._known_bad:
            failures.append((record.path, self._known_bad[chosen]))
            return None
        try:
            if not self._augment:
                return read_centre_clip(record, self._settings, self._cache)
            generator = derive_generator("clip", self._seed, *_drawn_by(key))
            return read_training_clip(record, self._settings, generator, self._cache)
        except ClipError as error:
            self._known_bad[chosen] = error.reason
            failures.append((error.path, error.reason))
            return None


def _drawn_by(key: _Key) -> tuple[int, ...]:
    """What the draws of a clip depend on: the epoch and the index, and the turn of a clip that is taken again."""
    epoch, index, turn = key
    return (epoch, index, turn) if turn else (epoch, index)


def _no_clips_left(dataset: VideoDataset, failures: Failures) -> RunError:
    path, reason = failures[0]
    return RunError(
        f"{dataset.root}: no usable clip found among {len(failures)} tried; the first was {path}: {reason}",
        help="`tsdsl data verify` lists every bad file of a data set",
    )
