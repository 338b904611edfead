"""Decoding gives the frames asked for, whatever the container, and names what is wrong with a bad file."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from support.video_files import indices_in, write_audio_only, write_video
from tsdsl.data.video.decode import count_decodable_frames, decode_all, decode_frames, probe
from tsdsl.data.video.frame_index import ClipError
from tsdsl.errors import FileError, UsageError


def test_probe_counts_frames_and_measures_the_rate(clip_path: Path) -> None:
    info = probe(clip_path)
    assert (info.num_frames, info.width_px, info.height_px) == (40, 64, 48)
    assert info.fps == pytest.approx(30)
    assert info.duration_s == pytest.approx(40 / 30)


@pytest.mark.parametrize("indices", [[0], [39], [11, 12, 13], [5, 17, 30], [24], [3, 3, 1], [38, 0, 20]])
def test_indices_give_exactly_those_frames_in_that_order(clip_path: Path, indices: list[int]) -> None:
    frames_THWC = decode_frames(clip_path, indices=indices)
    assert frames_THWC.dtype == torch.uint8
    assert frames_THWC.shape == (len(indices), 48, 64, 3)
    assert indices_in(frames_THWC) == indices


def test_times_give_the_frame_nearest_below(clip_path: Path) -> None:
    times_s = [0.0, 0.9 / 30, 1.0 / 30, 10.5 / 30, 25.995 / 30]
    assert indices_in(decode_frames(clip_path, times_s=times_s)) == [0, 0, 1, 10, 26]


def test_times_and_indices_outside_are_clamped(clip_path: Path) -> None:
    assert indices_in(decode_frames(clip_path, times_s=[-1.0, 100.0])) == [0, 39]
    assert indices_in(decode_frames(clip_path, indices=[-3, 99])) == [0, 39]


def test_times_and_indices_together_are_refused(clip_path: Path) -> None:
    with pytest.raises(UsageError):
        decode_frames(clip_path, times_s=[0.0], indices=[0])


def test_a_two_frame_video_repeats_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "two.mp4", 2)
    assert indices_in(decode_frames(path, times_s=[index / 30 for index in range(4)])) == [0, 1, 1, 1]


def test_uneven_timestamps_are_honoured(tmp_path: Path) -> None:
    path = write_video(tmp_path / "uneven.mkv", 5, timestamps=[0, 100, 500, 600, 2000])
    assert indices_in(decode_frames(path, times_s=[0.05, 0.4, 0.55, 1.9, 2.0])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("width_px", "height_px", "shape"), [(64, 48, (24, 32)), (48, 64, (32, 24))])
def test_short_side_is_resized_while_decoding(
    tmp_path: Path, width_px: int, height_px: int, shape: tuple[int, int]
) -> None:
    path = write_video(tmp_path / "clip.mp4", 3, width_px=width_px, height_px=height_px)
    assert decode_frames(path, indices=[0, 2], short_side_px=24).shape == (2, *shape, 3)


def test_odd_sizes_decode(tmp_path: Path) -> None:
    options = {"crf": "1", "preset": "ultrafast"}
    path = write_video(tmp_path / "odd.mp4", 4, width_px=51, height_px=37, pix_fmt="yuv444p", options=options)
    assert decode_frames(path, indices=[0, 3]).shape == (2, 37, 51, 3)
    assert decode_frames(path, indices=[1], short_side_px=19).shape == (1, 19, 26, 3)


def test_rotation_metadata_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "rotated.mp4"
    write_video(path, 2)
    content = bytearray(path.read_bytes())
    matrix_at = content.index(b"tkhd") + 4 + 40
    # The display matrix of a recording to be turned by 90 degrees clockwise, in 16.16 fixed point.
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(content)
    info = probe(path)
    assert (info.width_px, info.height_px) == (48, 64)
    assert decode_frames(path, indices=[0]).shape == (1, 64, 48, 3)


def test_rotation_turns_the_right_way(tmp_path: Path) -> None:
    import av
    import numpy as np

    path = tmp_path / "rotated.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :32] = 255
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    matrix_at = content.index(b"tkhd") + 4 + 40
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(content)
    picture_HWC = decode_frames(path, indices=[0])[0]
    assert picture_HWC[:28, 28:].float().mean() > 200
    assert picture_HWC[36:].float().mean() < 50


def test_avi_with_reordered_frames_is_counted_not_timed(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "clip.avi", 30, codec="mpeg4", options={"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}
    )
    indices = [0, 1, 2, 3, 4, 5, 13, 20, 25]
    assert indices_in(decode_frames(path, indices=indices)) == indices


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "yuv420p10le", "mp4"),
        ("libx264", "yuvj420p", "mp4"),
        ("libx265", "yuv420p", "mp4"),
        ("libsvtav1", "yuv420p", "mkv"),
        ("libvpx-vp9", "yuv420p", "webm"),
    ],
)
def test_other_codecs_and_depths_become_8_bit_rgb(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {"crf": "10"}
    path = write_video(
        tmp_path / f"clip.{suffix}",
        8,
        width_px=128,
        height_px=96,
        codec=codec,
        pix_fmt=pix_fmt,
        options=options,
    )
    frames_THWC = decode_frames(path, indices=[1, 6])
    assert frames_THWC.dtype == torch.uint8
    assert indices_in(frames_THWC) == [1, 6]


def test_metadata_that_is_not_utf8_does_not_matter(tmp_path: Path) -> None:
    path = write_video(tmp_path / "latin.mp4", 3, metadata={"title": "QQQQQQ"})
    path.write_bytes(path.read_bytes().replace(b"QQQQQQ", b"\xe9\xff\xfe\xe8\xe9\xe9"))
    assert probe(path).num_frames == 3


def test_decode_all_and_the_count_agree(clip_path: Path) -> None:
    video = decode_all(clip_path)
    assert indices_in(video.frames_THWC) == list(range(40))
    assert count_decodable_frames(clip_path) == 40


LONG_AVI: dict[str, Any] = {"codec": "mpeg4", "num_frames": 120, "width_px": 320, "height_px": 240}


def write_cut_off(path: Path, share: float, **settings: Any) -> Path:
    content = write_video(path, **settings).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def write_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: write_bytes(path, b""), "it is empty"),
        (lambda path: write_bytes(path, b"this is not a video\n" * 40), "cannot be decoded"),
        (lambda path: path, "cannot be read (No such file or directory)"),
        (lambda path: path.parent, "is a folder, expected a file"),
        (write_pipe, "is a named pipe, expected a file"),
        (write_audio_only, "no video stream"),
        (lambda path: write_cut_off(path, 0.5), "it is truncated: its index"),
        (lambda path: write_cut_off(path, 0.6, container_options={"movflags": "faststart"}), "truncated"),
        (lambda path: write_cut_off(path.with_suffix(".avi"), 0.7, **LONG_AVI), "truncated"),
        (lambda path: write_cut_off(path.with_suffix(".mkv"), 0.5, num_frames=60), "truncated"),
    ],
    ids=["empty", "text", "missing", "folder", "pipe", "audio", "no-index", "half-mp4", "half-avi", "half-mkv"],
)
def test_a_bad_file_is_one_clip_error_with_path_and_reason(
    tmp_path: Path, write: Callable[[Path], Path], reason: str
) -> None:
    path = write(tmp_path / "clip.mp4")
    for use in (probe, decode_all, count_decodable_frames):
        with pytest.raises(ClipError) as caught:
            use(path)
        assert isinstance(caught.value, FileError)
        assert caught.value.path == path
        assert reason in caught.value.reason
        assert str(path) in caught.value.message
        assert caught.value.help


def test_a_clip_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ClipError(Path("a.mp4"), "it is empty")))
    assert (error.path, error.reason) == (Path("a.mp4"), "it is empty")
