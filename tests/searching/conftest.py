"""Tiny spaces and demo clips for the tests of the search."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.search_spaces import TINY, load_text
from tsdsl.data import DemoSettings, write_demo
from tsdsl.space.model import Space


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """Two streams, fusion, and attention with a nested decision: 16 x 6 x 3 architectures."""
    return load_text(tmp_path_factory.mktemp("space"), TINY)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 demo clips of 8 classes."""
    root = tmp_path_factory.mktemp("clips") / "demo"
    write_demo(root, DemoSettings(num_textures=2, train_clips_per_class=4, val_clips_per_class=1, num_frames=8))
    return root
