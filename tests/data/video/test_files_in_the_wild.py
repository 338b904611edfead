"""Every kind of odd or broken file does what tsdsl/docs/data.md says, in `data verify` and in both loaders."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from support.video_files import indices_in, write_audio_only, write_video
from tsdsl.cli.main import run
from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.loading.batches import ClipLoader
from tsdsl.data.loading.views import ViewLoader
from tsdsl.data.prepare.verify import verify_dataset
from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.decode import decode_frames

SETTINGS = ClipSettings(num_frames=4, rate=1.0, size_px=16, flip=False, test_clips=2)
UNEVEN_MS = [0, 40, 80, 500, 540, 1000]


def rotated(path: Path) -> Path:
    """To be turned by 90 degrees clockwise when shown."""
    write_video(path, 6)
    content = bytearray(path.read_bytes())
    matrix_at = content.index(b"tkhd") + 4 + 40
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(content)
    return path


def uneven(path: Path) -> Path:
    options = {"crf": "1", "preset": "ultrafast", "bf": "0"}
    return write_video(path, 6, timestamps=UNEVEN_MS, options=options)


def odd_sized(path: Path) -> Path:
    options = {"crf": "1", "preset": "ultrafast"}
    return write_video(path, 6, width_px=51, height_px=37, pix_fmt="yuv444p", options=options)


def ten_bits(path: Path) -> Path:
    return write_video(path, 6, pix_fmt="yuv420p10le", options={"crf": "1", "preset": "ultrafast"})


def cut_off(path: Path, share: float, **settings: Any) -> Path:
    content = write_video(path, 60, **settings).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def picture(path: Path) -> Path:
    """A PNG under the name of a video."""
    with av.open(str(path), "w", format="image2", container_options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def song_with_cover(path: Path) -> Path:
    """Sound with a cover picture, which containers keep as a video stream."""
    with av.open(str(path), "w", format="mp3") as container:
        sound = container.add_stream("libmp3lame", rate=16000)
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


SOUND: dict[str, Callable[[Path], Path]] = {
    "plain": write_video,
    "rotated": rotated,
    "uneven": uneven,
    "odd_sized": odd_sized,
    "ten_bits": ten_bits,
    "two_frames": lambda path: write_video(path, 2),
}
BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (empty, "it is empty"),
    "audio_only": (write_audio_only, "no video stream"),
    "song_with_cover": (song_with_cover, "only a cover picture"),
    "picture": (picture, "still image"),
    "one_frame": (lambda path: write_video(path, 1), "still image"),
    "no_index": (lambda path: cut_off(path, 0.5), "its index, the `moov` box"),
    "half": (lambda path: cut_off(path, 0.6, container_options={"movflags": "faststart"}), "truncated"),
}


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Kinetics list of one file of every kind, one missing file among them; two classes."""
    root = tmp_path_factory.mktemp("wild")
    lines = ["run/missing.mp4 1"]
    for number, (name, write) in enumerate([*SOUND.items(), *((n, w) for n, (w, _) in BAD.items())]):
        folder = ("jump", "run")[number % 2]
        (root / folder).mkdir(exist_ok=True)
        write(root / folder / f"{name}.mp4")
        lines.append(f"{folder}/{name}.mp4 {number % 2}")
    (root / "train.csv").write_text("\n".join(lines) + "\n")
    return root


def test_verify_lists_exactly_the_bad_files_each_with_its_reason(
    wild: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "bad.txt"
    assert run(["data", "verify", str(wild), "-o", str(listed), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {Path(path).stem for path in told["bad"]} == set(BAD)
    for path, reason in told["bad"].items():
        assert BAD[Path(path).stem][1] in reason
    assert told["missing"] == ["run/missing.mp4"]
    lines = dict(line.split("\t") for line in listed.read_text().splitlines())
    assert {Path(name).stem for name in lines} == {*BAD, "missing"}


@pytest.mark.parametrize("num_workers", [0, 1])
def test_training_goes_on_with_other_clips_and_reports_every_bad_one(wild: Path, num_workers: int) -> None:
    dataset = open_dataset(wild, "train")
    loader = ClipLoader(dataset, SETTINGS, batch_size=len(dataset.records), seed=0, num_workers=num_workers)
    (batch,) = list(loader.batches(0))
    used = {dataset.records[index].path.stem for index in batch.indices_B.tolist()}
    assert batch.clips_BCTHW.shape == (len(dataset.records), 3, 4, 16, 16)
    assert used <= set(SOUND)
    assert {path.stem for path, _ in loader.skipped} == set(BAD)


def test_evaluation_leaves_bad_videos_out_and_reports_them(wild: Path) -> None:
    dataset = open_dataset(wild, "train")
    loader = ViewLoader(dataset, SETTINGS)
    seen = [dataset.records[i].path.stem for batch in loader.batches() for i in batch.indices_B.tolist()]
    assert sorted(seen) == sorted(SOUND)
    assert loader.skipped.to_json().keys() == verify_dataset(wild).bad.to_json().keys()


def test_frames_of_an_uneven_mp4_are_those_shown_at_their_times(wild: Path) -> None:
    path = next(wild.rglob("uneven.mp4"))
    times_s = [0.0, 0.05, 0.3, 0.51, 0.9, 1.0]
    shown = [max(n for n, ms in enumerate(UNEVEN_MS) if ms / 1000 <= t) for t in times_s]
    assert indices_in(decode_frames(path, times_s=times_s)) == shown


@pytest.mark.parametrize(
    ("name", "shape"),
    [("rotated", (64, 48, 3)), ("odd_sized", (37, 51, 3)), ("ten_bits", (48, 64, 3)), ("two_frames", (48, 64, 3))],
)
def test_odd_files_are_shown_as_they_are_meant(wild: Path, name: str, shape: tuple[int, int, int]) -> None:
    path = next(wild.rglob(f"{name}.mp4"))
    frames_THWC = decode_frames(path, indices=[0, 1])
    assert frames_THWC.shape == (2, *shape)
    assert indices_in(frames_THWC) == [0, 1]
