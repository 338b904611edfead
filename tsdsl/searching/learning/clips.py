"""The clips of a search: one half for the weights, the other for alpha, cut as the step's networks need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from torch import Tensor

from tsdsl.data import (
    Batch,
    ClipLoader,
    ClipSettings,
    SkippedClips,
    VideoDataset,
    ViewLoader,
    choose_classes,
    normalise,
    open_dataset,
    split_for_search,
)
from tsdsl.data.datasets.class_names import matched_classes
from tsdsl.data.randomness import derive_seed
from tsdsl.data.settings import ClassSampling
from tsdsl.engine.ranks.interruption import Interruption
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.training_data import EvaluationViews, TrainingClips, fitted_clip_settings, with_views
from tsdsl.errors import UsageError
from tsdsl.network.layout import Network
from tsdsl.searching.settings import DataSettings


@dataclass(frozen=True)
class SearchClips:
    """The batches that a step consumes, and what is recorded about them.

    The weights learn from `training`, alpha from `validation`; `evaluation` is every clip of the
    validation half once, with `views` of each.
    """

    training: TrainingClips
    validation: TrainingClips
    evaluation: EvaluationViews
    clip: ClipSettings
    num_training_clips: int
    num_validation_clips: int

    @property
    def num_classes(self) -> int:
        """The classes to tell apart."""
        return self.training.dataset.num_classes


def open_search_dataset(root: Path, settings: DataSettings, class_names: tuple[str, ...] | None = None) -> VideoDataset:
    """The training clips of the data set in a folder, of the classes that the settings ask for.

    `class_names` are those that the shared weights know, in their order.

    Raises:
        FileError: there is no such data set.
        UsageError: it has fewer classes, or other ones.
    """
    dataset = open_dataset(root, "train")
    if settings.classes is not None:
        dataset = choose_classes(dataset, settings.classes, settings.class_seed)
    return dataset if class_names is None else matched_classes(dataset, class_names).dataset


def split_clips(
    dataset: VideoDataset,
    network: Network,
    step: str,
    settings: DataSettings,
    *,
    seed: int,
    batch_size: int,
    class_sampling: ClassSampling,
    views: str,
    ranks: Ranks = ALONE,
) -> SearchClips:
    """The halves of a data set as the networks of a step take them.

    The halves depend on `seed` alone, so that every step of a run has the same. Each rank reads its share of
    every batch; `Ranks.whole` puts them together.

    Raises:
        UsageError: there are too few clips, or they do not fit.
    """
    training, validation = split_for_search(dataset.records, seed, 1.0 - settings.validation_fraction)
    if not training or not validation:
        raise UsageError(
            f"{dataset.root}: {len(dataset.records)} training clips cannot be split in two",
            help="a search needs at least two clips, better two of each class",
        )
    clip = fitted_clip_settings(settings.clip or dataset.recommended, network)
    skipped = SkippedClips()
    validation_half = dataset.with_records(validation)

    def loader(half: VideoDataset, name: str, augment: bool) -> ClipLoader:
        return ClipLoader(
            half,
            clip,
            batch_size=batch_size,
            seed=derive_seed(seed, name, step),
            augment=augment,
            class_sampling=class_sampling,
            num_workers=settings.num_workers,
            cache=settings.cache,
            skipped=skipped,
            rank=ranks.rank,
            world_size=ranks.size,
        )

    return SearchClips(
        training=loader(dataset.with_records(training), "training", True),
        validation=loader(validation_half, "validation", False),
        evaluation=ViewLoader(
            validation_half,
            with_views(clip, views),
            num_workers=settings.num_workers,
            cache=settings.cache,
            skipped=skipped,
            rank=ranks.rank,
            world_size=ranks.size,
        ),
        clip=clip,
        num_training_clips=len(training),
        num_validation_clips=len(validation),
    )


def endless(clips: TrainingClips, start: int) -> Iterator[Batch]:
    """Batch number `start` and all after it, epoch after epoch."""
    epoch, offset = divmod(start, clips.iterations_per_epoch)
    while True:
        yield from clips.batches(epoch, offset)
        epoch, offset = epoch + 1, 0


def first_clips(clips: TrainingClips, count: int, request: Interruption) -> Iterator[Tensor]:
    """The normalised clips of the first `count` batches, for BN statistics; whole on every rank, together.

    Raises:
        StopRequestedError: a stop was requested.
    """
    for share in request.stoppable(islice(endless(clips, 0), count)):
        yield normalise(request.ranks.whole(share).clips_BCTHW)
