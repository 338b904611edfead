"""The clips of a search with classes equally often, for weights and alpha."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tsdsl.data import open_dataset
from tsdsl.data.settings import ClassSampling
from tsdsl.network.layout import Blueprint
from tsdsl.searching.learning.clips import split_clips
from tsdsl.searching.settings import DataSettings
from tsdsl.space.model import Space


@pytest.mark.parametrize(("sampling", "rare"), [("natural", 2), ("balanced", 8)])
def test_both_halves_take_classes_equally_often_where_it_is_asked_for(
    sampling: ClassSampling, rare: int, tiny: Space, clips: Path
) -> None:
    dataset = open_dataset(clips, "train")
    joined = [replace(record, label=min(record.label, 1)) for record in dataset.records]
    two = replace(dataset, class_names=dataset.class_names[:2]).with_records(joined)
    assert two.clips_per_class == (4, 28)
    network = Blueprint(tiny, classes=2).over(1)
    halves = split_clips(
        two, network, "1", DataSettings(cache=True), seed=0, batch_size=4, class_sampling=sampling, views="1x1"
    )
    for half in (halves.training, halves.validation):
        counts = Counter(label for batch in half.batches(0) for label in batch.labels_B.tolist())
        assert counts == {0: rare, 1: 16 - rare}
