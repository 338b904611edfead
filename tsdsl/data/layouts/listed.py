"""What lists of clips give, and how their labels are numbered by the classes of a data set."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdsl.data.layouts.files import read_list_text
from tsdsl.errors import FileError

MAX_LABEL_DIGITS = 6
_WHOLE_FLOAT = re.compile(r"(?<=\d)\.0+$")
_CLASSES_HELP = "write a number, a space and the name of a class on each line"


@dataclass(frozen=True, slots=True)
class ListedClip:
    """A line of a list; the label is -1 as long as only the name of the class is known."""

    path: str
    label: int
    line: int
    class_name: str | None = None
    split: str | None = None
    """The split that the line names, in a csv with a column `split`."""
    num_frames: int | None = None
    """The number of extracted frames in the folder `path`; None for a video."""


def listed_clip(path: str, label: str, number: int) -> ListedClip:
    """A clip with the text of its label: a number, or the name of its class."""
    label = _WHOLE_FLOAT.sub("", label)  # pandas writes 1.0 where another label of the column was missing
    return ListedClip(path, int(label), number) if is_number(label) else ListedClip(path, -1, number, label)


def is_number(text: str) -> bool:
    """Whether a label is a class number."""
    return text.isdecimal() and len(text) <= MAX_LABEL_DIGITS


@dataclass(frozen=True)
class ClassList:
    """The names of a list of classes by number, and the number of the first."""

    path: Path
    names: tuple[str, ...]
    first: int = 0


def read_class_list(path: Path) -> ClassList:
    """A list of classes: a name on each line, from 0; in `classInd.txt`, and wherever all lines are so, after a number.

    FileError if the numbers have gaps.
    """
    lines = [line.strip() for line in read_list_text(path).splitlines() if line.strip()]
    if path.suffix.lower() == ".csv":
        lines = _lines_of_table(lines)
    if path.name.lower() != "classind.txt" and not _are_numbered(lines):
        return ClassList(path, tuple(lines))
    numbered = {}
    for line in lines:
        number, *name = line.split(None, 1)
        if not is_number(number) or not name:
            raise FileError(f"{path}: is not `NUMBER CLASS`: {line[:80]!r}", help=_CLASSES_HELP)
        if int(number) in numbered:
            raise FileError(f"{path}: gives two classes the number {number}", help=_CLASSES_HELP)
        numbered[int(number)] = name[0]
    first = min(numbered, default=0)
    if sorted(numbered) != list(range(first, first + len(numbered))):
        raise FileError(f"{path}: its {len(numbered)} numbers have gaps", help=_CLASSES_HELP)
    return ClassList(path, tuple(numbered[number] for number in sorted(numbered)), first)


def _lines_of_table(lines: Sequence[str]) -> list[str]:
    """The lines of a csv of classes: `NUMBER NAME` below a header such as `id,name`, or names alone."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    if len(rows) > 1 and all(len(row) == 2 and is_number(row[0]) for row in rows[1:]):
        return [" ".join(row) for row in rows if is_number(row[0])]
    return list(lines)


def _are_numbered(lines: Sequence[str]) -> bool:
    """Whether each line is the next number, from 0 or 1, and a name."""
    numbers = [number for number, *name in (line.split(None, 1) for line in lines) if name]
    return any(numbers == [str(first + n) for n in range(len(lines))] for first in (0, 1))


def number_labels(
    lists: Mapping[Path, Sequence[ListedClip]], classes: ClassList | None
) -> tuple[dict[Path, list[ListedClip]], list[str] | None]:
    """(the lists with class numbers from 0, the names of the classes if the lists or `classes` settle them).

    Class names are numbered as in `classes`, else as sorted. Numbers count from 1 if there is no 0 and `classes` counts
    from 1, or if they are exactly 1 to n and `classes` has no more than n names.

    Raises:
        FileError: one list has names and another numbers; a name is not in `classes`; or a clip lies in the folder of
            another class of `classes`.
    """
    named = {clip.class_name: path for path, clips in lists.items() for clip in clips if clip.class_name is not None}
    numbers = {clip.label: path for path, clips in lists.items() for clip in clips if clip.class_name is None}
    if named and numbers:
        raise FileError(
            f"{next(iter(named.values()))}: has class names, and {next(iter(numbers.values()))} has class numbers",
            help="give all lists class names, or all of them numbers",
        )
    names = None if classes is None else list(classes.names)
    if named:
        names = sorted(named) if names is None else names
        order = {name: label for label, name in enumerate(names)}
        unknown = next((name for name in sorted(named) if name not in order), None)
        if unknown is not None and classes is not None:
            raise FileError(f"{named[unknown]}: the class {unknown!r} is not in {classes.path}", help="add it there")
        numbered = {
            path: [replace(clip, label=order[clip.class_name or ""]) for clip in clips] for path, clips in lists.items()
        }
        return numbered, names
    count = len(numbers)
    exactly_from_one = count > 1 and set(numbers) == set(range(1, count + 1)) and (names is None or len(names) == count)
    if 0 not in numbers and (exactly_from_one or (classes is not None and classes.first == 1)):
        lists = {path: [replace(clip, label=clip.label - 1) for clip in clips] for path, clips in lists.items()}
    if classes is not None:
        _refuse_folders_of_others(lists, classes)
    return {path: list(clips) for path, clips in lists.items()}, names


def _refuse_folders_of_others(lists: Mapping[Path, Sequence[ListedClip]], classes: ClassList) -> None:
    """Refuse a folder named like a class all clips of which in a list have another class's number."""
    for path, clips in lists.items():
        own = set(classes.names)
        named = [(clip, clip.path.rpartition("/")[0].rpartition("/")[2]) for clip in clips]
        named = [(clip, folder) for clip, folder in named if folder in own and clip.label < len(classes.names)]
        agreeing = {folder for clip, folder in named if classes.names[clip.label] == folder}
        for clip, folder in named:
            if folder not in agreeing:
                other = classes.names[clip.label]
                raise FileError(
                    f"{path}:{clip.line}: {clip.path} has the number of {other!r} in {classes.path}",
                    help="number the classes in the list as there, from 0",
                )
