"""Loads a space that has no errors from a file."""

from __future__ import annotations

from pathlib import Path

from tsdsl.errors import SpaceError, UsageError
from tsdsl.source_files import STANDARD, read_source
from tsdsl.space.model import Space


def load(path: str | Path, name: str | None = None) -> Space:
    """The space in a file (or `std:NAME`); `name` picks one where the file holds several.

    Raises:
        FileError: the file cannot be read.
        SpaceError: the space has errors; its `diagnostics` say which.
        UsageError: the file holds several spaces and `name` picks none of them.
    """
    from tsdsl.check.check import check

    checked = check(read_source(path))
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        from tsdsl.diagnostics.listing import Listing
        from tsdsl.diagnostics.render import concise

        raise SpaceError(f"{path} has errors:\n" + "\n".join(map(concise, errors)), Listing(errors))
    return pick([resolved.space for resolved in checked.spaces], name, str(path))


def pick(spaces: list[Space], name: str | None, place: str) -> Space:
    """The space called `name`; without a name the only one, or the one called as the file is."""
    if name is None and len(spaces) == 1:
        return spaces[0]
    wanted = name or Path(place.removeprefix(STANDARD)).stem
    for space in spaces:
        if space.name == wanted:
            return space
    known = ", ".join(space.name for space in spaces)
    if name is None:
        raise UsageError(f"{place} holds several spaces: {known}", help="pick one with --space NAME")
    raise UsageError(f"{place} has no space {name}", help=f"it has {known}")
