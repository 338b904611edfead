"""What recorders, cutters and downloads leave: late starts, empty slots, damage, mirrored pictures, files of others."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from support.video_files import indices_in, write_damaged, write_video
from tsdsl.data.video.decode import count_decodable_frames, decode_frames, probe
from tsdsl.data.video.frame_index import ClipError

PLAIN = {"crf": "1", "g": "12", "preset": "ultrafast", "bf": "0"}
"""Without B-frames."""


def remuxed(source: Path, path: Path, shift: int = 0, delay: int = 0, every: int = 1) -> Path:
    """The packets of a file moved by `shift`, shown `delay` after they are decoded, with times `every` times as far."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        stream = part.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.pts, packet.dts = every * packet.pts + shift + delay, every * packet.dts + shift
                part.mux(packet)
    return path


def test_a_table_of_decoding_times_does_not_name_frames_that_are_shown_later(tmp_path: Path) -> None:
    source = write_video(tmp_path / "plain.mp4", 20, options=PLAIN)
    path = remuxed(source, tmp_path / "late.mp4", shift=90_000, delay=1024)
    assert indices_in(decode_frames(path, indices=range(20))) == list(range(20))
    assert [indices_in(decode_frames(path, indices=[place])) for place in (3, 13)] == [[3], [13]]


def test_empty_slots_of_an_avi_are_times_without_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "slots.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 5 * index, np.uint8), format="rgb24")
            frame.pts = 2 * index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    info = probe(path)
    assert (info.num_frames, info.fps, info.duration_s) == (20, 25.0, 0.8)
    assert indices_in(decode_frames(path, times_s=[0.0, 0.4, 0.5])) == [0, 10, 12]


def test_a_matroska_file_that_begins_late_is_whole(tmp_path: Path) -> None:
    path = remuxed(write_video(tmp_path / "plain.mp4", 20, options=PLAIN), tmp_path / "late.mkv", shift=90_000_000)
    assert probe(path).num_frames == count_decodable_frames(path) == 20


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((-1, 0, 0, 1), (0, 1)),
        ((1, 0, 0, -1), (1, 0)),
        ((0, 1, 1, 0), (0, 0)),
        ((0, -1, -1, 0), (1, 1)),
        ((-1, 0, 0, -1), (1, 1)),
    ],
    ids=["left-right", "upside-down", "diagonal", "other-diagonal", "half-turn"],
)
def test_mirrored_pictures_are_shown_as_they_are_meant(
    tmp_path: Path, matrix: tuple[int, int, int, int], corner: tuple[int, int]
) -> None:
    """A picture that is white at the top left, where the matrix takes that corner; columns of a matrix are axes."""
    path = tmp_path / "mirrored.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=PLAIN)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:24, :32] = 255
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    matrix_at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    shown_HWC = decode_frames(path, indices=[0])[0].float()
    assert shown_HWC.shape[:2] == ((64, 48) if matrix[0] == 0 else (48, 64))
    height, width = shown_HWC.shape[0] // 2, shown_HWC.shape[1] // 2
    quarters = [[shown_HWC[y : y + height, x : x + width].mean() for x in (0, width)] for y in (0, height)]
    assert quarters[corner[0]][corner[1]] > 240
    assert sum(map(sum, quarters)) < 280


def test_decoding_goes_on_behind_damaged_packets(tmp_path: Path) -> None:
    path = write_damaged(tmp_path / "damaged.mp4", 40, 10, 11)
    assert count_decodable_frames(path) == 38
    assert indices_in(decode_frames(path, indices=[9, 10, 11, 12])) == [9, 9, 9, 12]


def test_a_video_of_which_a_large_part_is_damaged_is_refused(tmp_path: Path) -> None:
    path = write_damaged(tmp_path / "damaged.mp4", 40, 10, 19)
    with pytest.raises(ClipError, match="only 30 of its 40 frames decode"):
        count_decodable_frames(path)
    with pytest.raises(ClipError, match="it is damaged: 10 of its 40 frames, one after the other, do not decode"):
        decode_frames(path, indices=[0, 15])
    assert indices_in(decode_frames(path, indices=[25, 26])) == [25, 26]


def with_codec(name: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(write_video(path, 3).read_bytes().replace(b"avc1", name)) and None


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html><html>sign in</html>"), "it is a web page, not a video"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "it is a pointer of Git LFS"),
        (lambda path: path.write_bytes(bytes(5000)), "it begins with zeros only, as a download that was cut off"),
        (lambda path: path.write_bytes(b"PK\x03\x04archive"), "it is a zip archive"),
        (lambda path: path.write_bytes(write_video(path).read_bytes()[:-1500]), "it is truncated: its index"),
        (with_codec(b"encv"), "its codec is unknown to FFmpeg, or it is encrypted"),
        (with_codec(b"none"), "its codec is unknown to FFmpeg, or it is encrypted"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, write: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "clip.mp4"
    write(path)
    with pytest.raises(ClipError) as caught:
        probe(path)
    assert caught.value.reason.startswith(reason)
