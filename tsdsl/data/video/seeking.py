"""Decodes a video file with PyAV from a frame on, and checks where each seek lands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from tsdsl.data.layouts.records import Member
from tsdsl.data.shards.members import MemberBytes
from tsdsl.data.video.frame_index import ClipError, FrameIndex
from tsdsl.data.video.not_videos import HEAD_BYTES, reason_unreadable
from tsdsl.errors import FileError
from tsdsl.files import open_regular, require_regular


@contextmanager
def open_stream(path: Path, member: Member | None = None) -> Iterator[tuple[Any, Any]]:
    """(container, its first video stream) of a file, or of a member of a shard; errors of FFmpeg become ClipError.

    Raises:
        ClipError: it is not a video.
        StorageError: its shard cannot be read, or has changed.
    """
    try:
        if member is None:
            require_regular(path)
        source = str(path) if member is None else MemberBytes(path.name, member)
    except FileError as error:
        raise ClipError(path, error.message.removeprefix(f"{path}: ")) from error
    try:
        # Old data sets have metadata that is not UTF-8, which PyAV refuses by default.
        container = av.open(source, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise ClipError(path, reason_unreadable(_head(path, source)) or _undecodable(error)) from error
    try:
        with container:
            yield container, _first_video(path, container)
    except av.error.FFmpegError as error:
        raise ClipError(path, _undecodable(error)) from error


def _head(path: Path, source: str | MemberBytes) -> bytes:
    if isinstance(source, MemberBytes):
        return source.getvalue()[:HEAD_BYTES]
    with open_regular(path) as file:
        return file.read(HEAD_BYTES)


def _first_video(path: Path, container: Any) -> Any:
    if not container.streams.video:
        raise ClipError(path, "it has no video stream")
    if all(video.disposition & av.stream.Disposition.attached_pic for video in container.streams.video):
        raise ClipError(path, "it has no video stream, only a cover picture")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise ClipError(path, "its codec is unknown to FFmpeg, or it is encrypted")
    # Workers are processes already; threads inside a decoder gain nothing.
    stream.codec_context.thread_count = 1
    return stream


def _undecodable(error: av.error.FFmpegError) -> str:
    return f"it cannot be decoded ({error.strerror})"


def decoded_from(
    path: Path, container: Any, stream: Any, index: FrameIndex, first: int, member: Member | None = None
) -> Iterator[tuple[int, Any]]:
    """(place in the index, frame) in presentation order, from the frame `first` or an earlier one on.

    A seek that lands after the frame, as in transport streams, or at a key frame that does not restore it, is repeated
    farther ahead, and at last the file is decoded from its beginning.
    """
    wanted = 0 if index.timestamps is None else int(index.timestamps[first])
    for seek_to in index.seeks_before(first):
        frames = _frames_after_seek(container, stream, seek_to, wanted)
        opening = next(frames, None)
        if opening is not None and opening.pts <= wanted:
            yield from _placed(chain([opening], frames), index)
            return
    # Seeking to the beginning does not return to it where times begin below zero or are missing.
    with open_stream(path, member) as (reopened, reopened_stream):
        frames = (frame for packet in reopened.demux(reopened_stream) for frame in _frames_of(packet))
        yield from _placed(frames, index)


def _frames_after_seek(container: Any, stream: Any, seek_to: int, wanted: int) -> Iterator[Any]:
    """The frames from the first key frame after a seek; none if it is shown after `wanted`.

    Frames shown before that key frame refer to frames before it, so they are left out.
    """
    container.seek(seek_to, stream=stream, backward=True)
    landing: int | None = None
    for packet in container.demux(stream):
        if landing is None and packet.is_keyframe:
            if packet.pts is None or packet.pts > wanted:
                return
            landing = packet.pts
        if landing is not None:
            yield from (frame for frame in _frames_of(packet) if frame.pts is not None and frame.pts >= landing)


def _frames_of(packet: Any) -> list[Any]:
    """The frames that a packet completes. A damaged packet completes none, and decoding goes on behind it."""
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []


def _placed(frames: Iterator[Any], index: FrameIndex) -> Iterator[tuple[int, Any]]:
    if index.timestamps is None:
        yield from enumerate(frames)
        return
    for frame in frames:
        if frame.pts is not None and frame.pts >= index.timestamps[0]:
            yield int(np.searchsorted(index.timestamps, frame.pts, side="right")) - 1, frame
