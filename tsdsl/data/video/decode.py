"""Gives chosen frames of a video file, in one pass from the key frame before the first of them.

Tensor names: T frames, H rows, W columns, C channels (RGB). Frames are uint8 in (T, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsdsl.data.layouts.records import Member
from tsdsl.data.video.frame_folder import decoded_images, frame_index, frame_names
from tsdsl.data.video.frame_index import MIN_SHARE_PRESENT, ClipError, FrameIndex, read_frame_index
from tsdsl.data.video.orientation import upright
from tsdsl.data.video.seeking import decoded_from, open_stream
from tsdsl.errors import UsageError

Cut = Callable[[Tensor], Tensor]
"""Maps the pixels of a frame (H, W, C) to the uint8 tensor to keep."""


MAX_DROPPED = 2
"""How many frames at once decoders drop in some files that are whole."""


@dataclass(frozen=True)
class VideoInfo:
    """The content of a video file; width and height after its rotation, in pixels as they are stored."""

    path: Path
    num_frames: int
    fps: float
    width_px: int
    height_px: int
    duration_s: float


@dataclass(frozen=True)
class OpenVideo:
    """A video that is open for decoding: a file, or a folder of frames."""

    path: Path
    index: FrameIndex
    decoded: Callable[[Sequence[int]], Iterator[tuple[int, Any]]]
    """(place in the index, frame) in presentation order for ascending places; others may be among them."""

    def frames(self, wanted: NDArray[np.int64], cut: Cut | None = None, short_side_px: int | None = None) -> Tensor:
        """The wanted frames in the order given, uint8 (T, H, W, C), or `cut` of each, stacked.

        Each distinct frame is converted once, and one is in memory at a time.
        """
        distinct, positions = np.unique(wanted, return_inverse=True)
        frames: Tensor | None = None
        size_px: tuple[int, int] | None = None
        for slot, frame in enumerate(_frames_nearest_below(self, distinct)):
            size_px = size_px or _target_size_px(frame.width, frame.height, short_side_px)
            image = frame.reformat(*size_px, format="rgb24", threads=1).to_ndarray()
            pixels = torch.from_numpy(np.ascontiguousarray(upright(frame, image)))
            if cut is not None:
                pixels = cut(pixels)
            if frames is None:
                frames = torch.empty((len(distinct), *pixels.shape), dtype=torch.uint8)
            frames[slot] = pixels
        if frames is None:
            raise ClipError(self.path, "none of its frames decode")
        if len(positions) == len(distinct) and bool(np.all(positions[:-1] < positions[1:])):
            return frames
        return frames[torch.from_numpy(positions)]


@dataclass(frozen=True)
class DecodedVideo:
    """All frames of a video in memory, and their times."""

    frames_THWC: Tensor
    index: FrameIndex

    def frames(self, wanted: NDArray[np.int64], cut: Cut) -> Tensor:
        """`cut` of each wanted frame, stacked in the order given."""
        return torch.stack([cut(self.frames_THWC[place]) for place in wanted])


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame, its time in its part of the video, the mean rate of the file, and the size to give it."""

    time_s: float
    fps: float
    size_px: tuple[int, int]
    frame: Any


def probe(path: str | Path) -> VideoInfo:
    """The content of a file: reads every packet, decodes the first frame; ClipError if the file is unusable.

    In an AVI a decoder may drop a frame or two of those counted here.
    """
    path = Path(path)
    with open_video(path) as video:
        height_px, width_px = video.frames(np.zeros(1, np.int64)).shape[1:3]
        index = video.index
        return VideoInfo(path, index.num_frames, index.fps, width_px, height_px, index.duration_s)


def decode_frames(
    path: str | Path,
    *,
    times_s: Sequence[float] | None = None,
    indices: Sequence[int] | None = None,
    short_side_px: int | None = None,
) -> Tensor:
    """The frames at the given times (nearest below) or indices as uint8 (T, H, W, C), in the order given.

    Times and indices past either end are clamped: the last frame is repeated, the video is not looped.
    `short_side_px` resizes while decoding. ClipError names the file and the reason.
    """
    if (times_s is None) == (indices is None):
        raise UsageError("decode_frames expects either times_s or indices", help="pass exactly one of the two")
    with open_video(Path(path)) as video:
        if times_s is not None:
            wanted = video.index.frames_at(times_s)
        else:
            wanted = np.clip(np.asarray(indices, dtype=np.int64), 0, video.index.num_frames - 1)
        return video.frames(wanted, short_side_px=short_side_px)


