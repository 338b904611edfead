"""What may stand between the quotes of an import: the shipped files, and the files beside and below this one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tsdsl.source import SourceFile, Span
from tsdsl.source_files import STANDARD, shipped_names
from tsdsl.syntax.machine import Token

MOST_ENTRIES = 2000
_SILENT = frozenset({"WS", "COMMENT"})


def import_path_at(tokens: Sequence[Token], offset: int) -> Span | None:
    """What is between the quotes that an offset is in, where they are those of an import; unclosed ones too."""
    previous = ""
    for token in tokens:
        start = token.start_pos or 0
        end = start + len(token.value)
        if start >= offset:
            return None
        is_closed = token.type == "STRING"
        is_path = is_closed or (token.type == "BAD" and token.value.startswith('"'))
        if is_path and previous == "IMPORT" and offset < end + (not is_closed):
            return Span(start + 1, end - 1 if is_closed else start + len(token.value.rstrip()))
        if token.type not in _SILENT:
            previous = token.type
    return None


def importable(source: SourceFile) -> list[tuple[str, str]]:
    """The paths that a file can import, each with what it is; of a folder's entries no more than `MOST_ENTRIES`."""
    found = [(f"{STANDARD}{name}", "shipped") for name in shipped_names()]
    own = Path(source.name)
    folders = [own.parent, *sorted(path for path in _entries(own.parent) if _is_folder(path))]
    for folder in folders:
        for path in sorted(_entries(folder)):
            if path.suffix == ".tsspace" and path != own:
                found.append((path.relative_to(own.parent).as_posix(), "a file of the project"))
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(islice(folder.iterdir(), MOST_ENTRIES))
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()
