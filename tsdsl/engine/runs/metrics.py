"""The record of a run's numbers: one JSON line each in metrics.jsonl, and scalars for TensorBoard.

metrics.jsonl is the one that the rest of tsdsl reads. `{"iteration": 40, "train/loss": 1.25}` is a line. TensorBoard's
event files only repeat it: a run that goes on removes them and writes one new file from metrics.jsonl, since several
files would be read in the order of their names, which is not always the order in which they were written.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tsdsl.errors import FileError
from tsdsl.files import write_text

FILE_NAME = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"


class MetricsLog:
    """Appends to `metrics.jsonl` and to TensorBoard's event files in one folder.

    `resume_after` is the iteration of the checkpoint that the run goes on from: what was written for later
    iterations is removed, for it will be written again. None begins anew: everything is removed.
    """

    def __init__(self, folder: Path, resume_after: int | None) -> None:
        self.path = folder / FILE_NAME
        self._tensorboard: Any = None
        last = -1 if resume_after is None else resume_after
        kept = [line for line in read_metrics(folder) if line["iteration"] <= last]
        if self.path.exists():
            write_text(self.path, "".join(_encoded(line) for line in kept))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: after a failed write nothing is left that closing would try to write again.
            self._file = self.path.open("ab", buffering=0)
            for path in (folder / TENSORBOARD_FOLDER).glob("events.out.tfevents.*"):
                path.unlink()
            for line in kept:
                self._show(line["iteration"], line)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def write(self, iteration: int, values: Mapping[str, float | int | str], prefix: str = "") -> None:
        """Append one line; names are written as `prefix` + name. Numbers go to TensorBoard too.

        Raises:
            FileError: the line cannot be written, as on a full disk.
        """
        named = {f"{prefix}{name}": value for name, value in values.items()}
        try:
            line = _encoded({"iteration": iteration, **named}).encode("utf-8")
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
            self._show(iteration, named)
            self._tensorboard.flush()
        except OSError as error:
            # TensorBoard's writer would raise the same again when closed.
            self._tensorboard = None
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the files; closing twice is harmless.

        Raises:
            FileError: TensorBoard's last events cannot be written.
        """
        self._file.close()
        writer, self._tensorboard = self._tensorboard, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                raise _unwritable(self.path.parent / TENSORBOARD_FOLDER, error) from error

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _show(self, iteration: int, values: Mapping[str, Any]) -> None:
        """Give TensorBoard the numbers among the values, and those that were not finite."""
        if self._tensorboard is None:
            # Imported here: it takes a second, and reading metrics does not need it.
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(self.path.parent / TENSORBOARD_FOLDER))
        for name, value in values.items():
            if name != "iteration" and not isinstance(value, str):
                self._tensorboard.add_scalar(name, math.nan if value is None else value, iteration)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of a folder's metrics.jsonl in the order written, without a last one torn by a kill.

    Numbers that were not finite are None. A folder without the file has no lines.

    Raises:
        FileError: the file cannot be read, or a line before the last is damaged.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})", help="check its permissions") from error
    lines = text.split("\n")
    result = []
    # What follows the last newline is empty, or a line that a kill has torn.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = json.loads(line)
            entry["iteration"] = int(entry["iteration"])
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"{path}:{number}: is not a line of metrics",
                help="restore the file from a copy, or remove it",
            ) from error
        result.append(entry)
    return result


def _encoded(entry: Mapping[str, Any]) -> str:
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in entry.items()
    }
    return json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n"


def _unwritable(path: Path, error: OSError) -> FileError:
    return FileError(
        f"{path}: cannot be written ({error.strerror or error})",
        help="check that the folder may be written to and has room; then run the same command again",
    )
