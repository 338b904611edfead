"""Finds the times of the frames of a video, from its packets instead of its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from tsdsl.errors import FileError

FORMATS_WITHOUT_PRESENTATION_TIMES = frozenset({"avi", "h264", "hevc", "m4v", "mpeg", "mpegvideo"})
"""Formats without reliable presentation times: with B-frames their times run backwards, so frames are counted."""

FORMATS_WITH_SLOTS = frozenset({"avi"})
"""Formats whose decoding times, and whose declared frames, count slots of which some may be empty."""

FORMATS_WITHOUT_SEEKS = frozenset({"gif"})
"""Formats that call every frame a key frame, though most repeat a part of the frame before."""

FORMATS_WITHOUT_DURATION = frozenset({"mpegts", "mpeg"})
"""Formats whose duration FFmpeg estimates from the times of their frames, which may jump."""

MAX_GAP_S = 10.0
"""A longer gap in a transport stream is a place where two recordings were joined, as in the ffmpeg program."""

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

    key_frames: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(presentation time, decoding time) of each key frame, ascending; none if the file is decoded from its beginning.
    """

    def seeks_before(self, first: int) -> list[int]:
        """The times to seek to for the frame `first`, the best one first.

        Containers list key frames by presentation or by decoding times; the key frame before is the last resort.
        """
        if self.timestamps is None:
            return []
        nearest = int(np.searchsorted(self.key_frames[:, 0], self.timestamps[first], side="right")) - 1
        if nearest < 0:
            return []
        shown, decoded = self.key_frames[nearest].tolist()
        return list(dict.fromkeys([shown, decoded, int(self.key_frames[max(nearest - 1, 0), 1])]))

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


class _Packet(NamedTuple):
    """The times of a frame before decoding, in the unit of the stream."""

    shown: int | None
    decoded: int | None
    is_key: bool
    is_discarded: bool
    """Whether it is decoded for other frames only, as those before the start of an edit list."""


def read_frame_index(path: Path, container: Any, stream: Any) -> FrameIndex:
    """The index of a stream; ClipError if it is empty, untimed or truncated."""
    demuxed = container.demux(stream)
    opening = list(islice(demuxed, 1))
    packets = _listed_packets(container, stream, opening) or [
        _Packet(packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)
        for packet in chain(opening, demuxed)
        if packet.size
    ]
    frames = _decodable(packets)
    if not frames:
        raise ClipError(path, "it has no video frames")
    if len(frames) == 1:
        is_webp = container.format.name.startswith("webp")
        beside = ", or an animated WebP, which FFmpeg does not decode" if is_webp else ""
        raise ClipError(path, f"it is a still image, with one frame{beside}")
    declared_fps = float(stream.average_rate or stream.guessed_rate or 0)
    if _are_timed(packets, container.format.name, stream.time_base):
        index = _timed_index(packets, frames, container, stream, declared_fps)
    elif declared_fps > 0:
        index = _counted_index(frames, container, stream, declared_fps)
    else:
        raise ClipError(path, "it has neither frame times nor a frame rate")
    _check_complete(path, container, stream, packets, index)
    return index


def _decodable(packets: Sequence[_Packet]) -> list[_Packet]:
    """The packets whose frames are shown.

    What comes before the first key frame, in the file or in time, refers to frames that a cut has left out.
    """
    keys = [place for place, packet in enumerate(packets) if packet.is_key] or [0]
    begin, second = keys[0], keys[1] if len(keys) > 1 else len(packets)
    opening = [packet for packet in packets[begin:second] if not _is_before(packet, packets[begin])]
    return [packet for packet in (*opening, *packets[second:]) if not packet.is_discarded]


def _is_before(packet: _Packet, key: _Packet) -> bool:
    return packet.shown is not None and key.shown is not None and packet.shown < key.shown


def _are_timed(packets: Sequence[_Packet], format_name: str, time_base: Fraction) -> bool:
    """Whether the frames can be told apart by their times."""
    if format_name in FORMATS_WITHOUT_PRESENTATION_TIMES or any(packet.shown is None for packet in packets):
        return False
    if format_name != "mpegts":
        return True
    steps = np.diff([packet.decoded for packet in packets if packet.decoded is not None])
    return bool(np.all((steps >= 0) & (steps * float(time_base) <= MAX_GAP_S)))


