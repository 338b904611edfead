"""What training and evaluation ask of data, and the video data set that gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.recipe import TrainSettings
from tsdsl.errors import UsageError
from tsdsl.network.layout import Network

NUM_NAMED_CLIPS = 3


class TrainingClips(Protocol):
    """Batches in an order that follows from a seed, such as those of `tsdsl.data.ClipLoader`."""

    @property
    def dataset(self) -> VideoDataset:
        """The clips' names, labels and classes."""

    @property
    def skipped(self) -> SkippedClips:
        """The bad clips met so far."""

    @property
    def iterations_per_epoch(self) -> int:
        """Batches an epoch."""

    def batches(self, epoch: int, start_iteration: int = 0) -> Iterator[Batch]:
        """The epoch's batches from an iteration on, the same ones whenever asked."""


class EvaluationViews(Protocol):
    """Videos with all their views, each once, such as those of `tsdsl.data.ViewLoader`."""

    @property
    def dataset(self) -> VideoDataset:
        """The videos' names, labels and classes."""

    @property
    def skipped(self) -> SkippedClips:
        """The bad videos met so far."""

    @property
    def num_videos(self) -> int:
        """The videos to come, bad ones included."""

    def batches(self) -> Iterator[ViewBatch]:
        """All of them."""


@dataclass(frozen=True)
class TrainingData:
    """Clips to train on, videos to validate on if there are any, and how to name both in a run's record."""

    training: TrainingClips
    validation: EvaluationViews | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


def fitted_clip_settings(recommended: ClipSettings, network: Network, size_px: int | None = None) -> ClipSettings:
    """A data set's recommended settings with the frames and the size that a network takes.

    The seconds that a clip spans stay the same: 32 frames recommended and 4 needed gives each eighth of
    the 32; 16 recommended and 32 needed gives half the distance in time. `size_px` overrides the network's.
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
        UsageError: it is no such text, or asks for a number of crops that there is not.
    """
    clips, _, crops = text.partition("x")
    if not (clips.isdecimal() and int(clips) > 0 and crops in ("1", "3")):
        raise UsageError(
            f"views {text!r} is not CLIPSxCROPS",
            help="give 10x1 for 10 clips with a centre crop, 10x3 for left, centre and right crops; crops are 1 or 3",
        )
    return int(clips), int(crops)


def with_views(settings: ClipSettings, views: str) -> ClipSettings:
    """The settings with the evaluation views that a text such as `10x3` asks for."""
    clips, crops = parsed_views(views)
    return settings.replace(test_clips=clips, test_crops=crops)


def named_clips(batch: Batch, dataset: VideoDataset) -> str:
    """The first clips of a batch by path, and how many more there are, for a message."""
    indices = batch.indices_B.tolist()
    names = ", ".join(str(dataset.records[index].path) for index in indices[:NUM_NAMED_CLIPS])
    more = len(indices) - NUM_NAMED_CLIPS
    return f"{names} and {more} more" if more > 0 else names


def check_classes(dataset: VideoDataset, network: Network) -> None:
    """UsageError unless the data set has as many classes as the network scores."""
    if dataset.num_classes != network.classes:
        raise UsageError(
            f"{dataset.root} has {dataset.num_classes} classes, and the network of {network.space} "
            f"scores {network.classes}",
            help=f"build the network for {dataset.num_classes} classes, or choose as many of the data set's",
        )


def open_training_data(
    root: Path,
    network: Network,
    settings: TrainSettings,
    *,
    clip_settings: ClipSettings | None = None,
    num_classes: int | None = None,
    kind: str | None = None,
    num_workers: int = 0,
    cache: bool = False,
    ranks: Ranks = ALONE,
) -> TrainingData:
    """The clips of the data set in a folder as a network takes them, validated on `val` where it has one.

    `num_classes` takes that many classes, chosen by the settings' seed. Each rank reads its share.

    Raises:
        UsageError: the data do not fit the network.
        FileError: there is no such data set.
    """
    training = open_dataset(root, "train", kind=kind)
    splits = available_splits(root, kind=training.kind)
    validation = open_dataset(root, "val", kind=kind) if "val" in splits else None
    if num_classes is not None:
        training = choose_classes(training, num_classes, settings.seed)
        validation = choose_classes(validation, num_classes, settings.seed) if validation else None
    check_classes(training, network)
    clips = clip_settings or fitted_clip_settings(training.recommended, network)
    views = with_views(clips, settings.validation_views)
    loader = ClipLoader(
        training,
        clips,
        batch_size=settings.batch_size,
        seed=settings.seed,
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
