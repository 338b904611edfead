"""Batches follow from the seed alone, whatever the workers, the cache or the files that turn out bad."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from support.video_files import write_damaged
from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.loading.batches import Batch, ClipLoader
from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.clips import ClipCache, read_centre_clip
from tsdsl.data.video.decode import decode_all
from tsdsl.data.video.frame_index import ClipError
from tsdsl.errors import RunError, UsageError

SETTINGS = ClipSettings(num_frames=8, stride=2, rate=1, size_px=32)


@pytest.fixture
def dataset(class_folders: Path) -> VideoDataset:
    return open_dataset(class_folders, "train")


def all_of(loader: ClipLoader, epoch: int = 0, start_iteration: int = 0) -> list[Batch]:
    return list(loader.batches(epoch, start_iteration))


def assert_same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.clips_BCTHW, other.clips_BCTHW)
        assert torch.equal(one.labels_B, other.labels_B)
        assert torch.equal(one.indices_B, other.indices_B)


def test_a_batch_is_uint8_clips_with_their_labels(dataset: VideoDataset) -> None:
    loader = ClipLoader(dataset, SETTINGS, batch_size=5, seed=0)
    batches = all_of(loader)
    assert len(batches) == loader.iterations_per_epoch == 2
    for batch in batches:
        assert batch.clips_BCTHW.shape == (5, 3, 4, 32, 32)
        assert (batch.clips_BCTHW.dtype, batch.labels_B.dtype) == (torch.uint8, torch.int64)
        labels = [dataset.records[int(index)].label for index in batch.indices_B]
        assert batch.labels_B.tolist() == labels
    assert len({int(index) for batch in batches for index in batch.indices_B}) == 10


def test_the_same_seed_gives_the_same_clips_and_another_epoch_others(dataset: VideoDataset) -> None:
    first = all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=7), epoch=1)
    assert_same(first, all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=7), epoch=1))
    for seed, epoch in ((7, 2), (8, 1)):
        other = all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=seed), epoch=epoch)
        assert not torch.equal(first[0].clips_BCTHW, other[0].clips_BCTHW)


def test_a_resumed_epoch_goes_on_where_it_stopped(dataset: VideoDataset) -> None:
    loader = ClipLoader(dataset, SETTINGS, batch_size=3, seed=0)
    assert_same(all_of(loader)[2:], all_of(loader, start_iteration=2))
    assert all_of(loader, start_iteration=4) == []


def test_an_abandoned_epoch_does_not_disturb_the_next(dataset: VideoDataset) -> None:
    loader = ClipLoader(dataset, SETTINGS, batch_size=3, seed=0)
    next(loader.batches(0))
    assert_same(all_of(loader, epoch=1), all_of(ClipLoader(dataset, SETTINGS, batch_size=3, seed=0), epoch=1))


def test_the_global_generator_is_neither_read_nor_moved(dataset: VideoDataset) -> None:
    torch.manual_seed(1)
    first = all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=0))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=0))
    assert torch.equal(torch.get_rng_state(), before)
    assert_same(first, second)


def test_both_streams_of_a_seed_show_the_same_frames(dataset: VideoDataset) -> None:
    dense = all_of(ClipLoader(dataset, SETTINGS.replace(stride=1), batch_size=4, seed=0))
    sparse = all_of(ClipLoader(dataset, SETTINGS.replace(stride=4), batch_size=4, seed=0))
    assert torch.equal(dense[0].clips_BCTHW[:, :, ::4], sparse[0].clips_BCTHW)


def test_workers_change_nothing_and_report_what_they_skip(class_folders: Path, tmp_path: Path) -> None:
    root = copy_with_bad_clip(class_folders, tmp_path)
    dataset = open_dataset(root, "train")
    alone = ClipLoader(dataset, SETTINGS, batch_size=4, seed=0)
    with_worker = ClipLoader(dataset, SETTINGS, batch_size=4, seed=0, num_workers=1, cache=False)
    expected = [*all_of(alone, 0), *all_of(alone, 1)]
    assert_same(expected, [*all_of(with_worker, 0), *all_of(with_worker, 1)])
    assert with_worker.skipped.to_json() == alone.skipped.to_json() != {}


def test_processes_share_out_the_same_global_batches(dataset: VideoDataset) -> None:
    whole = all_of(ClipLoader(dataset, SETTINGS, batch_size=5, seed=0))
    for size in (2, 3):
        shares = [
            all_of(ClipLoader(dataset, SETTINGS, batch_size=5, seed=0, rank=rank, world_size=size))
            for rank in range(size)
        ]
        for position, batch in enumerate(whole):
            parts = [share[position].clips_BCTHW for share in shares]
            assert max(map(len, parts)) - min(map(len, parts)) == 1
            assert torch.equal(torch.cat(parts), batch.clips_BCTHW)


@pytest.mark.parametrize("limit_bytes", [0, 400_000, 1 << 30])
def test_the_cache_changes_time_only(dataset: VideoDataset, limit_bytes: int) -> None:
    settings = SETTINGS.replace(size_px=48, jitter_px=None)
    cache = ClipCache(limit_bytes)
    cached = ClipLoader(dataset, settings, batch_size=4, seed=0, cache=cache)
    plain = ClipLoader(dataset, settings, batch_size=4, seed=0)
    assert_same([*all_of(cached, 0), *all_of(cached, 1)], [*all_of(plain, 0), *all_of(plain, 1)])
    assert cache.used_bytes <= limit_bytes


def test_a_video_without_room_in_the_cache_is_not_decoded_whole(dataset: VideoDataset) -> None:
    record = dataset.records[0]
    whole = ClipCache().video(record)
    assert whole is not None
    size_bytes = whole.frames_THWC.nbytes
    for limit_bytes, is_held in ((size_bytes, True), (size_bytes - 1, False)):
        cache = ClipCache(limit_bytes)
        for _ in range(2):
            assert (cache.video(record) is not None) is is_held
        assert cache.used_bytes == is_held * size_bytes


def test_a_clip_of_a_video_with_a_damaged_part_is_the_same_with_a_cache(tmp_path: Path) -> None:
    path = write_damaged(tmp_path / "a.mp4", 40, 10, 19)
    with pytest.raises(ClipError):
        decode_all(path)
    record = ClipRecord(path, 0, 0.75, 1.25)
    assert torch.equal(read_centre_clip(record, SETTINGS, ClipCache()), read_centre_clip(record, SETTINGS))


def test_a_cached_video_is_not_read_again(class_folders: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(class_folders, root)
    loader = ClipLoader(open_dataset(root, "train"), SETTINGS, batch_size=12, seed=0, cache=True)
    all_of(loader)
    shutil.rmtree(root)
    all_of(loader, epoch=1)
    assert len(loader.skipped) == 0


def test_without_augmentation_every_epoch_shows_the_centre(dataset: VideoDataset) -> None:
    loader = ClipLoader(dataset, SETTINGS, batch_size=12, seed=0, augment=False)
    clips = []
    for epoch in (0, 1):
        (batch,) = all_of(loader, epoch)
        clips.append(batch.clips_BCTHW[batch.indices_B.argsort()])
    assert torch.equal(clips[0], clips[1])


def test_a_small_data_set_is_repeated_within_a_batch(dataset: VideoDataset) -> None:
    loader = ClipLoader(dataset, SETTINGS, batch_size=30, seed=0)
    (batch,) = all_of(loader)
    counts = torch.bincount(batch.indices_B, minlength=12).tolist()
    assert sorted(counts) == [2] * 6 + [3] * 6


def copy_with_bad_clip(class_folders: Path, tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    shutil.copytree(class_folders, root)
    (root / "train" / "run" / "0.mp4").write_bytes(b"")
    return root


def test_a_bad_clip_is_named_counted_once_and_replaced(class_folders: Path, tmp_path: Path) -> None:
    root = copy_with_bad_clip(class_folders, tmp_path)
    loader = ClipLoader(open_dataset(root, "train"), SETTINGS, batch_size=12, seed=0)
    for epoch in (0, 1):
        (batch,) = all_of(loader, epoch)
        assert batch.clips_BCTHW.shape[0] == 12
        assert all(loader.dataset.records[int(i)].path != root / "train/run/0.mp4" for i in batch.indices_B)
    assert [path for path, _ in loader.skipped] == [root / "train/run/0.mp4"]
    assert "it is empty" in loader.skipped.to_json()[str(root / "train/run/0.mp4")]


def test_a_data_set_without_a_usable_clip_is_a_run_error(dataset: VideoDataset, tmp_path: Path) -> None:
    records = [replace(record, path=tmp_path / "gone.mp4") for record in dataset.records]
    loader = ClipLoader(dataset.with_records(records), SETTINGS, batch_size=4, seed=0)
    with pytest.raises(RunError, match=r"gone\.mp4"):
        all_of(loader)
    with pytest.raises(RunError, match="no clips"):
        ClipLoader(dataset.with_records([]), SETTINGS, batch_size=4, seed=0)


def test_full_shared_memory_is_an_error_and_no_hang(dataset: VideoDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(tensor: torch.Tensor) -> None:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr("tsdsl.data.loading.workers.get_worker_info", lambda: object())
    monkeypatch.setattr(torch.Tensor, "share_memory_", no_room)
    with pytest.raises(RunError, match=r"shared memory is full.*No space left on device") as caught:
        all_of(ClipLoader(dataset, SETTINGS, batch_size=4, seed=0))
    assert "--workers" in str(caught.value.help)


def test_a_record_past_the_end_of_its_video_is_skipped(dataset: VideoDataset) -> None:
    records = [replace(dataset.records[0], start_s=50.0), *dataset.records[1:]]
    loader = ClipLoader(dataset.with_records(records), SETTINGS, batch_size=12, seed=0)
    all_of(loader)
    assert ["its clip begins at 50.00 s" in reason for _, reason in loader.skipped] == [True]


def test_flips_where_direction_is_the_class_are_refused(dataset: VideoDataset) -> None:
    directions = replace(dataset, flip_allowed=False)
    with pytest.raises(UsageError, match="flip"):
        ClipLoader(directions, SETTINGS, batch_size=4, seed=0)
    ClipLoader(directions, SETTINGS.replace(flip=False), batch_size=4, seed=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 0},
        {"batch_size": 2, "num_workers": -1},
        {"batch_size": 2, "rank": 2, "world_size": 2},
        {"batch_size": 2, "rank": 0, "world_size": 3},
        {"batch_size": 2, "num_workers": 1, "cache": ClipCache()},
    ],
)
def test_what_cannot_work_is_a_usage_error(dataset: VideoDataset, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        ClipLoader(dataset, SETTINGS, seed=0, **arguments)  # type: ignore[arg-type]
