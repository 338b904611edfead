"""Every frame of every container and codec is the one that a full decode by PyAV gives, however it is reached."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from support.video_files import indices_in, write_video
from tsdsl.data.video.decode import count_decodable_frames, decode_frames, probe

NUM_FRAMES = 30
X264 = {"preset": "ultrafast", "g": "8"}
B_FRAMES = {"preset": "medium", "g": "8", "bf": "3", "b-adapt": "0"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=8:bframes=3:open-gop=1"}
MPEG = {"g": "8", "bf": "2"}
AV1 = {"preset": "12", "g": "8"}
VPX = {"g": "8", "deadline": "realtime", "cpu-used": "8"}

NOT_YUV420P = frozenset({"prores_ks", "mjpeg", "gif"})
PAIRS: list[tuple[str, str, dict[str, str]]] = [
    ("mp4", "libx264", X264),
    ("mp4", "libx264", B_FRAMES),
    ("mp4", "libx264", B_FRAMES | {"x264-params": "open-gop=1"}),
    ("mp4", "libx265", X265),
    ("mp4", "libsvtav1", AV1),
    ("mp4", "mpeg4", MPEG),
    ("m4v", "mpeg4", MPEG),
    ("mov", "libx264", B_FRAMES),
    ("mov", "prores_ks", {}),
    ("mov", "mjpeg", {}),
    ("3gp", "h263", {"g": "8"}),
    ("3gp", "libx264", B_FRAMES),
    ("3g2", "mpeg4", MPEG),
    ("mkv", "libx264", B_FRAMES),
    ("mkv", "libx264", {"preset": "ultrafast", "g": "250", "intra-refresh": "1"}),
    ("mkv", "libx265", X265),
    ("mkv", "libvpx-vp9", VPX),
    ("mkv", "ffv1", {"g": "8"}),
    ("mkv", "mpeg2video", MPEG),
    ("webm", "libvpx", VPX),
    ("webm", "libvpx", {"g": "8", "deadline": "good", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    ("webm", "libvpx-vp9", VPX),
    ("webm", "libsvtav1", AV1),
    ("avi", "mpeg4", MPEG),
    ("avi", "msmpeg4", {"g": "8"}),
    ("avi", "mjpeg", {}),
    ("avi", "libx264", B_FRAMES),
    ("ts", "libx264", B_FRAMES),
    ("ts", "libx265", X265),
    ("ts", "mpeg2video", MPEG),
    ("m2ts", "libx264", B_FRAMES),
    ("mts", "libx264", X264 | {"g": "250"}),
    ("mpg", "mpeg1video", MPEG),
    ("mpeg", "mpeg2video", MPEG),
    ("vob", "mpeg2video", MPEG),
    ("flv", "flv", {"g": "8"}),
    ("f4v", "libx264", B_FRAMES),
    ("wmv", "wmv2", {"g": "8"}),
    ("asf", "msmpeg4", {"g": "8"}),
    ("ogv", "libtheora", {"g": "8"}),
    ("mxf", "mpeg2video", MPEG),
    ("gif", "gif", {}),
]


def write_noise(
    path: Path, codec: str, options: dict[str, str], container_options: dict[str, str] | None = None
) -> None:
    """Frames of moving noise, so that a frame decoded from wrong references differs."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 128, 96
        stream.pix_fmt = str(stream.codec_context.codec.video_formats[0].name) if codec in NOT_YUV420P else "yuv420p"
        for index in range(NUM_FRAMES):
            picture = np.roll(noise, 3 * index, axis=1) // 2 + 4 * index
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")))
        container.mux(stream.encode(None))


def decoded_in_order(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("suffix", "codec", "options"), PAIRS, ids=[f"{n}-{s}-{c}" for n, (s, c, _) in enumerate(PAIRS)]
)
def test_every_frame_sought_alone_is_that_of_a_decode_in_order(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str]
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no encoder {codec}")
    path = tmp_path / f"noise.{suffix}"
    write_noise(path, codec, options)
    require_exact(path, NUM_FRAMES)


@pytest.mark.parametrize(
    ("suffix", "first_packet", "num_frames"),
    [("mp4", 8, 19), ("mov", 8, 19), ("mkv", 8, 22), ("ts", 8, 22), ("ts", 3, 22)],
    ids=["edit-list-mp4", "edit-list-mov", "negative-start-mkv", "shifted-ts", "ts-from-the-middle-of-a-group"],
)
def test_every_frame_of_a_cut_without_encoding_is_found(
    tmp_path: Path, suffix: str, first_packet: int, num_frames: int
) -> None:
    """As `ffmpeg -ss S -c copy` cuts: from the key frame before S, with negative times up to S."""
    write_noise(tmp_path / "whole.mp4", "libx264", B_FRAMES)
    path = tmp_path / f"cut.{suffix}"
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(tmp_path / "whole.mp4")) as whole, av.open(str(path), "w", container_options=options) as part:
        stream = part.add_stream_from_template(whole.streams.video[0])
        packets = [packet for packet in whole.demux(video=0) if packet.size][first_packet:]
        begin = packets[0].pts + 3 * (packets[0].duration or 0)
        for packet in packets:
            packet.stream = stream
            packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
            part.mux(packet)
    require_exact(path, num_frames)


@pytest.mark.parametrize("starts_s", [(0, 0), (0, 3600), (3600, 0)])
def test_joined_transport_streams_are_read_one_after_the_other(tmp_path: Path, starts_s: tuple[int, int]) -> None:
    for name, start_s in zip(("first", "second"), starts_s, strict=True):
        write_noise(tmp_path / f"{name}.ts", "libx264", B_FRAMES, {"output_ts_offset": str(start_s)})
    path = tmp_path / "joined.ts"
    path.write_bytes((tmp_path / "first.ts").read_bytes() + (tmp_path / "second.ts").read_bytes())
    require_exact(path, 2 * NUM_FRAMES)
    assert probe(path).duration_s < 3


def test_a_change_of_size_keeps_the_frames_and_the_size_of_the_first(tmp_path: Path) -> None:
    for name, width_px in (("first", 64), ("second", 48)):
        write_video(tmp_path / f"{name}.ts", 10, width_px=width_px)
    path = tmp_path / "changing.ts"
    path.write_bytes((tmp_path / "first.ts").read_bytes() + (tmp_path / "second.ts").read_bytes())
    frames_THWC = decode_frames(path, indices=range(20))
    assert frames_THWC.shape == (20, 48, 64, 3)
    assert indices_in(frames_THWC) == [*range(10), *range(10)]
    assert decode_frames(path, indices=[15]).shape == (1, 48, 48, 3)


def require_exact(path: Path, num_frames: int) -> None:
    expected = decoded_in_order(path)
    assert probe(path).num_frames == count_decodable_frames(path) == len(expected) == num_frames
    np.testing.assert_array_equal(decode_frames(path, indices=range(len(expected))), expected)
    for index, frame in enumerate(expected):
        np.testing.assert_array_equal(decode_frames(path, indices=[index])[0], frame, err_msg=f"frame {index}")