def _timed_index(
    packets: Sequence[_Packet], frames: Sequence[_Packet], container: Any, stream: Any, declared_fps: float
) -> FrameIndex:
    timestamps = np.unique(np.array([frame.shown for frame in frames], dtype=np.int64))
    times_s = (timestamps - timestamps[0]) * float(stream.time_base)
    fps = (len(times_s) - 1) / float(times_s[-1]) if len(times_s) > 1 else declared_fps
    seekable = container.format.name not in FORMATS_WITHOUT_SEEKS
    keys = sorted((p.shown, p.shown if p.decoded is None else p.decoded) for p in packets if p.is_key and seekable)
    key_frames = np.array(keys, dtype=np.int64).reshape(-1, 2)
    return FrameIndex(times_s, timestamps, fps if fps > 0 else 30.0, key_frames)


def _counted_index(frames: Sequence[_Packet], container: Any, stream: Any, declared_fps: float) -> FrameIndex:
    """The index of frames in order at the declared rate; in AVI, where recorders leave slots empty, at their slots."""
    slots = np.array([-1 if frame.decoded is None else frame.decoded for frame in frames])
    if container.format.name not in FORMATS_WITH_SLOTS or slots[0] < 0 or len(slots) < 2 or np.any(np.diff(slots) <= 0):
        return FrameIndex(np.arange(len(frames)) / declared_fps, None, declared_fps)
    times_s = (slots - slots[0]) * float(stream.time_base)
    return FrameIndex(times_s, None, (len(slots) - 1) / float(times_s[-1]))


def _listed_packets(container: Any, stream: Any, opening: Sequence[Any]) -> list[_Packet] | None:
    """The packets in the table of an MP4 if they are reliable; 15 times faster than reading them.

    The table contains decoding times, which are presentation times in a stream without B-frames, if they are in the
    first packet. If it reaches past the end of the file, the file is truncated and its packets must be counted.
    """
    if "mp4" not in container.format.name.split(",") or stream.codec_context.has_b_frames:
        return None
    if any(packet.pts != packet.dts for packet in opening):
        return None
    packets, end = [], 0
    for entry in stream.index_entries:
        end = max(end, entry.pos + entry.size)
        if entry.size:
            packets.append(_Packet(entry.timestamp, entry.timestamp, entry.is_keyframe, entry.is_discard))
    return packets if packets and end <= container.size else None


def _check_complete(path: Path, container: Any, stream: Any, packets: Sequence[_Packet], index: FrameIndex) -> None:
    """ClipError if there are fewer packets, shown or not, than the header declares."""
    num_present = len(packets)
    if container.format.name in FORMATS_WITH_SLOTS:
        num_present = max([num_present, *(packet.decoded + 1 for packet in packets if packet.decoded is not None)])
    if stream.frames and num_present < stream.frames * MIN_SHARE_PRESENT:
        raise ClipError(path, f"it is truncated: {num_present} of the {stream.frames} frames its header declares")
    # Matroska declares no frame count; its duration covers all streams, so it is only meaningful for a single one.
    declares_duration = container.duration and container.format.name not in FORMATS_WITHOUT_DURATION
    if not stream.frames and declares_duration and len(container.streams) == 1:
        declared_s = container.duration / av.time_base
        present_s = len(packets) / index.fps if index.timestamps is None else _span_s(packets, stream, index.fps)
        if present_s < declared_s * MIN_SHARE_PRESENT:
            raise ClipError(path, f"it is truncated: {present_s:.2f} s of the {declared_s:.2f} s its header declares")


def _span_s(packets: Sequence[_Packet], stream: Any, fps: float) -> float:
    """To the end of the last frame, from the first one or from 0: containers declare either."""
    times = [packet.shown for packet in packets if packet.shown is not None]
    return (max(times) - min(0, *times)) * float(stream.time_base) + 1.0 / fps
