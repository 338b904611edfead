"""Finds the files of a list whose absolute paths were written where the data set lay before it was moved.

One folder is taken to have moved as a whole: `/old/train/run/1.mp4` is read as `ROOT/train/run/1.mp4` for every
clip or for none. A match by the file's name alone could silently give a clip another one's label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tsdsl.data.datasets.files import FileListing

MOST_TRIED = 200


@dataclass(frozen=True)
class MovedRoot:
    """The folder that the list names, and the one that takes its place."""

    old: str
    new: Path

    def found(self, path: str, listing: FileListing) -> str | None:
        """The file below the new folder that a path below the old one means; None where there is none."""
        if not path.startswith(self.old + "/"):
            return None
        candidate = f"{self.new}{path[len(self.old) :]}"
        return candidate if listing.has(candidate) else None


def find_moved_root(root: Path, paths: Sequence[str], listing: FileListing) -> MovedRoot | None:
    """What has moved, judged by up to 200 of the absolute paths that lead nowhere; None where nothing fits.

    The old folder is the one under which most of them are found below `root`; of several, the uppermost.
    """
    lost = [path for path in paths if path.startswith("/") and not listing.has(path)]
    votes: Counter[str] = Counter()
    for path in lost[:: max(1, len(lost) // MOST_TRIED)][:MOST_TRIED]:
        parts = PurePosixPath(path).parts
        for cut in range(1, len(parts)):
            if listing.has(str(root.joinpath(*parts[cut:]))):
                votes[str(PurePosixPath(*parts[:cut]))] += 1
    if not votes:
        return None
    return MovedRoot(min(votes, key=lambda old: (-votes[old], len(old))), root)
