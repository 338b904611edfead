"""The files that a file imports: each read once, none outside of the project, none in a circle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from tsdsl.errors import FileError
from tsdsl.source import SourceFile
from tsdsl.source_files import STANDARD
from tsdsl.syntax import ast

Read: TypeAlias = Callable[[str], SourceFile]
MAX_FILES = 200
_PROJECT_MARKS = (".git", "pyproject.toml")


class ImportProblem(Exception):
    """Why an import cannot be followed, in a reader's words."""

    def __init__(self, code: str, message: str, help: str | None, *, is_unreadable: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.is_unreadable = code, message, help, is_unreadable


@dataclass
class Library:
    """How files are read while one file is resolved, and which were."""

    read: Read
    root: Path
    sources: dict[str, SourceFile] = field(default_factory=dict)

    def follow(self, written: ast.Text, importing: SourceFile, open_keys: tuple[str, ...]) -> tuple[str, SourceFile]:
        """The key and the text of the file that an import names.

        Raises:
            ImportProblem: it is missing or unreadable, outside of the project, or imports the importing file.
        """
        name, key = self._place(written.value, importing)
        if key in open_keys:
            raise ImportProblem(
                "TS108", f"`{written.value}` imports this file", "move what both files need into a third file"
            )
        if key not in self.sources:
            if len(self.sources) >= MAX_FILES:
                raise ImportProblem("TS107", f"more than {MAX_FILES} files are imported", "import fewer files")
            try:
                self.sources[key] = self.read(name)
            except FileError as error:
                raise ImportProblem("TS107", error.message, error.help, is_unreadable=True) from error
        return key, self.sources[key]

    def _place(self, written: str, importing: SourceFile) -> tuple[str, str]:
        """The name to read a file by, and the key that is the same however it is named."""
        if written.startswith(STANDARD):
            return written, written
        path = PurePosixPath(written)
        if "\\" in written or "\0" in written or path.is_absolute() or not written.strip():
            raise ImportProblem(
                "TS107", f"`{written}` is not a relative path", 'write `import "folder/file.tsspace"` or `"std:NAME"`'
            )
        name = imported_name(written, importing)
        if importing.name.startswith(STANDARD):
            return name, name
        resolved = Path(name).resolve()
        if not resolved.is_relative_to(self.root):
            raise ImportProblem(
                "TS107", f"`{written}` is outside of the project", f"copy the file into the project folder {self.root}"
            )
        return name, str(resolved)


def imported_name(written: str, importing: SourceFile) -> str:
    """The name to read a file by that an import names; beside a shipped file are the other shipped files."""
    if written.startswith(STANDARD):
        return written
    path = PurePosixPath(written)
    if importing.name.startswith(STANDARD):
        return f"{STANDARD}{path.name.removesuffix('.tsspace')}"
    return str(Path(importing.name).parent / path)


def file_key(source: SourceFile) -> str:
    """The key of a file that was not imported but given."""
    return source.name if source.name.startswith(STANDARD) else str(Path(source.name).resolve())


def project_root(source: SourceFile) -> Path:
    """The nearest folder at or above a file that holds `.git` or `pyproject.toml`; else the file's own folder."""
    folder = Path(source.name).resolve().parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _PROJECT_MARKS):
            return candidate
    return folder
