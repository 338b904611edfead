"""Clips that the data tests decode: made here, with PyAV, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.video_files import write_video


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames of 64 x 48 at 30 fps, a key frame every 12, B-frames between."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ and val/ of classes `jump` and `run` with six and three clips each, 64 x 48, 20 frames."""
    root = tmp_path_factory.mktemp("folders")
    for split, count in (("train", 6), ("val", 3)):
        for name in ("run", "jump"):
            (root / split / name).mkdir(parents=True)
            for clip in range(count):
                write_video(root / split / name / f"{clip}.mp4", 20)
    return root
