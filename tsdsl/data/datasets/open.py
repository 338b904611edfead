"""Opens a data set: detects the kind of a folder and reads one split.

Unless given, the kind is the first that matches:

1. the kind in `dataset.json`, as in demo clips and selected classes, or an index of shards;
2. a labels file and a json list: `something-something-v2`;
3. a csv, txt or list file named after a split: `kinetics-csv` if its header names youtube_id, else
   `kinetics-list`;
4. the lists of a release, in the folder or one in it: `ucf101` for trainlist01.txt, `hmdb51` for CLASS_test_split1.txt;
5. tars: `shards`;
6. a csv, JSON list or JSON lines with named columns, as in Hugging Face's video folders: `table`;
7. else `folder`: class folders, optionally in train/ and val/.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from tsdsl.data.datasets.unlike_classes import loose_files, refuse_other_folders
from tsdsl.data.datasets.validation import take_validation
from tsdsl.data.layouts.description import (
    DESCRIPTION_NAME,
    ClassSelection,
    DatasetKind,
    ValidationPart,
    read_description,
)
from tsdsl.data.layouts.files import SPLIT_NAMES, is_folder, split_spellings
from tsdsl.data.layouts.folder_layout import read_class_folders, split_folders
from tsdsl.data.layouts.hmdb51 import HMDB51_SPLITS, find_hmdb51_lists, read_hmdb51
from tsdsl.data.layouts.kinetics import find_lists, has_labels, is_official, read_list, read_official
from tsdsl.data.layouts.list_lines import names_no_classes
from tsdsl.data.layouts.records import ClipRecord, VideoDataset, keep_classes
from tsdsl.data.layouts.something import find_labels, find_list, has_templates, read_something
from tsdsl.data.layouts.table import find_tables, read_table, table_splits
from tsdsl.data.layouts.ucf101 import find_ucf101_lists, read_ucf101, ucf101_lists
from tsdsl.data.settings import ClipSettings
from tsdsl.data.shards.index import INDEX_NAME, local_shards
from tsdsl.data.shards.layout import read_shards, shard_splits
from tsdsl.errors import FileError, UsageError
from tsdsl.printable import utf_8

NUMBERED_KINDS: tuple[DatasetKind, ...] = ("ucf101", "hmdb51")


class NoClipsError(FileError):
    """A split whose list or folder has no existing clip."""


def detect_kind(root: str | Path) -> DatasetKind:
    """The kind of the data set in a folder; FileError if the folder does not exist."""
    root = Path(root)
    if not is_folder(root):
        raise FileError(
            f"{root}: {'is not a folder' if os.path.lexists(root) else 'does not exist'}",
            help="give the folder of a data set; `tsdsl data demo DIR` writes a small one",
        )
    description = read_description(root)
    if description is not None:
        return description.kind
    if (root / INDEX_NAME).is_file():
        return "shards"
    if find_labels(root) is not None and any(find_list(root, split) for split in SPLIT_NAMES):
        return "something-something-v2"
    lists = find_lists(root)
    if lists:
        return "kinetics-csv" if any(is_official(path) for path in lists.values()) else "kinetics-list"
    if find_ucf101_lists(root):
        return "ucf101"
    if find_hmdb51_lists(root):
        return "hmdb51"
    if local_shards(root):
        return "shards"
    return "table" if find_tables(root) else "folder"


def available_splits(root: str | Path, *, kind: str | None = None) -> tuple[str, ...]:
    """The splits of a data set whose clips have classes: train, val, test."""
    listed, unlabelled = _splits(Path(root), kind)
    return tuple(split for split in listed if split not in unlabelled)


def unlabelled_splits(root: str | Path, *, kind: str | None = None) -> tuple[str, ...]:
    """The splits whose lists name clips but no classes, as the test splits of some releases."""
    return _splits(Path(root), kind)[1]


def _splits(root: Path, kind: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(all splits, those without classes)."""
    listed, unlabelled = _own_splits(root, kind)
    if validation_part(root) is None or "train" not in listed:
        return listed, unlabelled
    if "val" in listed:
        raise FileError(
            f"{root}: has validation clips, and {root / DESCRIPTION_NAME} takes some from training",
            help="remove `validation` there",
        )
    return tuple(split for split in SPLIT_NAMES if split in (*listed, "val")), unlabelled


