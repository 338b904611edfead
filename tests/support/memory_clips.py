"""A tiny two-stream space and clips in memory, for tests of the engine.

Tensor names: B clips, V views, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from tsdsl.data import Batch, ClipRecord, SkippedClips, VideoDataset, ViewBatch
from tsdsl.data.randomness import derive_generator
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.training_data import TrainingData
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Alternative, FusionSlot, Group, Head, Setting, Stage, Stream

NUM_CLASSES, NUM_FRAMES, SIZE_PX = 3, 4, 12


def group(stream: str, stage: int, operator: str, **attributes: Setting) -> Group:
    path = f"{stream}.stage{stage}.group1"
    return Group(path=path, stream=stream, stage=stage, index=1, operator=operator, attributes=attributes)


def tiny_space(dropout: float = 0.5) -> Space:
    """Two streams of 2 and 4 frames with one fusion, no decisions, three classes."""

    def stages(stream: str, channels: int) -> tuple[Stage, ...]:
        stem = group(stream, 0, "conv3d", kernel="1x3x3", channels=channels, stride=2)
        block = group(stream, 1, "mbconv3d", t=3, k=3, expansion=2.0, channels=channels)
        return Stage(index=0, groups=(stem,)), Stage(index=1, groups=(block,))

    return Space(
        name="tiny",
        classes=NUM_CLASSES,
        size=SIZE_PX,
        streams=(
            Stream(name="sparse", frames=2, stages=stages("sparse", 8)),
            Stream(name="dense", frames=NUM_FRAMES, stages=stages("dense", 4)),
        ),
        fusions=(
            FusionSlot(
                path="fusion.stage0.group1",
                source="dense",
                target="sparse",
                stage=0,
                group=1,
                merge="concat",
                alternatives=(Alternative(operator="time_strided_conv"),),
            ),
        ),
        head=Head(attributes={"features": 16, "dropout": dropout}),
    )


def tiny_blueprint(dropout: float = 0.5) -> Blueprint:
    return Blueprint(tiny_space(dropout))


def tiny_architecture() -> Architecture:
    space = tiny_space()
    return Architecture(space=space.name, fingerprint=space.fingerprint, decisions={})


def memory_dataset(num_videos: int) -> VideoDataset:
    """Records without files: label i % 3 for clip i."""
    return VideoDataset(
        root=Path("memory"),
        split="train",
        kind="folder",
        records=tuple(ClipRecord(Path(f"clip{i:02d}.mp4"), i % NUM_CLASSES) for i in range(num_videos)),
        class_names=("left", "right", "still"),
    )


def pictures(index: int, *names: int | str, views: int = 1, size_px: int = SIZE_PX) -> Tensor:
    """Random views V x C x T x H x W whose brightness tells the label of clip `index`."""
    sizes = (views, 3, NUM_FRAMES, size_px, size_px)
    noise = torch.randint(0, 60, sizes, generator=derive_generator(9, index, *names))
    return (noise + 80 * (index % NUM_CLASSES)).to(torch.uint8)


class MemoryClips:
    """Training batches in an order that follows from the epoch; `before` is called with each iteration.

    With ranks these are the shares of one of them.
    """

    def __init__(
        self,
        num_clips: int = 12,
        batch_size: int = 4,
        before: Callable[[int], None] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.dataset, self.skipped = memory_dataset(num_clips), SkippedClips()
        self.batch_size, self.before, self.ranks = batch_size, before, ranks

    @property
    def iterations_per_epoch(self) -> int:
        return len(self.dataset.records) // self.batch_size

    def batches(self, epoch: int, start_iteration: int = 0) -> Iterator[Batch]:
        order = torch.randperm(len(self.dataset.records), generator=derive_generator(1, "order", epoch))
        for iteration in range(start_iteration, self.iterations_per_epoch):
            if self.before is not None:
                self.before(epoch * self.iterations_per_epoch + iteration)
            whole_B = order[iteration * self.batch_size : (iteration + 1) * self.batch_size]
            indices_B = whole_B.tensor_split(self.ranks.size)[self.ranks.rank]
            clips = torch.cat([pictures(int(index), epoch) for index in indices_B])
            yield Batch(clips, indices_B % NUM_CLASSES, indices_B)


class MemoryViews:
    """Evaluation videos, `videos_per_batch` at a time; with ranks, those of one of them."""

    def __init__(
        self,
        num_videos: int = 6,
        views: int = 2,
        videos_per_batch: int = 1,
        size_px: int = SIZE_PX,
        ranks: Ranks = ALONE,
    ) -> None:
        self.dataset, self.skipped = memory_dataset(num_videos), SkippedClips()
        self.num_videos, self.views = num_videos, views
        self.videos_per_batch, self.size_px, self.ranks = videos_per_batch, size_px, ranks

    def batches(self) -> Iterator[ViewBatch]:
        own = range(self.ranks.rank, self.num_videos, self.ranks.size)
        for begin in range(0, len(own), self.videos_per_batch):
            indices = own[begin : begin + self.videos_per_batch]
            clips = torch.stack([pictures(i, "v", views=self.views, size_px=self.size_px) for i in indices])
            indices_B = torch.tensor(list(indices))
            yield ViewBatch(clips, indices_B % NUM_CLASSES, indices_B)


def memory_data(before: Callable[[int], None] | None = None, ranks: Ranks = ALONE) -> TrainingData:
    return TrainingData(MemoryClips(before=before, ranks=ranks), MemoryViews(ranks=ranks), {"root": "memory"})
