"""Reads clips of a record: chooses times and a view, and decodes the frames, from the file or from memory.

Tensor names: V views, C channels, T frames, H rows, W columns. Clips have the channels last in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.augment import View, centre_view, cut, draw_training_view, test_views
from tsdsl.data.video.decode import Cut, DecodedVideo, OpenVideo, open_video
from tsdsl.data.video.frame_index import ClipError
from tsdsl.data.video.sampling import centre_times_s, draw_training_times_s, test_times_s

DEFAULT_CACHE_BYTES = 1 << 30


class ClipCache:
    """Decoded videos in memory up to a limit; of further videos only the frames of a clip are decoded, each time.

    For data sets of a few hundred small clips, which are then decoded once instead of every epoch. Belongs to one
    process. Results do not depend on its content: of a video that does not decode as a whole, clips may.
    """

    def __init__(self, limit_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._videos: dict[Path, DecodedVideo] = {}
        self._left_out: set[Path] = set()

    def video(self, record: ClipRecord) -> DecodedVideo | None:
        """The decoded video of a record, kept from then on; None if there is no room for it, or it does not decode."""
        if record.path not in self._videos and record.path not in self._left_out:
            held = self._decoded(record)
            if held is None:
                self._left_out.add(record.path)
            else:
                self._videos[record.path] = held
                self.used_bytes += held.frames_THWC.nbytes
        return self._videos.get(record.path)

    def _decoded(self, record: ClipRecord) -> DecodedVideo | None:
        try:
            with open_video(record.path, record.frames_fps, member=record.member) as video:
                frame_bytes = video.frames(np.zeros(1, np.int64)).nbytes
                if self.used_bytes + frame_bytes * video.index.num_frames > self.limit_bytes:
                    return None
                return DecodedVideo(video.frames(np.arange(video.index.num_frames)), video.index)
        except ClipError:
            return None


def read_training_clip(
    record: ClipRecord, settings: ClipSettings, generator: torch.Generator, cache: ClipCache | None = None
) -> Tensor:
    """A random clip of the record as uint8 (C, T, size, size); ClipError if the file is unusable."""
    view = draw_training_view(settings, generator)
    with _opened(record, cache) as video:
        start_s, length_s = video.index.window(record.path, record.start_s, record.end_s)
        return _clip(video, start_s, draw_training_times_s(settings, length_s, generator), view)


def read_centre_clip(record: ClipRecord, settings: ClipSettings, cache: ClipCache | None = None) -> Tensor:
    """The clip in the middle of the record, centre crop, as uint8 (C, T, size, size)."""
    with _opened(record, cache) as video:
        start_s, length_s = video.index.window(record.path, record.start_s, record.end_s)
        return _clip(video, start_s, centre_times_s(settings, length_s), centre_view(settings))


def read_test_views(record: ClipRecord, settings: ClipSettings, cache: ClipCache | None = None) -> Tensor:
    """All test_clips x test_crops views of the record as uint8 (V, C, T, size, size), from one decode.

    The crops of a clip are consecutive. Frames that several clips share are decoded once.
    """
    with _opened(record, cache) as video:
        start_s, length_s = video.index.window(record.path, record.start_s, record.end_s)
        times_s = [
            start_s + time_s
            for clip in range(settings.test_clips)
            for time_s in test_times_s(settings, length_s, clip, settings.test_clips)
        ]
        distinct, slots = np.unique(video.index.frames_at(times_s), return_inverse=True)
        cut_TVHWC = video.frames(distinct, _cut_to(test_views(settings)))
    clips = [cut_TVHWC[wanted].transpose(0, 1) for wanted in torch.from_numpy(slots.reshape(settings.test_clips, -1))]
    return torch.cat(clips).permute(0, 4, 1, 2, 3)


def _opened(record: ClipRecord, cache: ClipCache | None) -> AbstractContextManager[OpenVideo | DecodedVideo]:
    held = cache.video(record) if cache is not None else None
    if held is not None:
        return nullcontext(held)
    return open_video(record.path, record.frames_fps, record.end_s, record.member)


def _clip(video: OpenVideo | DecodedVideo, start_s: float, times_s: Sequence[float], view: View) -> Tensor:
    """The frames at times after `start_s` as a view shows them, (C, T, size, size)."""
    wanted = video.index.frames_at([start_s + time_s for time_s in times_s])
    return video.frames(wanted, _cut_to((view,)))[:, 0].permute(3, 0, 1, 2)


def _cut_to(views: Sequence[View]) -> Cut:
    """A function from a frame (H, W, C) to its views (V, size, size, C)."""
    return lambda frame_HWC: torch.cat([cut(frame_HWC[None], view) for view in views])
