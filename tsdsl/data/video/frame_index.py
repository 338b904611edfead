"""Finds the times of the frames of a video, from its packets instead of its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tsdsl.errors import FileError

FORMATS_WITHOUT_PRESENTATION_TIMES = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
"""Formats without presentation times: with B-frames their times run backwards, so frames are counted."""

MIN_SHARE_PRESENT = 0.9
"""A file is truncated if it has less than this share of its declared frames, or if less of its frames decode."""


class ClipError(FileError):
    """A video cannot be used; `reason` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}",
            help="replace or remove the file; `tsdsl data verify` lists every such file of a data set",
        )
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[ClipError], tuple[Path, str]]:
        return ClipError, (self.path, self.reason)


@dataclass(frozen=True)
class FrameIndex:
    """The times of all frames of a video."""

    times_s: NDArray[np.float64]
    """Ascending, the first 0."""

    timestamps: NDArray[np.int64] | None
    """The same in the unit of the stream; None if frames can only be counted."""

    fps: float

    @property
    def num_frames(self) -> int:
        """The number of frames."""
        return len(self.times_s)

    @property
    def duration_s(self) -> float:
        """The time from the start of the first frame to the end of the last, at the mean frame rate."""
        return float(self.times_s[-1]) + 1.0 / self.fps

    def window(self, path: Path, start_s: float | None, end_s: float | None) -> tuple[float, float]:
        """(start, length) in seconds of a part of the video, cut at its end; ClipError if it is empty."""
        begin_s = start_s or 0.0
        stop_s = self.duration_s if end_s is None else min(end_s, self.duration_s)
        if begin_s >= stop_s:
            raise ClipError(path, f"its clip begins at {begin_s:.2f} s but the video ends at {stop_s:.2f} s")
        return begin_s, stop_s - begin_s

    def frames_at(self, times_s: Sequence[float]) -> NDArray[np.int64]:
        """The frame shown at each time, clamped to the first and the last frame.

        Against rounding, a time within a hundredth of a frame before the next frame counts as the next.
        """
        found = np.searchsorted(self.times_s, np.asarray(times_s) + 0.01 / self.fps, side="right") - 1
        return np.clip(found, 0, self.num_frames - 1).astype(np.int64)


def read_frame_index(path: Path, container: Any, stream: Any) -> FrameIndex:
    """The index of a stream; ClipError if it is empty, untimed or truncated."""
    listed = _listed_times(path, container, stream)
    # Packets are freed one by one: those of a film would not fit in memory.
    times = listed or [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
    if not times:
        raise ClipError(path, "it has no video frames")
    if len(times) == 1:
        raise ClipError(path, "it is a still image, with one frame")
    declared_fps = float(stream.average_rate or stream.guessed_rate or 0)
    if container.format.name in FORMATS_WITHOUT_PRESENTATION_TIMES or None in times:
        if declared_fps <= 0:
            raise ClipError(path, "it has neither frame times nor a frame rate")
        index = FrameIndex(np.arange(len(times)) / declared_fps, None, declared_fps)
    else:
        timestamps = np.unique(np.array(times, dtype=np.int64))
        times_s = (timestamps - timestamps[0]) * float(stream.time_base)
        fps = (len(times_s) - 1) / float(times_s[-1]) if len(times_s) > 1 else declared_fps
        index = FrameIndex(times_s, timestamps, fps if fps > 0 else 30.0)
    _check_complete(path, container, stream, index)
    return index


def _listed_times(path: Path, container: Any, stream: Any) -> list[int] | None:
    """The times in the table of an MP4 if they are reliable; 15 times faster than reading packets.

    The table contains decoding times, which are presentation times in a stream without B-frames. If it reaches past the
    end of the file, the file is truncated and its packets must be counted.
    """
    if "mp4" not in container.format.name.split(",") or stream.codec_context.has_b_frames:
        return None
    times, end = [], 0
    for entry in stream.index_entries:
        end = max(end, entry.pos + entry.size)
        if entry.size and not entry.is_discard:
            times.append(entry.timestamp)
    return times if times and end <= path.stat().st_size else None


def _check_complete(path: Path, container: Any, stream: Any, index: FrameIndex) -> None:
    if stream.frames and index.num_frames < stream.frames * MIN_SHARE_PRESENT:
        raise ClipError(
            path,
            f"it is truncated: {index.num_frames} of the {stream.frames} frames its header declares",
        )
    # Matroska declares no frame count; its duration covers all streams, so it is only meaningful for a single one.
    if not stream.frames and container.duration and len(container.streams) == 1:
        declared_s = container.duration / av.time_base
        if index.duration_s < declared_s * MIN_SHARE_PRESENT:
            raise ClipError(
                path,
                f"it is truncated: {index.duration_s:.2f} s of the {declared_s:.2f} s its header declares",
            )
