"""Reading `.tsspace` texts: files, and the shipped spaces that `std:NAME` names."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from tsdsl.errors import FileError
from tsdsl.source import SourceFile

LARGEST_FILE_BYTES = 8 * 1024 * 1024
STANDARD = "std:"


def read_source(path: str | Path) -> SourceFile:
    """The text of a `.tsspace` file, or of the shipped space that `std:NAME` names.

    Raises:
        FileError: it is missing, unreadable, a folder, too large, or not UTF-8.
    """
    name = str(path)
    if name.startswith(STANDARD):
        return _shipped(name)
    place = Path(path)
    try:
        if place.is_dir():
            raise FileError(f"{name}: is a folder", help="give a .tsspace file")
        with place.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)  # whatever its size is said to be: a device says 0
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror})", help="check the path") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise FileError(
            f"{name}: is larger than {LARGEST_FILE_BYTES // 2**20} MiB",
            help="a space is a text of a few kilobytes",
        )
    return decode_source(name, data)


def decode_source(name: str, data: bytes) -> SourceFile:
    """The text in `data`, a byte-order mark dropped.

    Raises:
        FileError: it is not UTF-8; the message names the byte.
    """
    try:
        return SourceFile(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"{name}:{line}: byte {error.start} is not UTF-8", help="save the file as UTF-8") from error


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
