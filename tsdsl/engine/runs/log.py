"""A log of a run: a file of JSON lines that a run appends to, and cuts back to where it resumes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tsdsl.engine.runs.directory import require_unchanged
from tsdsl.errors import FileError
from tsdsl.files import json_lines, open_in_place

AGAIN = "they are removed, and what they say is computed again"
LARGEST_ITERATION = 2**53


Warn = Callable[[str], None]
"""Gets what the user must know."""


def say_nothing(message: str) -> None:
    """A `Warn` that drops the message."""


class RunLog:
    """Appends to a file after its first `keep_bytes` bytes, or after all of it; `warn` gets what is cut off."""

    def __init__(self, path: Path, keep_bytes: int | None = None, warn: Warn = say_nothing) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: after a failed write nothing is left that closing would try to write again.
            self._file = os.fdopen(open_in_place(path, os.O_WRONLY | os.O_APPEND), "ab", buffering=0)
            if keep_bytes is not None:
                if (size_bytes := self._file.tell()) > keep_bytes:
                    warn(f"{path}: its last {size_bytes - keep_bytes} bytes are newer than the checkpoint; {AGAIN}")
                self._file.truncate(keep_bytes)
        except OSError as error:
            raise unwritable(path, error) from error

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one line, durable when this returns; numbers that are not finite become null.

        Raises:
            FileError: it cannot be written, as on a full disk.
        """
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in entry.items()
        }
        line = (json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n").encode()
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(path: Path, demand: Callable[[str, Any], None] = lambda name, value: None) -> list[dict[str, Any]]:
    """The lines of a log, each of an iteration, without a last one torn by a kill; none where there is no file.

    `demand` may raise ValueError for the name and the value of an entry.

    Raises:
        FileError: the file cannot be read, a line before the last is damaged, or the run was finished with another.
    """
    require_unchanged(path)

    def decoded(entry: Any) -> dict[str, Any]:
        if not isinstance(entry, dict):
            raise ValueError("it is not an object")
        iteration = entry["iteration"]
        if type(iteration) is not int or not 0 <= iteration < LARGEST_ITERATION:
            raise ValueError(f"iteration: expected a number from 0, got {json.dumps(iteration)[:40]}")
        for name, value in entry.items():
            demand(name, value)
        return entry

    return json_lines(path, decoded, path.stem, "restore the file from a copy, or remove it")


def unwritable(path: Path, error: OSError) -> FileError:
    """The error for a file of a run that cannot be written."""
    return FileError(
        f"{path}: cannot be written ({error.strerror or error})",
        help="check that the folder may be written to and has room; then run the same command again",
    )
