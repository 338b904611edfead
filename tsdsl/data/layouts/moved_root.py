"""Finds the files of a list whose absolute paths are those before the data set was moved.

One folder must have moved as a whole: `/old/train/run/1.mp4` is read as `ROOT/train/run/1.mp4` for every clip or for
none. Matching only file names could silently give a clip a wrong label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tsdsl.data.layouts.files import FileListing

MAX_TRIED = 200


@dataclass(frozen=True)
class MovedRoot:
    """The folder named in the list, and its replacement."""

    old: str
    new: Path

    def found(self, path: str, listing: FileListing) -> str | None:
        """The file below the new folder for a path below the old one, or None."""
        old = self.old.rstrip("/")
        return listing.found(f"{self.new}{path[len(old) :]}") if path.startswith(f"{old}/") else None


def find_moved_root(root: Path, paths: Sequence[str], listing: FileListing) -> MovedRoot | None:
    """The moved folder, judged by up to 200 of the absolute paths that do not exist, or None.

    The old folder is the one for which most of them exist below `root`; of several, the uppermost.
    """
    lost = [path for path in paths if path.startswith("/") and listing.found(path) is None]
    votes: Counter[str] = Counter()
    for path in lost[:: max(1, len(lost) // MAX_TRIED)][:MAX_TRIED]:
        parts = PurePosixPath(path).parts
        for cut in range(1, len(parts)):
            if listing.found(str(root.joinpath(*parts[cut:]))) is not None:
                votes[str(PurePosixPath(*parts[:cut]))] += 1
    if not votes:
        return None
    return MovedRoot(min(votes, key=lambda old: (-votes[old], len(old))), root)
