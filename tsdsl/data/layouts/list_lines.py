"""Reads the lines of a list of clips: `path label` in many forms, with class numbers or class names."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdsl.data.layouts.files import is_video, read_list_text
from tsdsl.errors import FileError
from tsdsl.files import open_regular

MAX_LABEL_DIGITS = 6
MAX_HEADER_BYTES = 4096
NUM_JUDGED_LINES = 50
PATH_COLUMNS = frozenset(
    ["path", "file", "filename", "file_name", "filepath", "file_path", "video", "video_path", "video_name", "clip"]
)
LABEL_COLUMNS = frozenset(["label", "class", "tag", "category", "target", "class_name", "label_name", "class_id"])
SPLIT_COLUMNS = frozenset(["split", "subset"])
_HELP = "write a path, a space or comma, and a class number from 0 on each line"

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


@dataclass(frozen=True)
class ClassList:
    """The names of a list of classes by number, and the number of the first."""

    path: Path
    names: tuple[str, ...]
    first: int = 0


def read_class_list(path: Path) -> ClassList:
    """A list of classes: a name on each line, from 0; in `classInd.txt` each name follows its number.

    FileError if the numbers have gaps.
    """
    lines = [line.strip() for line in read_list_text(path).splitlines() if line.strip()]
    if path.name.lower() != "classind.txt":
        return ClassList(path, tuple(lines))
    numbered = {}
    for line in lines:
        number, *name = line.split(None, 1)
        if not _is_number(number) or not name:
            raise FileError(f"{path}: is not `NUMBER CLASS`: {line[:80]!r}", help=_CLASSES_HELP)
        if int(number) in numbered:
            raise FileError(f"{path}: gives two classes the number {number}", help=_CLASSES_HELP)
        numbered[int(number)] = name[0]
    first = min(numbered, default=0)
    if sorted(numbered) != list(range(first, first + len(numbered))):
        raise FileError(f"{path}: its {len(numbered)} numbers have gaps", help=_CLASSES_HELP)
    return ClassList(path, tuple(numbered[number] for number in sorted(numbered)), first)


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


def parse_list(path: Path) -> list[ListedClip]:
    """The clips of a list, in any of these forms.

    - `path label`, `path,label` (the path may contain spaces) or `number label path`, perhaps in quotes;
    - `folder frames label`, where a folder has that number of extracted frames;
    - the same with a class name for every label, if the paths have suffixes of videos;
    - a csv whose first line names a column of `PATH_COLUMNS`, one of `LABEL_COLUMNS`, and perhaps one of
      `SPLIT_COLUMNS`; others are not read.

    FileError names the first line that is none of these.
    """
    lines = [(n, text.strip()) for n, text in enumerate(read_list_text(path).splitlines(), start=1) if text.strip()]
    if not lines:
        return []
    columns = _columns(lines[0][1].removeprefix("\ufeff"))
    if columns is not None:
        return _by_columns(path, lines[1:], columns)
    lines[0] = (lines[0][0], lines[0][1].removeprefix("\ufeff"))
    numbered = [_numbered(text, number) for number, text in lines]
    if not any(numbered):
        named = [clip for number, text in lines if (clip := _named(text, number))]
        if len(named) == len(lines):
            return named
    for (number, text), clip in zip(lines, numbered, strict=True):
        if clip is None and re.search(r"[ ,\t]-1$", text):
            raise FileError(
                f"{path}:{number}: has -1 for a label, as lists without classes: {text[:80]!r}",
                help="search and train need classes: write `path label` on each line; "
                "`tsdsl predict` reads lists without labels",
            )
        if clip is None:
            raise FileError(f"{path}:{number}: is not `path label`: {text[:80]!r}", help=_HELP)
    clips = [clip for clip in numbered if clip is not None]
    of_frames = [_of_frames(clip) for clip in clips]
    return [clip for clip in of_frames if clip is not None] if all(of_frames) else clips


def names_no_classes(path: Path) -> bool:
    """Whether a list is that of a split without classes: its first lines are paths of videos alone, or end in -1."""
    with open_regular(path) as file:
        lines = [file.readline(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace") for _ in range(NUM_JUDGED_LINES)]
    texts = [_unquoted(line.strip()) for line in lines if line.strip()]
    return bool(texts) and all(_without_class(text) is not None for text in texts)


def parse_unlabelled(path: Path) -> list[ListedClip]:
    """The clips of a list that `names_no_classes`; FileError names a line with another form."""
    clips = []
    for number, line in enumerate(read_list_text(path).splitlines(), start=1):
        text = _unquoted(line.strip())
        name = _without_class(text)
        if name is not None:
            clips.append(ListedClip(name, -1, number))
        elif text:
            raise FileError(
                f"{path}:{number}: names a class, unlike the lines before: {text[:80]!r}",
                help="give all clips of a list classes, or none of them",
            )
    return clips


def _without_class(text: str) -> str | None:
    """The path in a line that is a path alone, or has -1 for a label, as `a.mp4 -1` and `a.mp4 0 -1`; else None."""
    match = re.fullmatch(r"(.+?)(?:[ ,\t]+\d+)?[ ,\t]+-1", text)
    if match is not None:
        return match[1].strip('"')
    return text.strip('"') if is_video(Path(text.strip('"'))) and not _named(text, 0) else None


def _of_frames(clip: ListedClip) -> ListedClip | None:
    """The clip of a line `folder frames label`."""
    match = re.fullmatch(r"(.+?)[ ,\t]+(\d{1,9})", clip.path)
    if match is None or is_video(Path(match[1])):
        return None
    return replace(clip, path=match[1], num_frames=int(match[2]))


def refuse_other_lists(path: Path, clips: Sequence[ListedClip]) -> None:
    """FileError if the lines of a list without any existing file have several labels."""
    for clip in clips:
        match = re.fullmatch(r"(.+?)((?:[ ,]+-?\d+)+)", clip.path)
        if match is not None:
            raise FileError(
                f"{path}:{clip.line}: has several numbers after {match[1]!r}, expected one label",
                help="give each clip one class, as `path label`, or as `folder frames label` if it is extracted frames",
            )


def has_columns(path: Path, *, split: bool = False) -> bool:
    """Whether the first line of a file names columns of paths and labels, and of splits if `split` asks for it."""
    with open_regular(path) as file:
        header = file.readline(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace").strip()
    columns = _columns(header)
    return columns is not None and (columns.split is not None or not split)


@dataclass(frozen=True)
class _Columns:
    delimiter: str
    path: int
    label: int
    split: int | None


def _columns(header: str) -> _Columns | None:
    """The columns if a line is a header with one of paths and one of labels."""
    for delimiter in ",;\t ":
        names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
        path, label, split = (
            next((n for n, name in enumerate(names) if name in wanted), None)
            for wanted in (PATH_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS)
        )
        if path is not None and label is not None:
            return _Columns(delimiter, path, label, split)
    return None


def _by_columns(path: Path, lines: Sequence[tuple[int, str]], columns: _Columns) -> list[ListedClip]:
    clips = []
    for number, text in lines:
        values = [value.strip() for value in next(csv.reader([text], delimiter=columns.delimiter), [])]
        needed = [columns.path, columns.label, *([] if columns.split is None else [columns.split])]
        if len(values) <= max(needed) or not all(values[column] for column in needed):
            raise FileError(
                f"{path}:{number}: has no path or no label, or no split: {text[:80]!r}", help="complete the line"
            )
        clip = _clip(values[columns.path], values[columns.label], number)
        clips.append(clip if columns.split is None else replace(clip, split=values[columns.split].lower()))
    numbers = [clip.class_name is None for clip in clips]
    if any(numbers) and not all(numbers):
        wrong = clips[numbers.index(False)]
        raise FileError(
            f"{path}:{wrong.line}: has the label {wrong.class_name!r}, and other lines have numbers",
            help="give all lines class names, or all of them numbers",
        )
    return clips


def _numbered(text: str, number: int) -> ListedClip | None:
    text = _unquoted(text)
    for separator in (",", None):
        parts = text.rsplit(separator, 1)
        if len(parts) == 2 and _is_number(parts[1].strip()):
            return ListedClip(parts[0].strip().strip('"'), int(parts[1]), number)
    parts = text.split(None, 2)
    if len(parts) == 3 and parts[0].isdecimal() and _is_number(parts[1]):
        return ListedClip(parts[2], int(parts[1]), number)
    return None


def _named(text: str, number: int) -> ListedClip | None:
    text = _unquoted(text)
    for pattern in (r"(.+?\.\w+)\"?\s*[,;\t]\s*(.+)", r"(.+?\.\w+)\"?\s+(\S+)"):
        match = re.fullmatch(pattern, text)
        if match and is_video(Path(match[1])) and not re.fullmatch(r"[-+\d., ]+", match[2]):
            return ListedClip(match[1].strip('"'), -1, number, match[2].strip().strip('"'))
    return None


def _clip(path: str, label: str, number: int) -> ListedClip:
    return ListedClip(path, int(label), number) if _is_number(label) else ListedClip(path, -1, number, label)


def _unquoted(text: str) -> str:
    """A line without the quotes around the whole of it, as spreadsheets write it."""
    return text[1:-1] if text.startswith('"') and text.endswith('"') and text.count('"') == 2 else text


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_LABEL_DIGITS
