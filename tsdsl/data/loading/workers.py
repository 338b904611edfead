"""Worker processes, caches and reports of bad clips for both loaders.

Tensor names: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from tsdsl.data.layouts.records import VideoDataset
from tsdsl.data.loading.delivery import require_shared_memory
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.settings import ClipSettings
from tsdsl.data.shards.storage import StorageError
from tsdsl.data.video.clips import ClipCache
from tsdsl.errors import RunError, UsageError
from tsdsl.processes import WorkerContext

Failures = list[tuple[Path, str]]
"""Bad clips as (path, reason), passed from worker processes with the tensors."""

Sample = tuple[Tensor | None, int, int, Failures] | StorageError
"""(clip or views, label, index of the record, bad clips); None if no clip could be read. An error ends the run."""

Key = TypeVar("Key")


class Loaded(NamedTuple):
    """A collated batch; a named tuple because DataLoader pins the tensors inside one."""

    clips: Tensor | None
    labels: list[int]
    indices: list[int]
    num_unreadable: int
    failures: Failures
    shortage: str | None = None
    """Why a worker could not put the clips into shared memory."""
    unreachable: StorageError | None = None
    """Why the shards of the data set can no longer be read."""

    @property
    def labels_B(self) -> Tensor:
        """The label of each clip."""
        return torch.tensor(self.labels, dtype=torch.int64)

    @property
    def indices_B(self) -> Tensor:
        """The index of each clip's record."""
        return torch.tensor(self.indices, dtype=torch.int64)


class KeyBatches(Sampler[list[Key]], Generic[Key]):
    """The batches of keys of the next pass."""

    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def make_loader(
    dataset: Dataset[Sample], order: KeyBatches[Key], num_workers: int, batch_bytes: int
) -> DataLoader[Any]:
    """A DataLoader of `Loaded` that does not use the global generator, nor forks a process with threads.

    Take its batches by `delivered`.

    Raises:
        RunError: shared memory has no room for the batches of the workers.
    """
    require_shared_memory(num_workers, batch_bytes)
    return DataLoader(
        dataset,
        batch_sampler=order,
        collate_fn=_collate,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        multiprocessing_context=WorkerContext() if num_workers else None,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator().manual_seed(0),
    )


def make_cache(cache: bool | ClipCache, limit_bytes: int, num_workers: int) -> ClipCache | None:
    """The cache of a loader: the given one, or a new one whose limit its workers share."""
    if isinstance(cache, ClipCache):
        return cache
    return ClipCache(limit_bytes // max(1, num_workers)) if cache else None


def check_loader(
    dataset: VideoDataset,
    training_settings: ClipSettings | None,
    batch_size: int,
    num_workers: int,
    cache: bool | ClipCache,
) -> None:
    """Raise UsageError for a contradiction, RunError for a data set without clips."""
    if batch_size < 1:
        raise UsageError(f"batch size must be 1 or more, got {batch_size}", help="for instance 16")
    if num_workers < 0:
        raise UsageError(f"number of workers is {num_workers}", help="give 0 (in this process) or more")
    if isinstance(cache, ClipCache) and num_workers:
        raise UsageError("a ClipCache cannot be shared with worker processes", help="use cache=True, or no workers")
    if training_settings is not None and training_settings.flip and not dataset.flip_allowed:
        raise UsageError(
            f"{dataset.root}: flip is on, but mirroring changes the classes of this data set",
            help="set flip to false; dataset.recommended has fitting settings",
        )
    if not dataset.records:
        raise RunError(f"{dataset.root}: there are no clips to load", help="see `tsdsl data index`")


def note_failures(skipped: SkippedClips, loaded: Loaded) -> None:
    """Add the bad clips of a batch to the report.

    Raises:
        RunError: there was no room to hand the batch over, or the data set can no longer be read.
    """
    if loaded.unreachable is not None:
        raise loaded.unreachable
    if loaded.shortage is not None:
        raise RunError(
            f"shared memory is full, so a worker cannot hand over its clips ({loaded.shortage})",
            help="give fewer --workers or a smaller --batch-size, or make /dev/shm larger: `docker run --shm-size 8g`",
        )
    for path, reason in loaded.failures:
        skipped.add(path, reason)


def _collate(fetched: Sequence[Sample]) -> Loaded:
    unreachable = next((sample for sample in fetched if isinstance(sample, StorageError)), None)
    if unreachable is not None:
        return Loaded(None, [], [], 0, [], unreachable=unreachable)
    samples = [sample for sample in fetched if not isinstance(sample, StorageError)]
    readable = [sample for sample in samples if sample[0] is not None]
    clips = [clip for clip, _, _, _ in readable if clip is not None]
    loaded = Loaded(
        clips=_stacked(clips) if clips else None,
        labels=[label for _, label, _, _ in readable],
        indices=[index for _, _, index, _ in readable],
        num_unreadable=len(samples) - len(readable),
        failures=[failure for _, _, _, found in samples for failure in found],
    )
    if loaded.clips is not None and get_worker_info() is not None:
        try:
            # The thread that sends the batch would do it too, but the batch would be lost where it fails.
            loaded.clips.share_memory_()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            return loaded._replace(clips=None, shortage=str(error))
    return loaded


def _stacked(clips: Sequence[Tensor]) -> Tensor:
    """The clips as a batch, with the channels last in memory as they come and as networks are fastest."""
    return torch.stack([clip.movedim(-4, -1) for clip in clips]).movedim(-1, -4)
