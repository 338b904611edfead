"""Finds video files and reads annotation files below a data set's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tsdsl.errors import FileError, UsageError

VIDEO_SUFFIXES = frozenset({".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts"})

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "validation", "validate", "valid"),
    "test": ("test", "testing"),
}
"""The possible names of the folder or list of a split."""


def split_spellings(split: str) -> tuple[str, ...]:
    """All names of a split; UsageError for an unknown split."""
    for names in SPLIT_NAMES.values():
        if split in names:
            return names
    raise UsageError(f"split must be train, val or test, got {split!r}", help="for instance val")


def is_video(path: Path) -> bool:
    """Whether a file has the suffix of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def videos_below(folder: Path) -> list[Path]:
    """All visible video files below a folder, following links, in sorted order."""
    found: list[Path] = []
    for base, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(Path(base, name) for name in sorted(names) if not name.startswith(".") and is_video(Path(name)))
    return found


class FileListing:
    """The existing files, reading each folder once: a query per file is far slower for 250,000 files."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def has(self, path: str) -> bool:
        """Whether a file exists at a path; links are followed."""
        folder, name = os.path.split(path)
        if folder not in self._names:
            self._names[folder] = _file_names(folder)
        return name in self._names[folder]


def _file_names(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        # Clips in an unreadable folder are reported as missing.
        return frozenset()


def folders_in(folder: Path) -> list[Path]:
    """The visible folders directly in a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_text(path: Path) -> str:
    """The text of an annotation file; FileError if it is missing, unreadable or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(
            f"{path}: cannot be read ({error.strerror})", help="check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text (byte {error.start})", help="save it as UTF-8") from error


def read_json(path: Path) -> Any:
    """The value of a JSON file; FileError with line and column if it is not JSON."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FileError(
            f"{path}:{error.lineno}:{error.colno}: is not JSON ({error.msg})",
            help="the file may be cut off; download it again",
        ) from error
