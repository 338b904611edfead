"""Finds video files and reads annotation files below a data set's folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.errors import UsageError
from tsdsl.files import read_json, read_text
from tsdsl.files.reading import MAX_LIST_BYTES

_WEB_SUFFIXES = {".mp4", ".m4v", ".webm", ".mkv", ".ogv", ".flv", ".f4v", ".gif"}
_CAMERA_SUFFIXES = {".mov", ".avi", ".wmv", ".asf", ".3gp", ".3g2", ".mts", ".m2ts", ".mxf", ".dv"}
_BROADCAST_SUFFIXES = {".ts", ".mpg", ".mpeg", ".vob"}
_RAW_SUFFIXES = {".h264", ".264", ".h265", ".265", ".hevc", ".y4m", ".apng"}
VIDEO_SUFFIXES = frozenset(_WEB_SUFFIXES | _CAMERA_SUFFIXES | _BROADCAST_SUFFIXES | _RAW_SUFFIXES)

FRAMES_ENDING = "frames"
"""The end of the names of folders of extracted frames, such as `rawframes` and `20bn-something-something-v2-frames`."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")

ANNOTATION_FOLDERS = ("annotations", "labels")

FOREIGN_FOLDERS = frozenset(
    {"__MACOSX", "__pycache__", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
)
"""What archives, disks and programs leave in any folder."""

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "validation", "validate", "valid", "dev"),
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


def is_image(name: str) -> bool:
    """Whether a visible file has the suffix of an extracted frame."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def annotation_folders(root: Path) -> list[Path]:
    """The folders that may hold the lists of a data set: its own, and `annotations/` or `labels/` in it."""
    return [root, *(path for path in (root / name for name in ANNOTATION_FOLDERS) if path.is_dir())]


_LISTS = re.compile("split|list|annot|label", re.IGNORECASE)


@dataclass
class Videos:
    """The visible video files below a folder in sorted order."""

    paths: list[Path]
    passed_over: list[str]
    """Links to folders read already."""
    others: Counter[str]
    """The number of visible files that are no videos, by suffix."""


def videos_below(folder: Path) -> Videos:
    """All visible video files below a folder. Links are followed, but no folder is read twice or from within itself."""
    found = Videos([], [], Counter())
    real = folder.resolve()
    read = {(status.st_dev, status.st_ino) for status in (path.stat() for path in (real, *real.parents))}
    for base, folders, names in os.walk(folder, followlinks=True):
        entered = []
        for name in sorted(name for name in folders if not name.startswith(".")):
            status = Path(base, name).stat()
            if (status.st_dev, status.st_ino) in read:
                found.passed_over.append(str(Path(base, name)))
            else:
                read.add((status.st_dev, status.st_ino))
                entered.append(name)
        folders[:] = entered
        visible = [path for path in (Path(base, name) for name in sorted(names)) if not path.name.startswith(".")]
        videos = [path for path in visible if is_video(path)]
        found.paths += videos
        if len(videos) < len(visible):
            found.others.update(path.suffix.lower() for path in visible if not is_video(path))
    return found


def frame_folders_below(folder: Path) -> list[Path]:
    """The visible folders below a folder that hold images, in sorted order; folders inside them are not looked for.

    Of each folder only so many entries are read as it takes to find an image.
    """
    found = []
    for inner in folders_in(folder):
        with os.scandir(inner) as entries:
            holds_images = any(is_image(entry.name) for entry in entries)
        found += [inner] if holds_images else frame_folders_below(inner)
    return found


class ClipFinder:
    """Finds clips anywhere below a folder by class folder and name; a re-encoded clip may have another suffix."""

    def __init__(self, root: Path) -> None:
        self._places: dict[tuple[str, str], Path] = {}
        for path in videos_below(root).paths:
            for name in (path.name, path.stem):
                self._places.setdefault((path.parent.name, name), path)

    def found(self, class_name: str, name: str) -> Path | None:
        """The file of a clip, or None."""
        return self._places.get((class_name, name)) or self._places.get((class_name, Path(name).stem))


class FileListing:
    """The existing files or folders, reading each folder once: a query per file is far slower for 250,000 files."""

    def __init__(self, *, of_folders: bool = False) -> None:
        self._of_folders = of_folders
        self._names: dict[str, frozenset[str]] = {}
        self._by_stem: dict[str, dict[str, str]] = {}

    def found(self, path: str) -> str | None:
        """A path itself if it exists, else the only video in its folder that has its name but another suffix, or None.

        A list may name a clip without suffix, or with that before it was encoded again; and macOS writes accents apart.
        """
        if self.has(path):
            return path
        if self._of_folders:
            return None
        folder, name = os.path.split(path)
        if folder not in self._by_stem:
            self._by_stem[folder] = _only_videos_by_stem(self._names[folder])
        video = self._by_stem[folder].get(_stem(name))
        return None if video is None else os.path.join(folder, video)  # noqa: PTH118

    def has(self, path: str) -> bool:
        """Whether a file, or folder, exists at a path; links are followed."""
        folder, name = os.path.split(path.rstrip("/"))
        if folder not in self._names:
            self._names[folder] = _names_in(folder, self._of_folders)
        return name in self._names[folder]


def _only_videos_by_stem(names: Iterable[str]) -> dict[str, str]:
    videos = [name for name in names if is_video(Path(name)) and not name.startswith(".")]
    counts = Counter(map(_stem, videos))
    return {_stem(name): name for name in videos if counts[_stem(name)] == 1}


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", Path(name).stem if is_video(Path(name)) else name)


def _names_in(folder: str, of_folders: bool) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if (entry.is_dir() if of_folders else entry.is_file()))
    except (OSError, ValueError):  # ValueError: a NUL in a path
        # Clips in an unreadable folder are reported as missing.
        return frozenset()


def is_folder(path: Path) -> bool:
    """Whether there is a folder at this path, which may be longer than a path can be."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file at this path, which may be longer than a path can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def folders_in(folder: Path) -> list[Path]:
    """The visible folders directly in a folder, sorted by name, without `FOREIGN_FOLDERS`."""
    visible = (path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in FOREIGN_FOLDERS)
    return sorted(path for path in visible if path.is_dir())


def folders_of_lists(root: Path) -> list[Path]:
    """The folders where a release may have its lists: its own, those in it, and those in `..._splits/` and such."""
    inner = folders_in(root)
    return [root, *inner, *(deeper for folder in inner if _LISTS.search(folder.name) for deeper in folders_in(folder))]


def read_list_text(path: Path) -> str:
    """The text of an annotation file; FileError if it is missing, unreadable or not UTF-8."""
    return read_text(path, max_bytes=MAX_LIST_BYTES)


def read_list_json(path: Path) -> Any:
    """The value of a JSON file; FileError with line and column if it is not JSON."""
    return read_json(path, "the file may be incomplete; download it again", MAX_LIST_BYTES)
