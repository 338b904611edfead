"""`evaluations.jsonl`: what a baseline measured, one line an architecture, from which an interrupted search goes on.

`{"number": 1, "accuracy": 0.41, "flops": 7204864, "seconds": 0.8, "decisions": {PATH: VALUE}}` is a line.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.errors import FileError
from tsdsl.files import write_text
from tsdsl.search.methods.baselines import Evaluation

EVALUATIONS_NAME = "evaluations.jsonl"


@dataclass(frozen=True)
class Measured:
    """An evaluation and the seconds that it took."""

    evaluation: Evaluation
    seconds: float


class EvaluationLog:
    """The record in a folder; `entries` are those there so far, without a last line torn by a kill.

    Raises:
        FileError: the file is damaged or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / EVALUATIONS_NAME
        self.entries = read_evaluations(folder)
        write_text(self.path, "".join(_encoded(n, e) for n, e in enumerate(self.entries, start=1)))

    def append(self, entry: Measured) -> None:
        """Write one line; durable when this returns.

        Raises:
            FileError: it cannot be written, as on a full disk.
        """
        self.entries.append(entry)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_encoded(len(self.entries), entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FileError(
                f"{self.path}: cannot be written ({error.strerror})",
                help="make room; then run the same command again",
            ) from error


def read_evaluations(folder: Path) -> list[Measured]:
    """What a folder's `evaluations.jsonl` holds; nothing where there is none.

    Raises:
        FileError: it cannot be read, or a line before the last is damaged.
    """
    path = folder / EVALUATIONS_NAME
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read ({error})", help="restore it from a copy, or remove it") from error
    found = []
    # What follows the last newline is empty, or a line that a kill has torn.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(_decoded(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(
                f"{path}:{number}: is not a line of evaluations", help="restore it from a copy, or remove it"
            ) from error
    return found


def _encoded(number: int, entry: Measured) -> str:
    evaluation = entry.evaluation
    line = {
        "number": number,
        "accuracy": evaluation.accuracy,
        "flops": evaluation.macs,
        "seconds": entry.seconds,
        "decisions": dict(evaluation.decisions),
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


def _decoded(line: dict[str, Any]) -> Measured:
    flops = line["flops"]
    evaluation = Evaluation(
        dict(line["decisions"].items()), float(line["accuracy"]), None if flops is None else int(flops)
    )
    return Measured(evaluation, float(line["seconds"]))
