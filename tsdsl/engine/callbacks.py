"""What a user's own tracker overrides: methods that are called as a run begins, with its numbers, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Callback:
    """Called during a training run, or each step of a search; methods that are not overridden do nothing.

    `run` is the folder of the training or step. With several processes, only the first calls. A run that goes on after
    a kill begins again, and repeats the numbers since its last checkpoint under their iterations. An exception ends the
    run as a kill does: the same call goes on with it.
    """

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        """The run begins or goes on, with the settings that it records."""

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        """A line of `metrics.jsonl` was written, and all iterations before `iteration` are done."""

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        """The run is finished, and its folder holds everything but the report."""
