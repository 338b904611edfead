"""Collects the unusable clips of a run with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tsdsl.printable import utf_8


class SkippedClips:
    """Path -> reason of each skipped clip."""

    def __init__(self) -> None:
        self._reasons: dict[Path, str] = {}

    def add(self, path: Path, reason: str) -> None:
        """Add a clip; the first reason is kept."""
        self._reasons.setdefault(path, reason)

    def __len__(self) -> int:
        return len(self._reasons)

    def __iter__(self) -> Iterator[tuple[Path, str]]:
        return iter(sorted(self._reasons.items()))

    def to_json(self) -> dict[str, str]:
        """{path: reason}, sorted by path; names that are not UTF-8 are written as they are printed."""
        return {utf_8(str(path)): reason for path, reason in self}
