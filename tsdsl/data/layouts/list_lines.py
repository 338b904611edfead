"""Reads the lines of a list of clips: `path label` in many forms, with class numbers or class names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tsdsl.data.layouts.columns import PATH_COLUMNS, csv_clips, header_columns, numbered_lines
from tsdsl.data.layouts.files import is_video, read_list_text
from tsdsl.data.layouts.listed import ListedClip, is_number
from tsdsl.errors import FileError
from tsdsl.files import open_regular

MAX_HEADER_BYTES = 4096
NUM_JUDGED_LINES = 50
_HELP = "write a path, a space or comma, and a class number from 0 on each line"

_HEADER = re.compile(r"\"?[A-Za-z_]\w*\"?(?:[,;\t]\"?[A-Za-z_]\w*\"?)+")


def parse_list(path: Path) -> list[ListedClip]:
    """The clips of a list, in any of these forms.

    - `path label`, `path,label` (the path may contain spaces) or `number label path`, perhaps in quotes;
    - `folder frames label`, where a folder has that number of extracted frames;
    - the same with a class name for every label, if the paths have suffixes of videos, or as `path;name`;
    - a csv whose first line names a column of `PATH_COLUMNS`, one of `LABEL_COLUMNS`, and perhaps one of
      `SPLIT_COLUMNS`; others are not read.

    FileError names the first line that is none of these.
    """
    lines = numbered_lines(path)
    if not lines:
        return []
    columns = header_columns(lines[0][1])
    if columns is not None:
        return csv_clips(path, lines[1:], columns)
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
        if clip is None and number == lines[0][0] and _HEADER.fullmatch(text):
            raise FileError(
                f"{path}:{number}: its columns are {text[:200]!r}, expected one of paths and one of labels",
                help=f"name them {' or '.join(PATH_COLUMNS[:3])}, and label; {_HELP}",
            )
        if clip is None:
            raise FileError(f"{path}:{number}: is not `path label`: {text[:80]!r}", help=_HELP)
    clips = [clip for clip in numbered if clip is not None]
    of_frames = [_of_frames(clip) for clip in clips]
    return [clip for clip in of_frames if clip is not None] if all(of_frames) else clips


def is_list(path: Path) -> bool:
    """Whether the first line of a file is one of a list of clips."""
    with open_regular(path) as file:
        line = file.readline(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace").strip()
    return bool(header_columns(line) or _numbered(line, 1) or _named(line, 1))


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
    alone = text.strip('"')
    if is_video(Path(alone)):
        return alone if not _named(text, 0) else None
    return alone if re.fullmatch(r"[\w./-]+", alone) else None


def _of_frames(clip: ListedClip) -> ListedClip | None:
    """The clip of a line `folder frames label`."""
    match = re.fullmatch(r"(.+?)[ ,;\t]+(\d{1,9})", clip.path)
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


def _numbered(text: str, number: int) -> ListedClip | None:
    text = _unquoted(text)
    for separator in (",", ";", None):
        parts = text.rsplit(separator, 1)
        if len(parts) == 2 and is_number(parts[1].strip()):
            return ListedClip(parts[0].strip().strip('"'), int(parts[1]), number)
    parts = text.split(None, 2)
    if len(parts) == 3 and parts[0].isdecimal() and is_number(parts[1]):
        return ListedClip(parts[2], int(parts[1]), number)
    return None


def _named(text: str, number: int) -> ListedClip | None:
    text = _unquoted(text)
    for pattern in (r"(.+?\.\w+)\"?\s*[,;\t]\s*(.+)", r"(.+?\.\w+)\"?\s+(\S+)"):
        match = re.fullmatch(pattern, text)
        if match and is_video(Path(match[1])) and not re.fullmatch(r"[-+\d., ]+", match[2]):
            return ListedClip(match[1].strip('"'), -1, number, match[2].strip().strip('"'))
    match = re.fullmatch(r"([^;]+);([^;]*[^;\d.+-][^;]*)", text)
    return None if match is None else ListedClip(match[1].strip(), -1, number, match[2].strip())


def _unquoted(text: str) -> str:
    """A line without the quotes around the whole of it, as spreadsheets write it."""
    return text[1:-1] if text.startswith('"') and text.endswith('"') and text.count('"') == 2 else text
