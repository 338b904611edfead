"""`evaluations.jsonl`: what a baseline measured, one line an architecture, from which an interrupted search goes on.

`{"number": 1, "accuracy": 0.41, "flops": 7204864, "seconds": 0.8, "decisions": {PATH: VALUE}, "check": ...}` is a line;
`check` begins the SHA-256 of the line without it, as no checkpoint tells of what is in here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from tsdsl.engine.runs.log import RunLog
from tsdsl.files import json_lines, write_text
from tsdsl.searching.methods.baselines import Evaluation

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
        lines = [_encoded(number, entry) for number, entry in enumerate(self.entries, start=1)]
        write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def append(self, entry: Measured) -> None:
        """Write one line; durable when this returns.

        Raises:
            FileError: it cannot be written, as on a full disk.
        """
        self.entries.append(entry)
        with RunLog(self.path) as log:
            log.write(_encoded(len(self.entries), entry))


def read_evaluations(folder: Path) -> list[Measured]:
    """What a folder's `evaluations.jsonl` holds; nothing where there is none.

    Raises:
        FileError: it cannot be read, or a line before the last is damaged.
    """
    numbers = count(1)

    def decoded(line: Any) -> Measured:
        entry = _decoded(line)
        if line != _encoded(next(numbers), entry):
            raise ValueError("it was changed after it was written")
        return entry

    return json_lines(folder / EVALUATIONS_NAME, decoded, "evaluations", "restore the file from a copy, or remove it")


def _encoded(number: int, entry: Measured) -> dict[str, Any]:
    evaluation = entry.evaluation
    line = {
        "number": number,
        "accuracy": evaluation.accuracy,
        "flops": evaluation.macs,
        "seconds": entry.seconds,
        "decisions": dict(evaluation.decisions),
    }
    return {**line, "check": sha256(json.dumps(line, ensure_ascii=False).encode()).hexdigest()[:16]}


def _decoded(line: dict[str, Any]) -> Measured:
    flops = line["flops"]
    evaluation = Evaluation(
        dict(line["decisions"].items()), float(line["accuracy"]), None if flops is None else int(flops)
    )
    return Measured(evaluation, float(line["seconds"]))