def decode_all(path: Path, frames_fps: float | None = None, member: Member | None = None) -> DecodedVideo:
    """Every frame at its own size. Memory grows with the video: use it for checks and for caches of small clips."""
    with open_video(path, frames_fps, member=member) as video:
        return DecodedVideo(video.frames(np.arange(video.index.num_frames)), video.index)


def count_decodable_frames(
    path: Path, frames_fps: float | None = None, end_s: float | None = None, member: Member | None = None
) -> int:
    """The number of frames that decode, with one at a time in memory; ClipError if the video is unusable."""
    with open_video(path, frames_fps, end_s, member) as video:
        num_decoded = sum(1 for _ in video.decoded(range(video.index.num_frames)))
        if num_decoded < video.index.num_frames * MIN_SHARE_PRESENT:
            raise ClipError(path, f"only {num_decoded} of its {video.index.num_frames} frames decode")
        return num_decoded


def frames_of_part(
    path: Path,
    start_s: float | None,
    end_s: float | None,
    short_side_px: int,
    *,
    frames_fps: float | None = None,
    member: Member | None = None,
    enlarge: bool = True,
) -> Iterator[TimedFrame]:
    """The frames between two times of a video (None: its ends), with one at a time in memory.

    Raises:
        ClipError: the file is unusable, or the part is outside of it.
    """
    with open_video(path, frames_fps, end_s, member) as video:
        index = video.index
        begin_s, length_s = index.window(path, start_s, end_s)
        first, last = index.frames_at([begin_s, begin_s + length_s - 0.5 / index.fps]).tolist()
        num_decoded = 0
        for place, frame in video.decoded(range(first, last + 1)):
            num_decoded += 1
            if place > last:
                return
            if place >= first:
                size_px = _target_size_px(frame.width, frame.height, short_side_px, enlarge)
                yield TimedFrame(max(float(index.times_s[place]) - begin_s, 0.0), index.fps, size_px, frame)
        if num_decoded < (last - first + 1) * MIN_SHARE_PRESENT:
            raise ClipError(path, f"only {num_decoded} of its {last - first + 1} frames decode")


@contextmanager
def open_video(
    path: Path, frames_fps: float | None = None, end_s: float | None = None, member: Member | None = None
) -> Iterator[OpenVideo]:
    """The first video stream of a file, perhaps in a shard, or with a rate the frames in a folder.

    Errors of FFmpeg become ClipError. A folder that has far fewer frames than are used, up to `end_s`, is truncated.
    """
    if frames_fps is not None:
        names = frame_names(path)
        yield OpenVideo(path, frame_index(path, names, frames_fps, end_s), partial(decoded_images, path, names))
        return
    with open_stream(path, member) as (container, stream):
        index = read_frame_index(path, container, stream)
        yield OpenVideo(path, index, lambda places: decoded_from(path, container, stream, index, places[0], member))


def _target_size_px(width_px: int, height_px: int, short_side_px: int | None, enlarge: bool = True) -> tuple[int, int]:
    if short_side_px is None or (not enlarge and min(width_px, height_px) <= short_side_px):
        return width_px, height_px
    if width_px <= height_px:
        return short_side_px, max(short_side_px, height_px * short_side_px // width_px)
    return max(short_side_px, width_px * short_side_px // height_px), short_side_px


def _demand_near(video: OpenVideo, before: int, after: int) -> None:
    """ClipError if too many frames between two places do not decode."""
    missing, num_frames = after - before - 1, video.index.num_frames
    if missing > max(MAX_DROPPED, num_frames * (1 - MIN_SHARE_PRESENT)):
        raise ClipError(
            video.path, f"it is damaged: {missing} of its {num_frames} frames, one after the other, do not decode"
        )


def _frames_nearest_below(video: OpenVideo, distinct: NDArray[np.int64]) -> Iterator[Any]:
    """One decoded frame for each of the ascending `distinct` indices."""
    position = 0
    previous: Any = None
    previous_place = -1
    for place, frame in video.decoded(distinct.tolist()):
        while position < len(distinct) and place > distinct[position]:
            _demand_near(video, distinct[position] if previous is None else previous_place, place)
            yield previous if previous is not None else frame
            position += 1
        while position < len(distinct) and place == distinct[position]:
            yield frame
            position += 1
        if position == len(distinct):
            return
        previous, previous_place = frame, place
    # Decoders drop a frame or two at the end of some files; more than that is damage.
    num_frames = video.index.num_frames
    if previous is None or previous_place + 1 < num_frames * MIN_SHARE_PRESENT:
        raise ClipError(video.path, f"only {previous_place + 1} of its {num_frames} frames decode")
    for _ in distinct[position:]:
        yield previous
