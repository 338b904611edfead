"""Reads a folder of extracted frames as a video: JPEG or PNG files whose names end in their numbers."""

from __future__ import annotations

import io
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from tsdsl.data.layouts.files import is_image
from tsdsl.data.video.frame_index import MIN_SHARE_PRESENT, ClipError, FrameIndex
from tsdsl.errors import FileError
from tsdsl.files import read_bytes

MAX_IMAGE_BYTES = 64 * 2**20

_FLOW = re.compile(r"flow|[xyuv](?![a-z])", re.IGNORECASE)
"""The beginning of the names of optical flow, which TSN and others store beside the frames."""


def frame_names(folder: Path) -> list[str]:
    """The names of the frames in a folder, by number; those of optical flow are left out.

    Raises:
        ClipError: the folder cannot be read, or has several series of frames.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if is_image(entry.name)]
    except OSError as error:
        raise ClipError(folder, f"it cannot be read ({error.strerror})") from error
    series: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in names:
        begin, number = re.fullmatch(r"(.*?)(\d*)\.\w+", name).groups()  # type: ignore[union-attr]
        series[begin].append((int(number or 0), name))
    shown = [begin for begin in series if len(series) == 1 or not _FLOW.match(begin)]
    if len(shown) > 1:
        examples = " and ".join(min(series[begin])[1] for begin in sorted(shown)[:2])
        raise ClipError(folder, f"it has several series of frames, such as {examples}")
    return [name for begin in shown for _, name in sorted(series[begin])]


def frame_index(folder: Path, names: Sequence[str], fps: float, end_s: float | None) -> FrameIndex:
    """The times of the frames; ClipError if there are fewer than two, or than `end_s` needs."""
    if not names:
        raise ClipError(folder, "it has no frames")
    if len(names) == 1:
        raise ClipError(folder, "it is a still image, with one frame")
    if end_s is not None and len(names) < end_s * fps * MIN_SHARE_PRESENT:
        raise ClipError(folder, f"it is truncated: {len(names)} of the {round(end_s * fps)} frames in its list")
    return FrameIndex(np.arange(len(names)) / fps, None, fps)


def decoded_images(folder: Path, names: Sequence[str], places: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """(place, frame) of the frames at ascending places; ClipError names one that does not decode."""
    for place in places:
        yield place, _decoded(folder, names[place])


def _decoded(folder: Path, name: str) -> Any:
    try:
        with av.open(io.BytesIO(read_bytes(folder / name, max_bytes=MAX_IMAGE_BYTES)), "r") as container:
            return next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise ClipError(folder, f"its frame {name} cannot be decoded") from error
    except FileError as error:
        raise ClipError(folder, error.message.removeprefix(f"{folder}/")) from error
