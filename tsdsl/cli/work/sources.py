"""Reads and writes the source files that commands name: files, folders, shipped spaces, standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tsdsl.errors import FileError, UsageError
from tsdsl.files import decode, write_text
from tsdsl.source import SourceFile, split_lines

STANDARD_INPUT_FLAG = "-"
STANDARD_INPUT = "<stdin>"


def read_sources(argument: str) -> list[SourceFile]:
    """The sources that an argument names: a file, all in a folder, a shipped space, standard input."""
    import sys

    from tsdsl.source_files import STANDARD, read_source

    if argument == STANDARD_INPUT_FLAG:
        return [SourceFile(STANDARD_INPUT, decode(sys.stdin.buffer.read(), STANDARD_INPUT))]
    path = Path(argument)
    if not argument.startswith(STANDARD) and path.is_dir():
        found = sorted(path.rglob("*.tsspace"))
        if not found:
            raise FileError(f"{path}: contains no .tsspace file", help="give a file, or another folder")
        return [read_source(file) for file in found]
    return [read_source(argument)]


def demand_writable(name: str) -> None:
    """Raise UsageError for a shipped space."""
    if name.startswith("std:"):
        raise UsageError(f"{name}: shipped spaces cannot be changed", help="give a file of your own")


def writable_sources(arguments: Iterable[str]) -> Iterator[SourceFile]:
    """The sources that several arguments name; UsageError for a shipped space."""
    for argument in arguments:
        demand_writable(argument)
        yield from read_sources(argument)


def write_source(source: SourceFile, text: str) -> None:
    """Replace the content of a source's file by `text`.

    Raises:
        FileError: the file has changed since it was read, or cannot be written; it is unchanged then.
    """
    from tsdsl.source_files import read_source

    if read_source(source.name).text != source.text:
        raise FileError(f"{source.name}: has changed since it was read", help="run the command again")
    write_text(Path(source.name).resolve(), text)


def unified(source: SourceFile, after: str) -> str:
    """The difference between a source and `after` in the format of `diff -u`."""
    from difflib import unified_diff

    lines = unified_diff(split_lines(source.text), split_lines(after), source.name, source.name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def demand_absent(path: Path, force: bool) -> None:
    """Raise FileError if `path` exists, unless forced to overwrite it."""
    if path.exists() and not force:
        raise FileError(f"{path}: already exists", help="choose another name, or overwrite it with --force")
