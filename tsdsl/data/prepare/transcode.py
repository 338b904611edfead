"""Re-encodes a video for fast decoding: small, a key frame every few frames, no B-frames.

H.264 with `fastdecode` of x264: no CABAC and no deblocking filter. Frames keep their times; sound is dropped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from pydantic import BaseModel, ConfigDict, Field

from tsdsl.data.layouts.records import Member
from tsdsl.data.settings import validated
from tsdsl.data.video.decode import TimedFrame, count_decodable_frames, frames_of_part
from tsdsl.data.video.frame_index import ClipError
from tsdsl.data.video.orientation import is_mirrored, turns_of, upright
from tsdsl.errors import FileError

TICKS_PER_S = 90_000
"""Frames of 30 and 30000 / 1001 fps are a whole number of ticks apart."""

MAX_RATE_DENOMINATOR = 1001


class TranscodeSettings(BaseModel):
    """How videos are re-encoded. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    short_side_px: int = Field(default=182, ge=16, multiple_of=2)
    """Smaller videos keep their size. 182 is the test size and the smallest training size of the paper at 160 px
    (section 5.2)."""

    key_frame_interval_frames: int = Field(default=12, ge=1)
    """Frames between key frames: at most this number less one are decoded unnecessarily."""

    constant_rate_factor: int = Field(default=20, ge=0, le=51)
    """Quality of x264: lower is better and larger."""


def transcode_settings(values: dict[str, Any]) -> TranscodeSettings:
    """The settings of a mapping; UsageError names invalid keys."""
    return validated(TranscodeSettings, values, "settings")


def transcode(
    source: Path,
    target: Path,
    settings: TranscodeSettings,
    start_s: float | None = None,
    end_s: float | None = None,
    frames_fps: float | None = None,
    member: Member | None = None,
) -> int:
    """Write the part of a video between two times to an mp4; its number of frames.

    With `frames_fps`, the source is a folder of frames that were extracted at this rate; with `member`, one of a shard.

    The result is decoded for verification before `target` appears. Memory does not grow with the length.

    Raises:
        ClipError: the source cannot be used, or its copy does not decode.
        FileError: `target` cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem[:100]}.", suffix=".mp4")
        os.close(handle)
    except OSError as error:
        raise _unwritable(target, error) from error
    building = Path(name)
    try:
        side_px = settings.short_side_px
        part = frames_of_part(source, start_s, end_s, side_px, frames_fps=frames_fps, member=member, enlarge=False)
        num_frames = _encode(source, part, building, settings)
        _verify(source, building, num_frames)
        with _writing(target):
            with building.open("rb") as file:
                os.fsync(file.fileno())
            building.chmod(0o644)
            building.replace(target)
    finally:
        building.unlink(missing_ok=True)
    return num_frames


def _encode(source: Path, part: Iterator[TimedFrame], building: Path, settings: TranscodeSettings) -> int:
    num_frames = 0
    container: Any = None
    stream: Any = None
    last_tick = -1
    try:
        for timed in part:
            tick = round(timed.time_s * TICKS_PER_S)
            if tick <= last_tick:
                continue
            frame = _upright_yuv(timed)
            with _writing(building):
                if container is None:
                    container = av.open(str(building), "w", format="mp4")
                    stream = _add_stream(container, timed.fps, frame, settings)
                frame.pts, frame.time_base = tick, Fraction(1, TICKS_PER_S)
                container.mux(stream.encode(frame))
            last_tick = tick
            num_frames += 1
        if container is None:
            raise ClipError(source, "none of its frames decode")
        with _writing(building):
            container.mux(stream.encode(None))
            container.close()
            container = None
    finally:
        if container is not None:
            container.close()
    return num_frames


def _add_stream(container: Any, fps: float, frame: Any, settings: TranscodeSettings) -> Any:
    rate = Fraction(fps).limit_denominator(MAX_RATE_DENOMINATOR)
    stream = container.add_stream("libx264", rate=rate if rate > 0 else Fraction(30))
    stream.width, stream.height = frame.width, frame.height
    stream.pix_fmt = "yuv420p"
    # One thread: files are encoded in parallel, and the result must not depend on the machine.
    stream.codec_context.thread_count = 1
    stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
    stream.options = {
        "crf": str(settings.constant_rate_factor),
        "preset": "veryfast",
        "tune": "fastdecode",
        "g": str(settings.key_frame_interval_frames),
        "keyint_min": str(settings.key_frame_interval_frames),
        "sc_threshold": "0",
        "bf": "0",
    }
    return stream


def _upright_yuv(timed: TimedFrame) -> Any:
    """The frame resized and rotated as its file declares, as the YUV assumed for files without tags.

    Not converted through RGB, which would darken it by two or three of 255 levels. Sides are even, because colour is
    stored for two by two pixels.
    """
    width_px, height_px = (side - side % 2 for side in timed.size_px)
    frame = timed.frame.reformat(
        width_px, height_px, "yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG, threads=1
    )
    turns = turns_of(timed.frame)
    if not turns and not is_mirrored(timed.frame):
        return frame
    flat = frame.to_ndarray().ravel()
    size, quarter = height_px * width_px, height_px * width_px // 4
    planes = [flat[:size].reshape(height_px, width_px)]
    for begin in (size, size + quarter):
        planes.append(flat[begin : begin + quarter].reshape(height_px // 2, width_px // 2))
    turned = np.concatenate([upright(timed.frame, plane).ravel() for plane in planes])
    turned_width_px = height_px if turns % 2 else width_px
    return av.VideoFrame.from_ndarray(turned.reshape(-1, turned_width_px), format="yuv420p")


def _verify(source: Path, building: Path, num_frames: int) -> None:
    try:
        num_decoded = count_decodable_frames(building)
    except ClipError as error:
        raise ClipError(source, f"its copy is unusable: {error.reason}") from error
    if num_decoded != num_frames:
        raise ClipError(source, f"{num_decoded} of the {num_frames} frames of its copy decode")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise FileError for errors of writing, which concern the disk, not the source video."""
    try:
        yield
    except OSError as error:  # errors of FFmpeg are OSErrors or ValueErrors too
        raise _unwritable(path, error) from error
    except av.error.FFmpegError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Any) -> FileError:
    return FileError(
        f"{path.parent}: cannot be written ({error.strerror or error})", help="is the disk full? progress is kept"
    )
