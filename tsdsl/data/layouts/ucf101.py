"""Reads UCF101 as distributed: class folders, and the lists of `ucfTrainTestlist`.

`trainlist01.txt` has lines `CLASS/CLIP.avi NUMBER`, `testlist01.txt` has no numbers, and `classInd.txt` numbers the
classes from 1. 01 is the first of three official splits. There is no validation split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tsdsl.data.layouts.files import ClipFinder, folders_of_lists, read_list_text, split_spellings
from tsdsl.data.layouts.listed import read_class_list
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError

CLASS_INDEX = "classind.txt"
_LIST_NAME = re.compile(r"(train|val|test)list(\d+)\.txt", re.IGNORECASE)


def find_ucf101_lists(root: Path) -> dict[int, dict[str, Path]]:
    """The lists in the first folder of `folders_of_lists` that has any: {1: {"train": ..., "test": ...}}."""
    for folder in folders_of_lists(root):
        found: dict[int, dict[str, Path]] = {}
        for path in sorted(folder.glob("*.txt")):
            if match := _LIST_NAME.fullmatch(path.name):
                found.setdefault(int(match[2]), {})[match[1].lower()] = path
        if any("train" in lists for lists in found.values()):
            return found
    return {}


def ucf101_lists(root: Path, number: int) -> dict[str, Path]:
    """The list of each split, of the official split with a number; FileError names the existing numbers."""
    found = find_ucf101_lists(root)
    if number not in found:
        raise FileError(
            f"{root}: has no trainlist{number:02d}.txt; official splits: {', '.join(map(str, found)) or 'none'}",
            help="correct `split_number` in dataset.json",
        )
    return found[number]


def read_ucf101(root: Path, split: str, number: int) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of a split; FileError for a class that contradicts its number or `classInd.txt`.

    The class of a clip is its folder in the list. Clips are found below `root` by class folder and name.
    """
    lists = ucf101_lists(root, number)
    chosen = next((path for name, path in lists.items() if name in split_spellings(split)), None)
    if chosen is None:
        raise FileError(
            f"{root}: official split {number} has no list for the split {split!r}, only {', '.join(lists)}",
            help=f"use one of them, or write {split_spellings(split)[0]}list{number:02d}.txt beside them",
        )
    index = _class_index(lists)
    entries = {path: list(_entries(path)) for path in lists.values()}
    class_names = sorted(index, key=lambda name: index[name])
    labels = {name: label for label, name in enumerate(class_names)}
    for path, lines in entries.items():
        for line, clip, stated in lines:
            name = PurePosixPath(clip).parent.name
            if name not in labels or stated not in (None, index[name]):
                raise FileError(
                    f"{path}:{line}: {clip} has class number {stated}, expected {index.get(name, 'a class')}"
                    if name in labels
                    else f"{path}:{line}: the class {name!r} is not among the {len(labels)} of the lists",
                    help="take all lists from the same release",
                )
    finder = ClipFinder(root)
    records, missing = [], []
    for _, clip, _ in entries[chosen]:
        name = PurePosixPath(clip).parent.name
        found = finder.found(name, PurePosixPath(clip).name)
        if found is None:
            missing.append(clip)
        else:
            records.append(ClipRecord(found, labels[name]))
    return records, class_names, missing


def _entries(path: Path) -> Iterator[tuple[int, str, int | None]]:
    """(line number, clip, class number if any) of each line."""
    for line, text in enumerate(read_list_text(path).splitlines(), start=1):
        clip, _, number = text.strip().rpartition(" ")
        if not clip or not number.isdecimal():
            clip, number = text.strip(), ""
        clip = clip.strip().replace("\\", "/")
        if not clip:
            continue
        if "/" not in clip:
            raise FileError(f"{path}:{line}: is not `CLASS/CLIP`: {clip[:80]!r}", help="download the lists again")
        yield line, clip, int(number) if number else None


def _class_index(lists: dict[str, Path]) -> dict[str, int]:
    """The number of each class: from `classInd.txt` beside the lists, else from the training list."""
    beside = next(iter(lists.values())).parent
    path = next((path for path in sorted(beside.iterdir()) if path.name.lower() == CLASS_INDEX), None)
    if path is not None:
        classes = read_class_list(path)
        return {name: classes.first + n for n, name in enumerate(classes.names)}
    index: dict[str, int] = {}
    for line, clip, number in _entries(lists["train"]):
        if number is None:
            raise FileError(
                f"{lists['train']}:{line}: has no class number, and there is no classInd.txt",
                help="put classInd.txt beside the lists",
            )
        index.setdefault(PurePosixPath(clip).parent.name, number)
    if len(set(index.values())) != len(index):
        raise FileError(f"{lists['train']}: gives two classes one number", help="download the lists again")
    return index
