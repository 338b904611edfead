"""Evaluation batches: every test view of every video, in order.

Tensor names: B videos, V views of a video, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.loading.delivery import delivered
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.loading.workers import KeyBatches, Sample, check_loader, make_cache, make_loader, note_failures
from tsdsl.data.settings import ClipSettings
from tsdsl.data.shards.storage import StorageError
from tsdsl.data.video.clips import DEFAULT_CACHE_BYTES, ClipCache, read_test_views
from tsdsl.data.video.frame_index import ClipError
from tsdsl.errors import RunError, UsageError


@dataclass(frozen=True)
class ViewBatch:
    """All views of some videos, their labels, and the positions of their records in the data set."""

    clips_BVCTHW: Tensor
    """uint8; V is test_clips x test_crops, the crops of a clip are consecutive."""

    labels_B: Tensor
    indices_B: Tensor

    def to(self, device: torch.device | str) -> ViewBatch:
        """The batch on a device, copied asynchronously if memory is pinned."""
        return ViewBatch(
            self.clips_BVCTHW.to(device, non_blocking=True),
            self.labels_B.to(device, non_blocking=True),
            self.indices_B.to(device, non_blocking=True),
        )


class ViewLoader:
    """Every video once with all its test views; each of `world_size` processes gets every `world_size`-th.

    A bad video is not replaced, but added to `skipped`: report how many were evaluated.
    """

    def __init__(
        self,
        dataset: VideoDataset,
        settings: ClipSettings,
        *,
        videos_per_batch: int = 1,
        num_workers: int = 0,
        cache: bool | ClipCache = False,
        cache_limit_bytes: int = DEFAULT_CACHE_BYTES,
        rank: int = 0,
        world_size: int = 1,
        skipped: SkippedClips | None = None,
    ) -> None:
        check_loader(dataset, None, videos_per_batch, num_workers, cache)
        if not 0 <= rank < world_size:
            raise UsageError(f"rank must be from 0 to {world_size - 1}, got {rank}", help="ranks count from 0")
        self.dataset = dataset
        self.settings = settings
        self.skipped = skipped if skipped is not None else SkippedClips()
        self._indices = range(rank, len(dataset.records), world_size)
        self._videos_per_batch = videos_per_batch
        self._order: KeyBatches[int] = KeyBatches()
        views = settings.test_clips * settings.test_crops
        self._loader = make_loader(
            _Videos(dataset.records, settings, make_cache(cache, cache_limit_bytes, num_workers)),
            self._order,
            num_workers,
            videos_per_batch * views * settings.frames_per_clip * 3 * settings.test_crop_px**2,
        )

    @property
    def num_videos(self) -> int:
        """The number of videos of this process, including bad ones."""
        return len(self._indices)

    def batches(self) -> Iterator[ViewBatch]:
        """The videos in the order of the records. RunError if none is usable."""
        size = self._videos_per_batch
        self._order.batches = [list(self._indices[at : at + size]) for at in range(0, len(self._indices), size)]
        num_usable = 0
        for loaded in delivered(self._loader):
            note_failures(self.skipped, loaded)
            if loaded.clips is not None:
                num_usable += len(loaded.clips)
                yield ViewBatch(loaded.clips, loaded.labels_B, loaded.indices_B)
        if self._indices and not num_usable:
            path, reason = next(iter(self.skipped))
            count = len(self._indices)
            several = f"{self.dataset.root}: none of the {count} videos is usable; the first was " if count > 1 else ""
            raise RunError(f"{several}{path}: {reason}", help="`tsdsl data verify` lists every bad file of a data set")


class _Videos(Dataset[Sample]):
    """Maps the index of a record to all its test views."""

    def __init__(self, records: Sequence[ClipRecord], settings: ClipSettings, cache: ClipCache | None) -> None:
        self._records = records
        self._settings = settings
        self._cache = cache

    def __getitem__(self, index: int) -> Sample:
        record = self._records[index]
        try:
            views_VCTHW = read_test_views(record, self._settings, self._cache)
        except ClipError as error:
            return None, record.label, index, [(error.path, error.reason)]
        except StorageError as error:
            return error
        return views_VCTHW, record.label, index, []
