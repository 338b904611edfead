"""Recognises what lies beside class folders but is none: folders of splits, videos or annotations, and lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tsdsl.data.layouts.description import DESCRIPTION_NAME
from tsdsl.data.layouts.files import SPLIT_NAMES, VIDEO_SUFFIXES, folders_in, is_video, split_spellings
from tsdsl.data.layouts.folder_layout import split_folders
from tsdsl.errors import FileError
from tsdsl.files import open_regular

ANNOTATION_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".list", ".json"})
_TABLES = {".parquet", ".arrow", ".xlsx", ".xls", ".pkl", ".mat"}
_CONTAINERS = {".h5", ".hdf5", ".lmdb", ".mdb", ".tfrecord", ".npy", ".npz"}
_ARCHIVES = {".zip", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz", ".zst"}
OTHER_SUFFIXES = frozenset(_TABLES | _CONTAINERS | _ARCHIVES)
MAX_BYTES_JUDGED = 65536
MAX_NAMED = 3

_ANNOTATION_WORDS = frozenset(
    ["annotation", "annotations", "annots", "label", "labels", "list", "lists", "split", "splits", "meta", "metadata"]
)
_VIDEO_WORDS = frozenset(["video", "videos", "clip", "clips", "frames", "rawframes", "data", "dataset", "set"])
_SPLIT_WORDS = frozenset(name for names in SPLIT_NAMES.values() for name in names)
_RELEASES = ("ucf101", "hmdb51", "ucftraintestlist", "testtrainmulti", "20bnsomethingsomething", "kinetics")
_VIDEO_NAME = re.compile(rb"\.(?:" + "|".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES)).encode() + rb")\b", re.I)


def refuse_other_folders(root: Path, class_names: Sequence[str]) -> None:
    """FileError if class folders look like splits, videos or annotations, or if lists beside them would not be read.

    `class_names` are the folders directly in `root`, without split folders.
    """
    help = (
        "give the folder that contains the class folders, or list the clips as `path label` in "
        f'{root / "train.csv"} and val.csv; if these are the classes, write {{"kind": "folder"}} into '
        f"{root / DESCRIPTION_NAME}"
    )
    suspects = [name for name in class_names if _is_no_class(root / name)]
    if suspects:
        raise FileError(
            f"{root}: expected class folders, got {_named(suspects)}: the names or contents of "
            f"splits, videos or annotations, or of a whole data set{_unknown_lists(root)}{_other_formats(root)}",
            help=help,
        )
    lists = lists_in(root)
    if class_names and lists:
        raise FileError(f"{root}: has class folders and lists that would not be read: {_named(lists)}", help=help)


def loose_files(root: Path, split: str) -> str:
    """What lies in the folders of a data set without clips, as the end of a message; empty if nothing does."""
    folder = split_folders(root).get(split_spellings(split)[0], root)
    videos = sorted(path.name for path in folder.iterdir() if is_video(path))
    lists = lists_in(root)
    found = _other_formats(folder)
    if videos:
        found += f"; videos are in {folder} instead of class folders, such as {videos[0]}"
    if lists:
        found += f"; lists of other names than train.csv and val.csv are not read: {_named(lists)}"
    return found


def _unknown_lists(root: Path) -> str:
    """The files in a folder that may be lists in an unknown form, as the end of a message; empty if there are none."""
    names = [path.name for path in sorted(root.iterdir()) if path.suffix.lower() in ANNOTATION_SUFFIXES]
    return f"; no known list of clips: {_named(names)}" if names else ""


def _other_formats(root: Path) -> str:
    """The files that no layout reads, in a folder or those in it, as the end of a message; empty if there are none."""
    files = [path for folder in (root, *folders_in(root)) for path in sorted(folder.iterdir())]
    names = [str(path.relative_to(root)) for path in files if path.suffix.lower() in OTHER_SUFFIXES]
    if not names:
        return ""
    return f"; files of other formats are not read, {_named(names)}: unpack archives, or write csv and videos"


def lists_in(folder: Path) -> list[str]:
    """The names of the files directly in a folder that list videos, sorted."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in ANNOTATION_SUFFIXES and path.is_file())
    return sorted(path.name for path in found if not path.name.startswith(".") and _lists_videos(path))


def _lists_videos(path: Path) -> bool:
    """Whether at least half of the first lines name a video, or a csv or JSON list has the columns of a release."""
    with open_regular(path) as file:
        head = file.read(MAX_BYTES_JUDGED)
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines:
        return False
    if b"youtube_id" in lines[0] or (path.suffix.lower() == ".json" and b'"template"' in head):
        return True
    return 2 * sum(1 for line in lines if _VIDEO_NAME.search(line)) >= len(lines)


def _is_no_class(folder: Path) -> bool:
    words = re.findall(r"[a-z]+|[0-9]+", folder.name.lower())
    joined = "".join(words)
    names = [word for word in words if word.isalpha()]
    if names and all(word in _SPLIT_WORDS | _VIDEO_WORDS | _ANNOTATION_WORDS for word in names):
        return True
    if joined.startswith(_RELEASES):
        return True
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if split_folders(folder):
        return True
    return bool(entries) and all(path.suffix.lower() in ANNOTATION_SUFFIXES for path in entries)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(map(repr, names[:MAX_NAMED])) + more
