"""Writes small videos whose frame i has the grey level `level_of(i)`: so a test can tell frames apart."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from torch import Tensor


def level_of(index: int) -> int:
    return 20 + 5 * (index % 46)


def indices_in(frames_THWC: Tensor) -> list[int]:
    """Which frames these are, from their grey levels."""
    levels = frames_THWC.float().mean(dim=(1, 2, 3))
    return [round((float(level) - 20) / 5) for level in levels]


def write_video(
    path: Path,
    num_frames: int = 40,
    *,
    width_px: int = 64,
    height_px: int = 48,
    fps: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    timestamps: Sequence[int] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A video whose frame i is of the grey level `level_of(i)`; `timestamps` are in 1/1000 s."""
    if options is None:
        options = {"crf": "1", "g": "12", "preset": "ultrafast", "bf": "2"} if codec == "libx264" else {}
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, pix_fmt
        stream.codec_context.thread_count = 1
        stream.options = options
        if timestamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(num_frames):
            levels = np.full((height_px, width_px, 3), level_of(index), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(levels, format="rgb24")
            if timestamps is not None:
                frame.pts, frame.time_base = timestamps[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_damaged(path: Path, num_frames: int, first: int, last: int) -> Path:
    """A video whose packets from `first` to `last` are overwritten with zeros."""
    write_video(path, num_frames, options={"crf": "1", "g": "1", "preset": "ultrafast", "bf": "0"})
    with av.open(str(path)) as container:
        entries = container.streams.video[0].index_entries
        places = [(entry.pos, entry.size) for entry in entries][first : last + 1]
    content = bytearray(path.read_bytes())
    for begin, size in places:
        content[begin : begin + size] = bytes(size)
    path.write_bytes(content)
    return path
