"""Taking part of a data set: the search's halves and a subset of the classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdsl.data.layouts.records import ClipRecord, VideoDataset, choose_classes, split_for_search
from tsdsl.errors import UsageError


def records_of(counts: list[int]) -> list[ClipRecord]:
    return [
        ClipRecord(Path(f"{label}/{clip}.mp4"), label) for label, count in enumerate(counts) for clip in range(count)
    ]


@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    seed=st.integers(0, 5),
    fraction=st.sampled_from([0.2, 0.5, 0.8]),
)
def test_a_split_is_a_partition_with_its_share_of_every_class(counts: list[int], seed: int, fraction: float) -> None:
    records = records_of(counts)
    training, validation = split_for_search(records, seed, fraction)
    assert Counter(training) + Counter(validation) == Counter(records)
    taken = Counter(record.label for record in training)
    for label, count in enumerate(counts):
        assert abs(taken[label] - count * fraction) <= 2
        if count > 1:
            assert 0 < taken[label] < count


def test_single_clip_classes_alternate_between_the_halves() -> None:
    training, validation = split_for_search(records_of([1] * 10), seed=0)
    assert len(training) == len(validation) == 5


def test_a_split_depends_on_its_seed_alone() -> None:
    records = records_of([10, 10])
    assert split_for_search(records, 1) == split_for_search(records, 1)
    assert split_for_search(records, 1) != split_for_search(records, 2)


def test_a_fraction_outside_0_and_1_is_refused() -> None:
    with pytest.raises(UsageError):
        split_for_search(records_of([4]), 0, 1.0)


def dataset_of(counts: list[int], split: str) -> VideoDataset:
    names = tuple(f"class{label:02d}" for label in range(len(counts)))
    return VideoDataset(Path("data"), split, "folder", tuple(records_of(counts)), names)


def test_chosen_classes_agree_between_splits_and_are_renumbered() -> None:
    train = choose_classes(dataset_of([5] * 20, "train"), 6, seed=3)
    validation = choose_classes(dataset_of([2] * 20, "val"), 6, seed=3)
    assert train.class_names == validation.class_names == tuple(sorted(train.class_names))
    assert train.clips_per_class == (5,) * 6
    for record in train.records:
        assert train.class_names[record.label] == f"class{int(record.path.parent.name):02d}"
    assert choose_classes(dataset_of([5] * 20, "train"), 6, seed=4).class_names != train.class_names


@pytest.mark.parametrize("num_classes", [0, 21])
def test_more_or_fewer_classes_than_there_are_is_refused(num_classes: int) -> None:
    with pytest.raises(UsageError):
        choose_classes(dataset_of([1] * 20, "train"), num_classes, seed=0)
