"""Reading `.tsspace` texts: files, and the shipped spaces that `std:NAME` names."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from tsdsl.errors import FileError
from tsdsl.files import read_text
from tsdsl.source import SourceFile

MAX_SPACE_BYTES = 8 * 2**20
STANDARD = "std:"


def read_source(path: str | Path) -> SourceFile:
    """The text of a `.tsspace` file, or of the shipped space that `std:NAME` names.

    Raises:
        FileError: it is missing, unreadable, a folder, too large, or not UTF-8.
    """
    name = str(path)
    if name.startswith(STANDARD):
        return _shipped(name)
    help = "give the path of a .tsspace file: a text of a few kilobytes"
    return SourceFile(name, read_text(path, help, MAX_SPACE_BYTES))


def shipped_names() -> list[str]:
    """The names after `std:` of the shipped files."""
    entries = files("tsdsl.spaces").iterdir()
    return sorted(entry.name.removesuffix(".tsspace") for entry in entries if entry.name.endswith(".tsspace"))


def shipped_with(space: str) -> list[str]:
    """`std:NAME` of each shipped file that holds a space of this name."""
    pattern = re.compile(rf"^space {re.escape(space)}\b", re.MULTILINE)
    names = (f"{STANDARD}{name}" for name in shipped_names())
    return [name for name in names if pattern.search(_shipped(name).text)]


def _shipped(name: str) -> SourceFile:
    wanted, known = name.removeprefix(STANDARD), shipped_names()
    if wanted not in known:
        raise FileError(f"{name}: there is no such shipped space", help=f"shipped are {', '.join(known)}")
    return SourceFile(name, files("tsdsl.spaces").joinpath(f"{wanted}.tsspace").read_text(encoding="utf-8"))
