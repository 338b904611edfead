"""Reads clips from rows with named columns: csv, a JSON list of objects, or JSON lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tsdsl.data.layouts.files import is_video, read_list_json, read_list_text
from tsdsl.data.layouts.listed import ListedClip, listed_clip
from tsdsl.errors import FileError
from tsdsl.files import open_regular
from tsdsl.files.reading import parse_json

MAX_HEADER_BYTES = 4096
PATH_COLUMNS = (
    *("path", "filepath", "file_path", "video_path", "clip_path", "file", "filename", "file_name", "video", "clip"),
    *("video_name", "clip_name", "vid_name", "name", "video_id", "clip_id", "vid", "id"),
)
"""Names of a column of paths; of several, the first here is read."""
LABEL_COLUMNS = (
    *("class_name", "label_name", "label", "class", "tag", "category", "action", "activity", "target"),
    *("class_id", "label_id"),
)
SPLIT_COLUMNS = ("split", "subset")
JSON_SUFFIXES = (".json", ".jsonl")

_FIRST_OBJECT = re.compile(r"(?:\[\s*)?\{[^{}]*\}")
_FIRST_ENTRY = re.compile(r'\{\s*"([^"]+)"\s*:\s*(?:"[^"]*"|\d+)\s*[,}]')
MAP_COLUMNS = ("path", "label")
"""What a JSON object of labels by path has for columns."""
_KEY = re.compile(r'"(\w+)"\s*:')


@dataclass(frozen=True)
class Columns:
    """The places of the columns that are read."""

    path: int
    label: int
    split: int | None
    delimiter: str = ","


def header_columns(header: str) -> Columns | None:
    """The columns if a line is the header of a csv with one of paths and one of labels."""
    for delimiter in ",;\t ":
        try:
            columns = _columns(_cells(header, delimiter))
        except csv.Error:
            return None
        if columns is not None:
            return replace(columns, delimiter=delimiter)
    return None


def has_columns(path: Path) -> bool:
    """Whether a csv, a JSON list, an object of labels by path, or JSON lines have columns of paths and labels."""
    return _columns_of(path) is not None


def has_split_column(path: Path) -> bool:
    """Whether it has a column of splits, too."""
    columns = _columns_of(path)
    return columns is not None and columns.split is not None


def parse_table(path: Path) -> list[ListedClip]:
    """The clips of a csv, JSON or JSON lines that `has_columns`.

    Raises:
        FileError: a row has no path, label or split, or some labels are names and others numbers.
    """
    if path.suffix.lower() not in JSON_SUFFIXES:
        lines = numbered_lines(path)
        columns = header_columns(lines[0][1]) if lines else None
        if columns is None:
            raise FileError(f"{path}: has no columns of paths and labels", help="name them `path` and `label`")
        return csv_clips(path, lines[1:], columns)
    objects = _json_objects(path)
    names = list(dict.fromkeys(name for _, item in objects for name in item))
    columns = _columns(names)
    if columns is None:
        raise FileError(f"{path}: has no columns of paths and labels", help="name them `path` and `label`")
    return _clips(path, ((n, [_text(item.get(name)) for name in names]) for n, item in objects), columns)


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1."""
    return [(n, text.strip()) for n, text in enumerate(read_list_text(path).splitlines(), start=1) if text.strip()]


def csv_clips(path: Path, lines: Sequence[tuple[int, str]], columns: Columns) -> list[ListedClip]:
    """The clips of the lines of a csv; FileError as `parse_table`."""

    def rows() -> Iterator[tuple[int, list[str]]]:
        for number, text in lines:
            try:
                yield number, _cells(text, columns.delimiter)
            except csv.Error as error:
                raise FileError(
                    f"{path}:{number}: is not a line of a csv ({error})", help="correct the line"
                ) from error

    return _clips(path, rows(), columns)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _columns(header: Sequence[str]) -> Columns | None:
    names = [name.strip().lower() for name in header]
    path, label, split = (
        next((names.index(name) for name in wanted if name in names), None)
        for wanted in (PATH_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS)
    )
    return None if path is None or label is None else Columns(path, label, split)


def _columns_of(path: Path) -> Columns | None:
    with open_regular(path) as file:
        head = file.read(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace").lstrip()
    if path.suffix.lower() not in JSON_SUFFIXES:
        return header_columns(head.partition("\n")[0].strip())
    entry = _FIRST_ENTRY.match(head)
    if entry is not None and is_video(Path(entry[1])):
        return _columns(MAP_COLUMNS)
    first = _FIRST_OBJECT.match(head)
    return None if first is None else _columns(_KEY.findall(first[0]))


def _json_objects(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list or of JSON lines, with their numbers from 1."""
    help = "each must be an object with a path and a label, such as " + '{"file_name": "a.mp4", "label": "run"}'
    if path.suffix.lower() == ".json":
        values = read_list_json(path)
        if isinstance(values, dict) and any(is_video(Path(name)) for name in values):
            values = [dict(zip(MAP_COLUMNS, entry, strict=True)) for entry in values.items()]
        numbered = list(enumerate(values, start=1)) if isinstance(values, list) else [(1, values)]
    else:
        numbered = [(n, parse_json(text, str(path), help, n)) for n, text in numbered_lines(path)]
    wrong = next((n for n, item in numbered if not isinstance(item, dict)), None)
    if wrong is not None:
        raise FileError(f"{path}:{wrong}: is not a clip", help=help)
    return numbered


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _clips(path: Path, rows: Iterable[tuple[int, Sequence[str]]], columns: Columns) -> list[ListedClip]:
    clips = []
    needed = [columns.path, columns.label, *([] if columns.split is None else [columns.split])]
    for number, row in rows:
        values = [value.strip() for value in row]
        if len(values) <= max(needed) or not all(values[column] for column in needed):
            shown = columns.delimiter.join(values)[:80]
            raise FileError(f"{path}:{number}: has no path or no label, or no split: {shown!r}", help="complete it")
        clip = listed_clip(values[columns.path], values[columns.label], number)
        clips.append(clip if columns.split is None else replace(clip, split=values[columns.split].lower()))
    numbers = [clip.class_name is None for clip in clips]
    if any(numbers) and not all(numbers):
        wrong = clips[numbers.index(False)]
        raise FileError(
            f"{path}:{wrong.line}: has the label {wrong.class_name!r}, and other lines have numbers",
            help="give all lines class names, or all of them numbers",
        )
    return clips
