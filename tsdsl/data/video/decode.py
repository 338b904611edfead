"""Decodes chosen frames of a video file with PyAV, in one pass from the key frame before the first.

Tensor names: T frames, H rows, W columns, C channels (RGB). Frames are uint8 in (T, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsdsl.data.video.frame_index import LEAST_SHARE_PRESENT, ClipError, FrameIndex, read_frame_index
from tsdsl.errors import UsageError

Cut = Callable[[Tensor], Tensor]
"""Makes of a frame's pixels (H, W, C) the uint8 tensor that is kept of it."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds; width and height as shown, after its rotation."""

    path: Path
    num_frames: int
    fps: float
    width_px: int
    height_px: int
    duration_s: float


@dataclass(frozen=True)
class DecodedVideo:
    """All frames of a video in memory and their times."""

    frames_THWC: Tensor
    index: FrameIndex


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame, its time after the beginning of its part, the file's mean rate, and the size to give it."""

    time_s: float
    fps: float
    size_px: tuple[int, int]
    frame: Any


def probe(path: Path) -> VideoInfo:
    """What the file holds: reads every packet, decodes the first frame; ClipError if it is no usable video.

    In an AVI a decoder may drop a frame or two of those counted here.
    """
    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        first_THWC = _decode_indices(path, container, stream, index, np.zeros(1, np.int64))
        height_px, width_px = first_THWC.shape[1:3]
        return VideoInfo(path, index.num_frames, index.fps, width_px, height_px, index.duration_s)


def decode_frames(
    path: Path,
    *,
    times_s: Sequence[float] | None = None,
    indices: Sequence[int] | None = None,
    short_side_px: int | None = None,
) -> Tensor:
    """The frames at the given times (nearest below) or indices as uint8 (T, H, W, C), in the order asked for.

    Times and indices past either end are clamped: the last frame is repeated, the video is not looped.
    `short_side_px` resizes while decoding. ClipError names the file and the reason.
    """
    if (times_s is None) == (indices is None):
        raise UsageError("decode_frames takes either times_s or indices", help="pass exactly one of the two")

    def choose(index: FrameIndex) -> NDArray[np.int64]:
        if times_s is not None:
            return index.frames_at(times_s)
        return np.clip(np.asarray(indices, dtype=np.int64), 0, index.num_frames - 1)

    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        return _decode_indices(path, container, stream, index, choose(index), short_side_px)


def decode_chosen(path: Path, choose: Callable[[FrameIndex], NDArray[np.int64]], cut: Cut) -> Tensor:
    """What `cut` makes of the frames whose indices `choose` picks once the video's times are known, stacked.

    One decoded frame is in memory at a time, whatever the size of the video.
    """
    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        return _decode_indices(path, container, stream, index, choose(index), cut=cut)


def decode_all(path: Path) -> DecodedVideo:
    """Every frame at its own size. Memory grows with the video: for checks and for caches of small clips."""
    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        wanted = np.arange(index.num_frames)
        return DecodedVideo(_decode_indices(path, container, stream, index, wanted), index)


def count_decodable_frames(path: Path) -> int:
    """The number of frames that decode, one at a time in memory; ClipError if the file is unusable."""
    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        container.seek(0, backward=True)
        num_decoded = sum(1 for _ in container.decode(stream))
        if num_decoded < index.num_frames * LEAST_SHARE_PRESENT:
            raise ClipError(path, f"only {num_decoded} of its {index.num_frames} frames decode")
        return num_decoded


def frames_of_part(
    path: Path, start_s: float | None, end_s: float | None, short_side_px: int, *, enlarge: bool = True
) -> Iterator[TimedFrame]:
    """The frames shown between two times of a video, one at a time in memory; None: from its ends on.

    Raises:
        ClipError: the file is unusable, or the part lies outside of it.
    """
    with _opened(path) as (container, stream):
        index = read_frame_index(path, container, stream)
        begin_s, length_s = index.window(path, start_s, end_s)
        first, last = index.frames_at([begin_s, begin_s + length_s - 0.5 / index.fps])
        num_decoded = 0
        for place, frame in _decoded_from(container, stream, index, int(first)):
            num_decoded += 1
            if place > last:
                return
            if place >= first:
                size_px = _target_size_px(frame.width, frame.height, short_side_px, enlarge)
                yield TimedFrame(max(float(index.times_s[place]) - begin_s, 0.0), index.fps, size_px, frame)
        if num_decoded < (last - first + 1) * LEAST_SHARE_PRESENT:
            raise ClipError(path, f"only {num_decoded} of its {last - first + 1} frames decode")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; closes the file and turns FFmpeg's errors into ClipError."""
    try:
        # Old data sets carry metadata that is not UTF-8, which PyAV refuses unless told to replace.
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise ClipError(path, "it has no video stream")
            if all(video.disposition & av.stream.Disposition.attached_pic for video in container.streams.video):
                raise ClipError(path, "it has no video stream, only a cover picture")
            stream = container.streams.video[0]
            # Data set workers are processes already; threads inside a decoder gain nothing beside them.
            stream.codec_context.thread_count = 1
            yield container, stream
    except av.error.FFmpegError as error:
        raise ClipError(path, f"it cannot be decoded ({error.strerror})") from error


