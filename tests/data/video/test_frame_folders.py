"""A folder of extracted frames is decoded as the video that they were taken from."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.frame_files import write_frames
from support.video_files import indices_in, level_of
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.randomness import derive_generator
from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.clips import ClipCache, read_centre_clip, read_test_views, read_training_clip
from tsdsl.data.video.decode import count_decodable_frames, decode_all
from tsdsl.data.video.frame_index import ClipError


@pytest.mark.parametrize("name", ["img_{:05d}.jpg", "{:06d}.JPEG", "frame{}.png", "v_run_g01-{}.jpg"])
def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path, name: str) -> None:
    write_frames(tmp_path, name=name)
    video = decode_all(tmp_path, 30.0)
    assert indices_in(video.frames_THWC) == list(range(12))
    assert count_decodable_frames(tmp_path, 30.0) == 12


def test_optical_flow_beside_the_frames_is_left_out(tmp_path: Path) -> None:
    write_frames(tmp_path)
    write_frames(tmp_path, 5, name="flow_x_{:05d}.jpg")
    write_frames(tmp_path, 5, name="y_{:05d}.jpg")
    assert indices_in(decode_all(tmp_path, 30.0).frames_THWC) == list(range(12))


@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_the_rate_decides_which_frames_a_clip_has(tmp_path: Path, fps: float) -> None:
    write_frames(tmp_path, 24)
    record = ClipRecord(tmp_path, 0, frames_fps=fps)
    settings = ClipSettings(num_frames=4, rate=2.0, size_px=16, test_clips=1)
    clip_CTHW = read_test_views(record, settings)[0]
    seen = [round((float(level) - level_of(0)) / 5) for level in clip_CTHW.float().mean(dim=(0, 2, 3))]
    assert seen == [round(index * fps / 15) for index in range(4)]


def test_clips_with_and_without_a_cache_are_the_same(tmp_path: Path) -> None:
    write_frames(tmp_path)
    record = ClipRecord(tmp_path, 0, end_s=0.4, frames_fps=30.0)
    settings = ClipSettings(num_frames=4, rate=1.0, size_px=16)
    cache = ClipCache()
    assert read_centre_clip(record, settings).equal(read_centre_clip(record, settings, cache))
    drawn = [read_training_clip(record, settings, derive_generator(0), held) for held in (None, cache)]
    assert drawn[0].equal(drawn[1])


def test_frames_of_other_sizes_get_the_size_of_the_first(tmp_path: Path) -> None:
    write_frames(tmp_path, 3)
    write_frames(tmp_path, 3, first=4, size_px=(32, 32))
    assert decode_all(tmp_path, 30.0).frames_THWC.shape == (6, 48, 64, 3)


def test_bad_folders_are_clip_errors_with_a_reason(tmp_path: Path) -> None:
    bad = write_frames(tmp_path / "bad")
    (bad / "img_00005.jpg").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    two = write_frames(write_frames(tmp_path / "two"), name="crop_{:05d}.jpg")
    for folder, end_s, reason in [
        (bad, None, "its frame img_00005.jpg cannot be decoded"),
        (tmp_path / "empty", None, "it has no frames"),
        (tmp_path / "missing", None, "it cannot be read (No such file or directory)"),
        (write_frames(tmp_path / "one", 1), None, "it is a still image, with one frame"),
        (write_frames(tmp_path / "short", 8), 0.4, "it is truncated: 8 of the 12 frames in its list"),
        (two, None, "it has several series of frames, such as crop_00001.jpg and img_00001.jpg"),
    ]:
        with pytest.raises(ClipError) as caught:
            count_decodable_frames(folder, 30.0, end_s)
        assert (caught.value.path, caught.value.reason) == (folder, reason)