def _own_splits(root: Path, kind: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same without validation clips that are taken from training."""
    detected = detect_kind(root)
    _refuse_circle(root)
    source = _selected_from(root)
    if source is not None:
        return _splits(source, detected)
    kind = _checked_kind(kind) or detected
    if kind == "something-something-v2":
        found = tuple(split for split in SPLIT_NAMES if find_list(root, split) is not None)
        return found, tuple(split for split in found if not has_templates(root, split))
    if kind in ("kinetics-list", "kinetics-csv"):
        lists = find_lists(root)
        return tuple(lists), tuple(name for name, path in lists.items() if not _has_classes(path))
    if kind == "ucf101":
        lists = ucf101_lists(root, _split_number(root))
        return tuple(split for split in SPLIT_NAMES if split in lists), ()
    if kind == "hmdb51":
        return HMDB51_SPLITS, ()
    if kind == "table":
        return table_splits(root), ()
    if kind == "shards":
        return shard_splits(root), ()
    return tuple(split_folders(root)) or ("train",), ()


def open_dataset(root: str | Path, split: str, *, kind: str | None = None, labelled: bool = True) -> VideoDataset:
    """One split (train, val or test) of the data set in a folder; without `labelled`, one of `unlabelled_splits`.

    `recommended` are the settings in its `dataset.json`, else segments without flip for Something-Something V2 (classes
    are directions), else the defaults. Listed clips without a file are in `missing`. FileError if there is no folder or
    clip, or if labels contradict each other.
    """
    root = Path(root)
    detect_kind(root)
    part = validation_part(root)
    name = split_spellings(split)[0]
    if part is None or name == "test":
        return _open_own(root, split, kind, labelled)
    _splits(root, kind)
    parts = take_validation(_open_own(root, "train", kind, labelled), part)
    return parts.training if name == "train" else parts.validation


def open_splits(root: str | Path, *, kind: str | None = None) -> tuple[list[VideoDataset], dict[str, str]]:
    """(the splits that have clips, why others have none): videos of a test split are often not downloaded.

    FileError if the first split has no clips.
    """
    found: list[VideoDataset] = []
    absent: dict[str, str] = {}
    for split in available_splits(root, kind=kind):
        try:
            found.append(open_dataset(root, split, kind=kind))
        except NoClipsError as error:
            if not found:
                raise
            absent[split] = error.message
    return found, absent


def validation_part(root: Path) -> ValidationPart | None:
    """The training clips that validate, if `dataset.json` names such a part."""
    description = read_description(root)
    return None if description is None else description.validation


def _open_own(root: Path, split: str, kind: str | None, labelled: bool) -> VideoDataset:
    """A split as the layout of the folder has it, without validation clips that are taken from training."""
    detected = detect_kind(root)
    _refuse_circle(root)
    chosen = _checked_kind(kind) or detected
    description = read_description(root)
    if description is not None and description.selection is not None:
        return _selected(root, split, description.selection, chosen)
    missing: list[str] = []
    passed_over: list[str] = []
    others: Mapping[str, int] = {}
    moved_from: str | None = None
    records: list[ClipRecord]
    if chosen == "something-something-v2":
        records, class_names, missing = read_something(root, split, labelled)
    elif chosen == "kinetics-list":
        records, class_names, missing, moved_from = read_list(root, split, labelled)
    elif chosen == "kinetics-csv":
        records, class_names, missing = read_official(root, split, labelled)
    elif chosen == "ucf101":
        records, class_names, missing = read_ucf101(root, split, _split_number(root))
    elif chosen == "hmdb51":
        records, class_names, missing = read_hmdb51(root, split, _split_number(root))
    elif chosen == "table":
        records, class_names, missing = read_table(root, split)
    elif chosen == "shards":
        records, class_names = read_shards(root, split)
    else:
        folders = read_class_folders(root, split)
        records, class_names, passed_over, others = (
            folders.records,
            folders.class_names,
            folders.passed_over,
            folders.others,
        )
        if kind is None and description is None and not split_folders(root):
            refuse_other_folders(root, class_names)
    if not records:
        raise NoClipsError(
            f"{root}: the split {split!r} has no clips"
            + (f"; its list names {len(missing)}, such as {missing[0]}" if missing else "")
            + (loose_files(root, split) if chosen == "folder" else ""),
            help="put the videos into class folders, or list them as `path label` in train.csv and val.csv"
            if chosen == "folder"
            else "put the videos below the folder, under the names in the list",
        )
    directions_matter = chosen == "something-something-v2"
    stated = None if description is None else description.flip_allowed
    flip_allowed = not directions_matter if stated is None else stated
    if description is not None and description.clip is not None:
        recommended = description.clip
    elif directions_matter:
        recommended = ClipSettings(sampling="segments", flip=False)
    else:
        recommended = ClipSettings(flip=flip_allowed)
    return VideoDataset(
        root=root,
        split=split_spellings(split)[0],
        kind=chosen,
        records=tuple(records),
        class_names=tuple(map(utf_8, class_names)),
        flip_allowed=flip_allowed,
        recommended=recommended,
        missing=tuple(missing),
        moved_from=moved_from,
        passed_over=tuple(passed_over),
        others=others,
        split_number=_split_number(root) if chosen in NUMBERED_KINDS else None,
    )


def _has_classes(path: Path) -> bool:
    """Whether a list of Kinetics, official or not, names the classes of its clips."""
    return has_labels(path) if is_official(path) else not names_no_classes(path)


def _split_number(root: Path) -> int:
    """The official split in `dataset.json`, else the first."""
    description = read_description(root)
    return 1 if description is None or description.split_number is None else description.split_number


def _selected_from(root: Path) -> Path | None:
    """The data set that the classes of a folder were selected from, or None."""
    description = read_description(root)
    return None if description is None or description.selection is None else root / description.selection.source


def _refuse_circle(root: Path) -> None:
    """FileError if a data set takes its classes from itself, by way of others or not."""
    seen: set[str] = set()
    place: Path | None = root
    while place is not None and is_folder(place):
        real = os.path.realpath(place)
        if real in seen:
            raise FileError(
                f"{root / DESCRIPTION_NAME}: selects its classes from itself",
                help="correct `source`, or run `tsdsl data select` again",
            )
        seen.add(real)
        place = _selected_from(place)


def _selected(root: Path, split: str, selection: ClassSelection, kind: str) -> VideoDataset:
    """A split of selected classes. FileError if the other data set is missing or lacks a class."""
    source = root / selection.source
    if not is_folder(source):
        raise FileError(
            f"{root}: selects {len(selection.classes)} classes of {source}, which does not exist",
            help=f"correct `source` in {root / DESCRIPTION_NAME}, or run `tsdsl data select` again",
        )
    whole = open_dataset(source, split, kind=kind)
    labels = {name: label for label, name in enumerate(whole.class_names)}
    lacking = [name for name in selection.classes if name not in labels]
    if lacking:
        raise FileError(
            f"{root}: {source} has no class {lacking[0]!r}" + (f", nor {len(lacking) - 1} more" if lacking[1:] else ""),
            help="run `tsdsl data select` again",
        )
    return replace(keep_classes(whole, [labels[name] for name in selection.classes]), root=root)


def _checked_kind(kind: str | None) -> DatasetKind | None:
    if kind is None:
        return None
    kinds: tuple[DatasetKind, ...] = get_args(DatasetKind)
    for known in kinds:
        if kind == known:
            return known
    raise UsageError(f"unknown kind {kind!r}", help=f"give one of {', '.join(kinds)}")