def _decode_indices(
    path: Path,
    container: Any,
    stream: Any,
    index: FrameIndex,
    wanted: NDArray[np.int64],
    short_side_px: int | None = None,
    cut: Cut | None = None,
) -> Tensor:
    """The wanted frames in the order asked for; each distinct one is converted and cut once."""
    distinct, positions = np.unique(wanted, return_inverse=True)
    frames: Tensor | None = None
    size_px: tuple[int, int] | None = None
    for slot, frame in enumerate(_frames_nearest_below(path, container, stream, index, distinct)):
        size_px = size_px or _target_size_px(frame.width, frame.height, short_side_px)
        image = frame.reformat(*size_px, format="rgb24", threads=1).to_ndarray()
        # The display matrix says how far the decoded picture is to be turned counter-clockwise.
        pixels = torch.from_numpy(np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4)))
        if cut is not None:
            pixels = cut(pixels)
        if frames is None:
            frames = torch.empty((len(distinct), *pixels.shape), dtype=torch.uint8)
        frames[slot] = pixels
    if frames is None:
        raise ClipError(path, "none of its frames decode")
    if len(positions) == len(distinct) and bool(np.all(positions[:-1] < positions[1:])):
        return frames
    return frames[torch.from_numpy(positions)]


def _target_size_px(width_px: int, height_px: int, short_side_px: int | None, enlarge: bool = True) -> tuple[int, int]:
    if short_side_px is None or (not enlarge and min(width_px, height_px) <= short_side_px):
        return width_px, height_px
    if width_px <= height_px:
        return short_side_px, max(short_side_px, height_px * short_side_px // width_px)
    return max(short_side_px, width_px * short_side_px // height_px), short_side_px


def _frames_nearest_below(
    path: Path, container: Any, stream: Any, index: FrameIndex, distinct: NDArray[np.int64]
) -> Iterator[Any]:
    """One decoded frame for each of the ascending `distinct` indices."""
    position = 0
    previous: Any = None
    previous_place = -1
    for place, frame in _decoded_from(container, stream, index, int(distinct[0])):
        while position < len(distinct) and place > distinct[position]:
            yield previous if previous is not None else frame
            position += 1
        while position < len(distinct) and place == distinct[position]:
            yield frame
            position += 1
        if position == len(distinct):
            return
        previous, previous_place = frame, place
    # Decoders drop a frame or two at the end of some files; more than that is damage.
    if previous is None or previous_place + 1 < index.num_frames * LEAST_SHARE_PRESENT:
        raise ClipError(path, f"only {previous_place + 1} of its {index.num_frames} frames decode")
    for _ in distinct[position:]:
        yield previous


def _decoded_from(container: Any, stream: Any, index: FrameIndex, first: int) -> Iterator[tuple[int, Any]]:
    """(place in the index, frame) in presentation order, from the key frame before `first` or earlier."""
    if index.timestamps is None:
        container.seek(0, backward=True)
        yield from enumerate(container.decode(stream))
        return
    timestamps = index.timestamps
    container.seek(int(timestamps[first]), stream=stream, backward=True)
    frames = container.decode(stream)
    opening = next(frames, None)
    if first and (opening is None or opening.pts is None or opening.pts > timestamps[first]):
        # A container with an incomplete index can land after the frame asked for: begin at the beginning.
        container.seek(int(timestamps[0]), stream=stream, backward=True)
        frames = container.decode(stream)
        opening = next(frames, None)
    while opening is not None:
        if opening.pts is not None:
            yield int(np.searchsorted(timestamps, opening.pts, side="right")) - 1, opening
        opening = next(frames, None)
