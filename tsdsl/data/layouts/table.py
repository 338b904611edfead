"""Reads csv files with named columns: one for all splits, or Hugging Face's `metadata.csv` in each split's folder.

The columns are those of `list_lines.py`: a path, relative to the csv's folder or its `videos/`, a label and perhaps a
split. Without a column of splits, clips are of the split of the folder, or training clips.
"""

from __future__ import annotations

from pathlib import Path

from tsdsl.data.layouts.files import SPLIT_NAMES, FileListing, split_spellings
from tsdsl.data.layouts.folder_layout import split_folders
from tsdsl.data.layouts.kinetics import find_class_list
from tsdsl.data.layouts.list_lines import ListedClip, has_columns, number_labels, parse_list
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError

TABLE_NAME = "metadata.csv"


def find_tables(root: Path) -> dict[Path, str]:
    """The csv files and the split of clips whose line names none; empty if there are none.

    `metadata.csv` in the folder, else in the folders of splits, else the only csv with columns of paths, labels and
    splits.
    """
    if (root / TABLE_NAME).is_file() and has_columns(root / TABLE_NAME):
        return {root / TABLE_NAME: "train"}
    found = {folder / TABLE_NAME: split for split, folder in split_folders(root).items()}
    found = {path: split for path, split in found.items() if path.is_file() and has_columns(path)}
    if found:
        return found
    others = [path for path in sorted(root.glob("*.csv")) if path.is_file() and has_columns(path, split=True)]
    if len(others) > 1:
        raise FileError(
            f"{root}: has several tables of clips: {', '.join(path.name for path in others)}",
            help=f"name the one to read {TABLE_NAME}",
        )
    return dict.fromkeys(others, "train")


def table_splits(root: Path) -> tuple[str, ...]:
    """The splits that have clips in the tables of a folder."""
    tables = find_tables(root)
    found = {_split_of(path, clip, split) for path, split in tables.items() for clip in parse_list(path)}
    return tuple(split for split in SPLIT_NAMES if split in found)


def read_table(root: Path, split: str) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of a split; FileError for a line of an unknown split or a clip of two classes."""
    tables = find_tables(root)
    if not tables:
        raise FileError(f"{root}: has no csv with columns of paths and labels", help=f"write {root / TABLE_NAME}")
    numbered, names = number_labels({path: parse_list(path) for path in tables}, find_class_list(root))
    highest = max((clip.label for clips in numbered.values() for clip in clips), default=-1)
    names = names if names is not None else [str(label) for label in range(1 + highest)]
    listing = FileListing()
    records, missing = [], []
    for path, clips in numbered.items():
        labels: dict[str, int] = {}
        for clip in clips:
            if labels.setdefault(clip.path, clip.label) != clip.label:
                raise FileError(f"{path}:{clip.line}: {clip.path} has another label before", help="correct one line")
            if clip.label >= len(names):
                raise FileError(
                    f"{path}:{clip.line}: label {clip.label} is out of range of {len(names)} classes",
                    help="labels count from 0; add the class to the list of classes or correct the line",
                )
            if _split_of(path, clip, tables[path]) != split_spellings(split)[0]:
                continue
            places = (path.parent / clip.path, path.parent / "videos" / clip.path)
            found = next((place for place in places if listing.has(str(place))), None)
            if found is None:
                missing.append(clip.path)
            else:
                records.append(ClipRecord(found, clip.label))
    return records, names, missing


def _split_of(path: Path, clip: ListedClip, otherwise: str) -> str:
    if clip.split is None:
        return otherwise
    for split, spellings in SPLIT_NAMES.items():
        if clip.split in spellings:
            return split
    raise FileError(f"{path}:{clip.line}: unknown split {clip.split!r}", help="write train, val or test")
