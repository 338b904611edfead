"""The Python API: load a space, build its supernet or one model, search it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tsdsl.errors import FileError, SpaceError, UsageError
from tsdsl.source import SourceFile
from tsdsl.space.model import Space

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
        if place.stat().st_size > LARGEST_FILE_BYTES:
            raise FileError(
                f"{name}: is larger than {LARGEST_FILE_BYTES // 2**20} MiB",
                help="a space is a text of a few kilobytes",
            )
        data = place.read_bytes()
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror})", help="check the path") from error
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
        raise FileError(
            f"{name}:{line}: byte {error.start} is not UTF-8", help="save the file as UTF-8"
        ) from error


def _shipped(name: str) -> SourceFile:
    folder = files("tsdsl.spaces")
    known = sorted(
        entry.name.removesuffix(".tsspace") for entry in folder.iterdir() if entry.name.endswith(".tsspace")
    )
    wanted = name.removeprefix(STANDARD)
    if wanted not in known:
        raise FileError(f"{name}: there is no such shipped space", help=f"shipped are {', '.join(known)}")
    return SourceFile(name, folder.joinpath(f"{wanted}.tsspace").read_text(encoding="utf-8"))


def load(path: str | Path, name: str | None = None) -> Space:
    """The space in a file (or `std:NAME`); `name` picks one where the file holds several.

    Raises:
        FileError: the file cannot be read.
        SpaceError: the space has errors; its `diagnostics` say which.
        UsageError: the file holds several spaces and `name` picks none of them.
    """
    from tsdsl.analysis.check import check

    checked = check(read_source(path))
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        from tsdsl.diagnostics.render import concise

        raise SpaceError(f"{path} has errors:\n" + "\n".join(map(concise, errors)), errors)
    return pick([resolved.space for resolved in checked.spaces], name, str(path))


def pick(spaces: list[Space], name: str | None, place: str) -> Space:
    """The space called `name`, or the only one."""
    if name is None and len(spaces) == 1:
        return spaces[0]
    for space in spaces:
        if space.name == name:
            return space
    known = ", ".join(space.name for space in spaces)
    if name is None:
        raise UsageError(f"{place} holds several spaces: {known}", help="pick one with --space NAME")
    raise UsageError(f"{place} has no space {name}", help=f"it has {known}")
