"""Reads tables with named columns: one for all splits, one a split, or Hugging Face's `metadata` in a split's folder.

A table is a csv, a JSON list or JSON lines, with the columns of `columns.py`: a path, relative to the table's folder or
as `ListedFiles` finds it, a label and perhaps a split. Without a column of splits, a clip is of the split of the table,
else of that after which the first folder of its path is named, else a training clip.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tsdsl.data.layouts.columns import has_columns, has_split_column, parse_table
from tsdsl.data.layouts.files import SPLIT_NAMES, FileListing, split_spellings
from tsdsl.data.layouts.folder_layout import split_folders
from tsdsl.data.layouts.kinetics import Places, find_class_list
from tsdsl.data.layouts.listed import ListedClip, number_labels
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError

TABLE_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.json")
TABLE_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")


def find_tables(root: Path) -> dict[Path, str | None]:
    """The tables and the split that each is of; None if lines may be of several. Empty if there are none.

    `metadata.csv` or `metadata.jsonl` in the folder, else in the folders of splits; else JSON files named after splits;
    else the only table, which has a column of splits if there are folders of splits.
    """
    folders = split_folders(root)
    found: dict[Path, str | None] = dict.fromkeys(_metadata_in(root))
    if not found:
        found = {path: split for split, folder in folders.items() for path in _metadata_in(folder)}
    if found:
        return found
    candidates = [path for path in sorted(root.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES and path.is_file()]
    tables = [path for path in candidates if not path.name.startswith(".") and has_columns(path)]
    of_splits = {path: split for path in tables if (split := _split_in_name(path)) is not None}
    if of_splits:
        for split in of_splits.values():
            _refuse_several(root, [path for path in of_splits if of_splits[path] == split])
        return {**of_splits}
    if folders:
        tables = [path for path in tables if has_split_column(path)]
    _refuse_several(root, tables)
    return dict.fromkeys(tables)


def _refuse_several(root: Path, tables: Sequence[Path]) -> None:
    if len(tables) > 1:
        raise FileError(
            f"{root}: has several tables of clips: {', '.join(path.name for path in tables)}",
            help="move all but one out of the folder",
        )


def _metadata_in(folder: Path) -> list[Path]:
    places = (folder / name for name in TABLE_NAMES)
    return [place for place in places if place.is_file() and has_columns(place)][:1]


def _split_in_name(path: Path) -> str | None:
    """The split after which a table is named: `Diving48_V2_train.json`."""
    last = re.split(r"[-_.]", path.stem.lower())[-1]
    return _split_named(last)


def table_splits(root: Path) -> tuple[str, ...]:
    """The splits that have clips in the tables of a folder."""
    tables = find_tables(root)
    found = {_split_of(path, clip, split) for path, split in tables.items() for clip in parse_table(path)}
    return tuple(split for split in SPLIT_NAMES if split in found)


def read_table(root: Path, split: str) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of a split; FileError for a line of an unknown split or a clip of two classes."""
    tables = find_tables(root)
    if not tables:
        raise FileError(f"{root}: has no table with columns of paths and labels", help=f"write {root / TABLE_NAMES[0]}")
    numbered, names = number_labels({path: parse_table(path) for path in tables}, find_class_list(root))
    highest = max((clip.label for clips in numbered.values() for clip in clips), default=-1)
    names = names if names is not None else [str(label) for label in range(1 + highest)]
    listing = FileListing()
    records, missing = [], []
    for path, clips in numbered.items():
        labels: dict[str, int] = {}
        places = Places(path.parent, split, listing)
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
            found = places.found(clip.path)
            if found is None:
                missing.append(clip.path)
            else:
                records.append(ClipRecord(Path(found), clip.label))
    return records, names, missing


def _split_of(path: Path, clip: ListedClip, of_table: str | None) -> str:
    if clip.split is None:
        return of_table or _split_named(PurePosixPath(clip.path).parts[0].lower()) or "train"
    split = _split_named(clip.split)
    if split is None:
        raise FileError(f"{path}:{clip.line}: unknown split {clip.split!r}", help="write train, val or test")
    return split


def _split_named(name: str) -> str | None:
    return next((split for split, spellings in SPLIT_NAMES.items() if name in spellings), None)
