"""The interfaces of data for training and evaluation, and their implementation by video data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tsdsl.data import (
    Batch,
    ClipLoader,
    ClipSettings,
    SkippedClips,
    VideoDataset,
    ViewBatch,
    ViewLoader,
    available_splits,
    choose_classes,
    open_dataset,
)
from tsdsl.data.datasets.class_names import matched_classes
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.recipe import TrainSettings
from tsdsl.errors import UsageError
from tsdsl.network.layout import Network

NUM_NAMED_CLIPS = 3


class TrainingClips(Protocol):
    """Batches in an order that depends on a seed, such as `tsdsl.data.ClipLoader`."""

    @property
    def dataset(self) -> VideoDataset:
        """The names, labels and classes of the clips."""

    @property
    def skipped(self) -> SkippedClips:
        """The bad clips so far."""

    @property
    def iterations_per_epoch(self) -> int:
        """Batches per epoch."""

    def batches(self, epoch: int, start_iteration: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from an iteration on, equal in every call."""


class EvaluationViews(Protocol):
    """Videos with all their views, each once, such as `tsdsl.data.ViewLoader`."""

    @property
    def dataset(self) -> VideoDataset:
        """The names, labels and classes of the videos."""

    @property
    def skipped(self) -> SkippedClips:
        """The bad videos so far."""

    @property
    def num_videos(self) -> int:
        """The number of videos, including bad ones."""

    def batches(self) -> Iterator[ViewBatch]:
        """All videos in batches."""


@dataclass(frozen=True)
class TrainingData:
    """Training clips, validation videos if any, and their description for the record of a run."""

    training: TrainingClips
    validation: EvaluationViews | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


def fitted_clip_settings(recommended: ClipSettings, network: Network, size_px: int | None = None) -> ClipSettings:
    """The recommended settings of a data set with the frames and the size of a network.

    The time span of a clip stays the same: for 4 instead of 32 frames every eighth is used; for 32 instead of 16 the
    distance in time is halved. `size_px` overrides the size of the network.
    """
    size_px = size_px or network.size
    changes: dict[str, Any] = {"size_px": size_px, "stride": 1}
    if recommended.num_frames % network.frames == 0:
        changes["stride"] = recommended.num_frames // network.frames
    else:
        changes["num_frames"] = network.frames
        changes["rate"] = recommended.rate * recommended.num_frames / network.frames
    enlargement = size_px / recommended.size_px
    if isinstance(recommended.jitter_px, tuple):
        low_px, high_px = recommended.jitter_px
        changes["jitter_px"] = (round(low_px * enlargement), round(high_px * enlargement))
    if isinstance(recommended.test_short_px, int):
        changes["test_short_px"] = round(recommended.test_short_px * enlargement)
    return recommended.replace(**changes)


def parsed_views(text: str) -> tuple[int, int]:
    """`10x3` as (10 clips, 3 crops).

    Raises:
        UsageError: the text is not of this form, or crops are not 1 or 3.
    """
    clips, _, crops = text.partition("x")
    if not (clips.isdecimal() and int(clips) > 0 and crops in ("1", "3")):
        raise UsageError(
            f"views must be CLIPSxCROPS, got {text!r}",
            help="10x1 is 10 clips with a centre crop, 10x3 with left, centre and right crops; crops are 1 or 3",
        )
    return int(clips), int(crops)


def with_views(settings: ClipSettings, views: str) -> ClipSettings:
    """The settings with evaluation views from a text such as `10x3`."""
    clips, crops = parsed_views(views)
    return settings.replace(test_clips=clips, test_crops=crops)


def named_clips(batch: Batch, dataset: VideoDataset) -> str:
    """The paths of the first clips of a batch and the number of others, for a message."""
    indices = batch.indices_B.tolist()
    names = ", ".join(str(dataset.records[index].path) for index in indices[:NUM_NAMED_CLIPS])
    more = len(indices) - NUM_NAMED_CLIPS
    return f"{names} and {more} more" if more > 0 else names


def check_classes(dataset: VideoDataset, network: Network) -> None:
    """Raise UsageError unless the data set and the network have the same number of classes."""
    if dataset.num_classes != network.classes:
        raise UsageError(
            f"{dataset.root}: expected the {network.classes} classes of the network {network.space}, "
            f"got {dataset.num_classes}",
            help=f"build the network for {dataset.num_classes} classes, or select classes of the data set",
        )


def open_training_data(
    root: Path,
    network: Network,
    settings: TrainSettings,
    *,
    clip_settings: ClipSettings | None = None,
    num_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    kind: str | None = None,
    num_workers: int = 0,
    cache: bool = False,
    ranks: Ranks = ALONE,
) -> TrainingData:
    """The clips of a data set for a network, validated on `val` if it exists.

    `num_classes` selects random classes by the seed of the settings; `class_names` are those that the network must tell
    apart, in this order, if they are known. Each rank reads its share.

    Raises:
        UsageError: the data contradict the network.
        FileError: the data set does not exist.
    """
    training = open_dataset(root, "train", kind=kind)
    splits = available_splits(root, kind=training.kind)
    validation = open_dataset(root, "val", kind=kind) if "val" in splits else None
    if num_classes is not None:
        training = choose_classes(training, num_classes, settings.seed)
        validation = choose_classes(validation, num_classes, settings.seed) if validation else None
    if class_names is not None:
        training = matched_classes(training, class_names).dataset
        validation = matched_classes(validation, class_names).dataset if validation else None
    check_classes(training, network)
    clips = clip_settings or fitted_clip_settings(training.recommended, network)
    views = with_views(clips, settings.validation_views)
    loader = ClipLoader(
        training,
        clips,
        batch_size=settings.batch_size,
        seed=settings.seed,
        class_sampling=settings.class_sampling,
        num_workers=num_workers,
        cache=cache,
        rank=ranks.rank,
        world_size=ranks.size,
    )
    watched = (
        None
        if validation is None
        else ViewLoader(
            validation,
            views,
            num_workers=num_workers,
            cache=cache,
            rank=ranks.rank,
            world_size=ranks.size,
        )
    )
    return TrainingData(
        loader,
        watched,
        {
            "root": str(root.absolute()),
            "kind": training.kind,
            "classes": training.num_classes,
            "training_clips": len(training.records),
            "validation_videos": len(validation.records) if validation else 0,
            "clip": clips.model_dump(mode="json"),
        },
    )
