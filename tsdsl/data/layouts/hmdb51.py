"""Reads HMDB51 as distributed: class folders, and the lists of `testTrainMulti_7030_splits`.

`CLASS_test_split1.txt` has lines `CLIP.avi USE`: 1 trains, 2 tests, 0 is unused. There is no validation split.
"""

from __future__ import annotations

import re
from pathlib import Path

from tsdsl.data.layouts.files import ClipFinder, folders_of_lists, read_list_text, split_spellings
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError

HMDB51_SPLITS = ("train", "test")
_LIST_NAME = re.compile(r"(.+)_test_split(\d+)\.txt", re.IGNORECASE)
_USES = {"0": None, "1": "train", "2": "test"}


def find_hmdb51_lists(root: Path) -> dict[int, dict[str, Path]]:
    """The lists in the first folder of `folders_of_lists` that has any: {1: {class name: list}}."""
    for folder in folders_of_lists(root):
        found: dict[int, dict[str, Path]] = {}
        for path in sorted(folder.glob("*.txt")):
            if match := _LIST_NAME.fullmatch(path.name):
                found.setdefault(int(match[2]), {})[match[1]] = path
        if found:
            return found
    return {}


def read_hmdb51(root: Path, split: str, number: int) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of a split of the official split with a number.

    Classes are sorted by name. Clips are found below `root` by class folder and name.
    """
    found = find_hmdb51_lists(root)
    if number not in found:
        raise FileError(
            f"{root}: has no lists CLASS_test_split{number}.txt; "
            f"official splits: {', '.join(map(str, found)) or 'none'}",
            help="correct `split_number` in dataset.json",
        )
    use = next((name for name in HMDB51_SPLITS if name in split_spellings(split)), None)
    if use is None:
        raise FileError(f"{root}: HMDB51 has no split {split!r}, only train and test", help="use one of them")
    class_names = sorted(found[number])
    finder = ClipFinder(root)
    records, missing = [], []
    for label, name in enumerate(class_names):
        path = found[number][name]
        for line, text in enumerate(read_list_text(path).splitlines(), start=1):
            if not text.strip():
                continue
            clip, _, stated = text.strip().rpartition(" ")
            if not clip or stated not in _USES:
                raise FileError(
                    f"{path}:{line}: is not `CLIP USE` with 0, 1 or 2: {text.strip()[:80]!r}",
                    help="download the lists again",
                )
            if _USES[stated] != use:
                continue
            place = finder.found(name, clip.strip())
            if place is None:
                missing.append(f"{name}/{clip.strip()}")
            else:
                records.append(ClipRecord(place, label))
    return records, class_names, missing
