"""The record of a run's numbers: one JSON line each in metrics.jsonl, and scalars for TensorBoard.

metrics.jsonl is the one that the rest of tsdsl reads. `{"iteration": 40, "train/loss": 1.25}` is a line. TensorBoard's
event files only repeat it: a run that goes on removes them, reports those that are damaged, and writes one new file
from metrics.jsonl, since several files would be read in the order of their names, which is not always the order in
which they were written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tsdsl.engine.callbacks import Callback
from tsdsl.engine.runs.events import event_fault
from tsdsl.engine.runs.log import RunLog, Warn, read_log, say_nothing, unwritable

METRICS_NAME = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"


class MetricsLog:
    """Appends to `metrics.jsonl` and to TensorBoard's event file in one folder.

    `keep_bytes` of `metrics.jsonl` stay, those that the checkpoint tells of that the run goes on from; the rest will
    be written again. 0 begins anew. `callbacks` get each line, `warn` what was cut off or damaged.
    """

    def __init__(
        self, folder: Path, keep_bytes: int, callbacks: Sequence[Callback] = (), warn: Warn = say_nothing
    ) -> None:
        self._tensorboard: Any = None
        self._log = RunLog(folder / METRICS_NAME, keep_bytes, warn)
        self._folder, self._callbacks = folder, callbacks
        self._events = folder / TENSORBOARD_FOLDER
        try:
            for path in sorted(self._events.glob("events.out.tfevents.*")):
                if (fault := event_fault(path)) is not None:
                    warn(f"{path}: {fault}; it is written again from {METRICS_NAME}")
                path.unlink()
            for line in read_metrics(folder):
                self._show(line.pop("iteration"), line)
        except OSError as error:
            raise unwritable(self._events, error) from error

    def write(self, iteration: int, values: Mapping[str, float | int], prefix: str = "") -> None:
        """Append one line; names are written as `prefix` + name. TensorBoard gets it too.

        Raises:
            FileError: the line cannot be written, as on a full disk.
        """
        named = {f"{prefix}{name}": value for name, value in values.items()}
        self._log.write({"iteration": iteration, **named})
        try:
            self._show(iteration, named)
            self._tensorboard.flush()
        except OSError as error:
            # TensorBoard's writer would raise the same again when closed.
            self._tensorboard = None
            raise unwritable(self._events, error) from error
        for callback in self._callbacks:
            callback.log(self._folder, iteration, named)

    def close(self) -> None:
        """Close the files; closing twice is harmless.

        Raises:
            FileError: TensorBoard's last events cannot be written.
        """
        self._log.close()
        writer, self._tensorboard = self._tensorboard, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                raise unwritable(self._events, error) from error

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _show(self, iteration: int, values: Mapping[str, Any]) -> None:
        """Give TensorBoard the values, and those that were not finite."""
        if self._tensorboard is None:
            # Imported here: it takes a second, and reading metrics does not need it.
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(self._events))
        for name, value in values.items():
            self._tensorboard.add_scalar(name, math.nan if value is None else value, iteration)


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """The lines of a folder's metrics.jsonl in the order written; numbers that were not finite are None.

    Raises:
        FileError: see `read_log`.
    """
    return read_log(Path(folder) / METRICS_NAME, _demand_number)


def _demand_number(name: str, value: Any) -> None:
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{name}: expected a number, got {json.dumps(value)[:40]}")
