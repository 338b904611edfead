"""The texts that commands read and write: files, folders, shipped spaces, standard input."""

from __future__ import annotations

from pathlib import Path

from tsdsl.errors import FileError
from tsdsl.files import decode, write_text
from tsdsl.source import SourceFile

STANDARD_INPUT_FLAG = "-"
STANDARD_INPUT = "<stdin>"


def write_source(source: SourceFile, text: str) -> None:
    """Put `text` into the file of a source, which still holds what was read.

    Raises:
        FileError: it has changed since it was read, or cannot be written; it is as it was.
    """
    from tsdsl.source_files import read_source

    if read_source(source.name).text != source.text:
        raise FileError(f"{source.name}: has changed since it was read", help="run the command again")
    write_text(Path(source.name).resolve(), text)


def unified(source: SourceFile, after: str) -> str:
    """The lines that differ from what a source holds, as `diff -u` writes them."""
    from difflib import unified_diff

    lines = unified_diff(_lines(source.text), _lines(after), source.name, source.name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends; only a newline ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], *(line[:-1] for line in lines[-1:] if line != "\n")]


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
            raise FileError(f"{path}: holds no .tsspace file", help="give a file, or another folder")
        return [read_source(file) for file in found]
    return [read_source(argument)]
