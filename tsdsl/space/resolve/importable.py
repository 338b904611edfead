"""What may be imported into a file: the shipped files, and the files beside and below it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from tsdsl.source import SourceFile
from tsdsl.source_files import STANDARD, shipped_names

MAX_ENTRIES = 2000


def importable(source: SourceFile) -> list[tuple[str, str]]:
    """The paths that a file can import, each with what it is; of a folder's entries no more than `MAX_ENTRIES`."""
    found = [(f"{STANDARD}{name}", "shipped") for name in shipped_names()]
    if source.name.startswith(STANDARD):
        return found
    own = Path(source.name)
    folders = [own.parent, *sorted(path for path in _entries(own.parent) if _is_folder(path))]
    for folder in folders:
        for path in sorted(_entries(folder)):
            if path.suffix == ".tsspace" and path != own:
                found.append((path.relative_to(own.parent).as_posix(), "a file of the project"))
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(islice(folder.iterdir(), MAX_ENTRIES))
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()
