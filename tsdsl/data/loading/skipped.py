"""Collects the clips that could not be used, by name and reason, over a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class SkippedClips:
    """Path -> reason for each clip skipped, each counted once however often it was met."""

    def __init__(self) -> None:
        self._reasons: dict[Path, str] = {}

    def add(self, path: Path, reason: str) -> None:
        """Notes a clip; the first reason stays."""
        self._reasons.setdefault(path, reason)

    def __len__(self) -> int:
        return len(self._reasons)

    def __iter__(self) -> Iterator[tuple[Path, str]]:
        return iter(sorted(self._reasons.items()))

    def to_json(self) -> dict[str, str]:
        """{path: reason}, sorted by path."""
        return {str(path): reason for path, reason in self}
