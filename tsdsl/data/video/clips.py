"""Reads the clips of one record: which times, which view, from the file or from memory.

Tensor names: V views, C channels, T frames, H rows, W columns. Clips have the channels last in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsdsl.data.datasets.records import ClipRecord
from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.augment import View, centre_view, cut, draw_training_view, test_views
from tsdsl.data.video.decode import DecodedVideo, decode_all, decode_chosen
from tsdsl.data.video.frame_index import FrameIndex
from tsdsl.data.video.sampling import centre_times_s, draw_training_times_s, test_times_s

DEFAULT_CACHE_BYTES = 1 << 30

_Choose = Callable[[FrameIndex], NDArray[np.int64]]


class ClipCache:
    """Whole decoded videos in memory, up to a limit; what comes after the limit is decoded each time.

    For data sets of a few hundred small clips, which are then decoded once instead of once an epoch.
    Belongs to one process. Results do not depend on what is in it.
    """

    def __init__(self, limit_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._videos: dict[Path, DecodedVideo] = {}

    def video(self, path: Path) -> DecodedVideo:
        """The decoded video; ClipError as `decode_all`."""
        held = self._videos.get(path)
        if held is None:
            held = decode_all(path)
            if self.used_bytes + held.frames_THWC.nbytes <= self.limit_bytes:
                self._videos[path] = held
                self.used_bytes += held.frames_THWC.nbytes
        return held


def read_training_clip(
    record: ClipRecord, settings: ClipSettings, generator: torch.Generator, cache: ClipCache | None = None
) -> Tensor:
    """A random clip of the record as uint8 (C, T, size, size); ClipError if the file is unusable."""
    view = draw_training_view(settings, generator)

    def choose(index: FrameIndex) -> NDArray[np.int64]:
        start_s, length_s = _window(record, index)
        return index.frames_at([start_s + time_s for time_s in draw_training_times_s(settings, length_s, generator)])

    return _read(record, choose, view, cache)


def read_centre_clip(record: ClipRecord, settings: ClipSettings, cache: ClipCache | None = None) -> Tensor:
    """The clip in the middle of the record, centre crop, as uint8 (C, T, size, size)."""

    def choose(index: FrameIndex) -> NDArray[np.int64]:
        start_s, length_s = _window(record, index)
        return index.frames_at([start_s + time_s for time_s in centre_times_s(settings, length_s)])

    return _read(record, choose, centre_view(settings), cache)


def read_test_views(record: ClipRecord, settings: ClipSettings, cache: ClipCache | None = None) -> Tensor:
    """All test_clips x test_crops views of the record as uint8 (V, C, T, size, size), from one decode.

    The crops of a clip follow one another. Frames that several clips share are decoded and kept once.
    """
    num_times = settings.frames_per_clip
    chosen: list[int] = []

    def choose(index: FrameIndex) -> NDArray[np.int64]:
        start_s, length_s = _window(record, index)
        for clip in range(settings.test_clips):
            times_s = test_times_s(settings, length_s, clip, settings.test_clips)
            chosen.extend(index.frames_at([start_s + time_s for time_s in times_s]).tolist())
        return np.unique(np.array(chosen, dtype=np.int64))

    cut_TVHWC = _decode(record, choose, test_views(settings), cache)
    slots = {frame: slot for slot, frame in enumerate(sorted(set(chosen)))}
    clips: list[Tensor] = []
    for clip in range(settings.test_clips):
        wanted = [slots[frame] for frame in chosen[clip * num_times : (clip + 1) * num_times]]
        clips.append(cut_TVHWC[wanted].transpose(0, 1))
    return torch.cat(clips).permute(0, 4, 1, 2, 3)


def _window(record: ClipRecord, index: FrameIndex) -> tuple[float, float]:
    """(start, length) in seconds of the part of the video that the record means."""
    return index.window(record.path, record.start_s, record.end_s)


def _read(record: ClipRecord, choose: _Choose, view: View, cache: ClipCache | None) -> Tensor:
    return _decode(record, choose, (view,), cache)[:, 0].permute(3, 0, 1, 2)


def _decode(record: ClipRecord, choose: _Choose, views: Sequence[View], cache: ClipCache | None) -> Tensor:
    """The chosen frames as the views show them (T, V, size, size, C)."""

    def cut_frame(frame_HWC: Tensor) -> Tensor:
        return torch.cat([cut(frame_HWC[None], view) for view in views])

    if cache is None:
        return decode_chosen(record.path, choose, cut_frame)
    video = cache.video(record.path)
    return torch.stack([cut_frame(video.frames_THWC[place]) for place in choose(video.index)])
