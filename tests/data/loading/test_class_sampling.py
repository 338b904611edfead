"""Balanced sampling: classes equally often in every epoch, resumed and shared between ranks as any other order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from tsdsl.data import ClipLoader, ClipSettings, VideoDataset, open_dataset
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.loading.order import epoch_order
from tsdsl.data.settings import ClassSampling

SETTINGS = ClipSettings(num_frames=4, rate=1.0, size_px=32, jitter_px=(32, 40))


def records_of(*counts: int) -> list[ClipRecord]:
    return [ClipRecord(Path(f"{label}/{n}.mp4"), label) for label, count in enumerate(counts) for n in range(count)]


@pytest.fixture
def imbalanced(class_folders: Path) -> VideoDataset:
    """Six clips of one class and one of the other."""
    dataset = open_dataset(class_folders, "train")
    first = next(record for record in dataset.records if record.label == 0)
    return dataset.with_records([first, *(record for record in dataset.records if record.label == 1)])


def labels(dataset: VideoDataset, sampling: ClassSampling, rank: int = 0, size: int = 1) -> list[list[int]]:
    loader = ClipLoader(
        dataset, SETTINGS, batch_size=2, seed=3, class_sampling=sampling, rank=rank, world_size=size, cache=True
    )
    return [batch.labels_B.tolist() for batch in loader.batches(epoch=1)]


@pytest.mark.parametrize("counts", [(100, 3, 1), (5, 5), (7,), (40, 0, 2)])
def test_each_class_is_taken_equally_often_in_an_epoch_of_the_same_length(counts: tuple[int, ...]) -> None:
    records = records_of(*counts)
    for epoch in range(3):
        order = epoch_order(records, "balanced", 0, epoch)
        assert len(order) == len(records)
        taken = Counter(records[index].label for index, _ in order)
        assert set(taken) == {label for label, count in enumerate(counts) if count}
        assert max(taken.values()) - min(taken.values()) <= 1


def test_no_clip_is_taken_again_before_all_of_its_class(tmp_path: Path) -> None:
    records = records_of(91, 9)
    order = epoch_order(records, "balanced", 0, 0)
    times = Counter(index for index, _ in order)
    assert {times[index] for index in range(91, 100)} == {5, 6}
    assert max(times[index] for index in range(91)) == 1
    assert sorted(turn for index, turn in order if index == 95) == list(range(times[95]))


def test_epochs_and_seeds_have_their_own_orders() -> None:
    records = records_of(20, 2)
    orders = [epoch_order(records, "balanced", seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(one != other for n, one in enumerate(orders) for other in orders[:n])
    assert epoch_order(records, "balanced", 1, 1) == orders[3]
    large = [{index for index, _ in order if index < 20} for order in orders[:2]]
    assert large[0] != large[1]


def test_batches_of_an_imbalanced_data_set_have_both_classes_equally_often(imbalanced: VideoDataset) -> None:
    natural = Counter(label for batch in labels(imbalanced, "natural") for label in batch)
    balanced = Counter(label for batch in labels(imbalanced, "balanced") for label in batch)
    assert natural[1] >= 5
    assert abs(balanced[0] - balanced[1]) <= 2


def test_a_clip_that_is_taken_again_is_cut_differently(imbalanced: VideoDataset) -> None:
    loader = ClipLoader(imbalanced, SETTINGS, batch_size=7, seed=0, class_sampling="balanced", cache=True)
    (batch,) = loader.batches(epoch=0)
    repeated = batch.clips_BCTHW[batch.indices_B == 0]
    assert len(repeated) >= 3
    assert not any(torch.equal(repeated[0], other) for other in repeated[1:])


def test_an_epoch_that_is_resumed_and_shared_is_the_same(imbalanced: VideoDataset) -> None:
    def batches(start: int = 0, rank: int = 0, size: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
        place = {"rank": rank, "world_size": size}
        loader = ClipLoader(imbalanced, SETTINGS, batch_size=2, seed=5, class_sampling="balanced", cache=True, **place)
        return [(batch.indices_B, batch.clips_BCTHW) for batch in loader.batches(2, start)]

    whole = batches()
    torch.testing.assert_close(batches(start=1), whole[1:], rtol=0, atol=0)
    shares = [batches(rank=rank, size=2) for rank in (0, 1)]
    together = [tuple(map(torch.cat, zip(first, second, strict=True))) for first, second in zip(*shares, strict=True)]
    torch.testing.assert_close(together, whole, rtol=0, atol=0)
