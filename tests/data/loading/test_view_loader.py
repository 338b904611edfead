"""Multi-view evaluation: every video once, all views, bad videos named and left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from support.video_files import indices_in, write_video
from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.loading.views import ViewLoader
from tsdsl.data.settings import ClipSettings
from tsdsl.errors import RunError

SETTINGS = ClipSettings(num_frames=4, rate=1, size_px=32, test_clips=4)


@pytest.fixture
def dataset(class_folders: Path) -> VideoDataset:
    return open_dataset(class_folders, "val")


def test_every_video_comes_once_in_order(dataset: VideoDataset) -> None:
    batches = list(ViewLoader(dataset, SETTINGS, videos_per_batch=4).batches())
    assert [len(batch.labels_B) for batch in batches] == [4, 2]
    assert batches[0].clips_BVCTHW.shape == (4, 4, 3, 4, 32, 32)
    assert torch.cat([batch.indices_B for batch in batches]).tolist() == list(range(6))
    assert torch.cat([batch.labels_B for batch in batches]).tolist() == [0, 0, 0, 1, 1, 1]


def test_clips_start_at_even_steps_of_the_room(tmp_path: Path) -> None:
    record = ClipRecord(write_video(tmp_path / "clip.mp4", 20), 0)
    dataset = VideoDataset(tmp_path, "val", "folder", (record,), ("only",))
    (batch,) = ViewLoader(dataset, SETTINGS).batches()
    first_frames_THWC = batch.clips_BVCTHW[0, :, :, 0].permute(0, 2, 3, 1)
    assert indices_in(first_frames_THWC) == [0, 4, 8, 12]


def test_three_crops_are_the_whole_short_side_left_to_right(dataset: VideoDataset) -> None:
    settings = SETTINGS.replace(test_crops=3, test_clips=2)
    (batch, *_) = ViewLoader(dataset, settings).batches()
    assert batch.clips_BVCTHW.shape == (1, 6, 3, 4, 36, 36)


def test_the_cache_and_the_number_of_processes_change_nothing(dataset: VideoDataset) -> None:
    settings = SETTINGS.replace(size_px=48, test_short_px=48)
    plain = torch.cat([batch.clips_BVCTHW for batch in ViewLoader(dataset, settings).batches()])
    cached = torch.cat([batch.clips_BVCTHW for batch in ViewLoader(dataset, settings, cache=True).batches()])
    assert torch.equal(plain, cached)
    shares = [list(ViewLoader(dataset, settings, rank=rank, world_size=2).batches()) for rank in (0, 1)]
    assert [[int(batch.indices_B) for batch in share] for share in shares] == [[0, 2, 4], [1, 3, 5]]


def test_a_bad_video_is_left_out_and_named(dataset: VideoDataset, tmp_path: Path) -> None:
    records = list(dataset.records)
    records[1] = replace(records[1], path=tmp_path / "gone.mp4")
    loader = ViewLoader(dataset.with_records(records), SETTINGS, videos_per_batch=2)
    assert torch.cat([batch.indices_B for batch in loader.batches()]).tolist() == [0, 2, 3, 4, 5]
    assert list(loader.skipped.to_json()) == [str(tmp_path / "gone.mp4")]


def test_no_usable_video_is_a_run_error(dataset: VideoDataset, tmp_path: Path) -> None:
    gone = dataset.with_records([ClipRecord(tmp_path / "gone.mp4", 0)])
    with pytest.raises(RunError, match=r"gone\.mp4"):
        list(ViewLoader(gone, SETTINGS).batches())
