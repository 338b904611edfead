"""Writes folders of extracted frames whose frame i has the grey level `level_of(i)`."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from support.video_files import level_of


def write_frames(
    folder: Path,
    num_frames: int = 12,
    *,
    name: str = "img_{:05d}.jpg",
    first: int = 1,
    size_px: tuple[int, int] = (64, 48),
) -> Path:
    """JPEG or PNG files by the suffix of `name`, numbered from `first`; the size is (width, height)."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num_frames):
        levels = np.full((size_px[1], size_px[0], 3), level_of(index), dtype=np.uint8)
        path = folder / name.format(first + index)
        plain = path.with_suffix(".png" if path.suffix == ".png" else ".jpg")
        av.VideoFrame.from_ndarray(levels, format="rgb24").save(str(plain))
        plain.rename(path)
    return folder
