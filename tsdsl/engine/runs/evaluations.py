"""The evaluations of a training run: a file each in its folder `eval`, with the accuracies and what they are of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsdsl.engine.runs.directory import EVALUATIONS_FOLDER, RunDirectory
from tsdsl.engine.runs.sealed import read_sealed, write_sealed
from tsdsl.space.stored import Frozen, record_of

RESTORE = "restore it from a copy, or remove it and evaluate again"


class RecordedEvaluation(Frozen):
    """An evaluation of weights in the folder of a run. Accuracies are fractions, `settings` those of `tsdsl eval`.

    `weights` is the name of their file and `weights_sha256` its hash: an extended run has other weights in it.
    """

    data: str
    split: str
    views: str
    weights: str
    weights_sha256: str
    settings: Mapping[str, Any]
    top1: float
    top5: float
    num_videos: int
    num_skipped: int
    view_size_px: int
    flops_per_view: int
    flops_per_video: int
    per_class: Mapping[str, float | None]
    environment: Mapping[str, str]

    def is_again(self, other: RecordedEvaluation) -> bool:
        """Whether both are of the same file of weights on the same videos, cut in the same way."""
        return self._of() == other._of()

    def _of(self) -> tuple[object, ...]:
        return self.data, self.split, self.views, self.weights, self.settings.get("clip")


def record_evaluation(run: RunDirectory, evaluation: RecordedEvaluation, trained_on: str | None) -> Path:
    """Write an evaluation, in place of an earlier one of the same kind; return its file.

    It is named by split and views, as `val-10x1.json`, and by the data set if the run was trained on another.

    Raises:
        FileError: it cannot be written, or an earlier one is damaged.
    """
    parts = [] if evaluation.weights == run.weights.name else [Path(evaluation.weights).stem]
    parts += [] if evaluation.data == trained_on else [re.sub(r"[^\w.-]+", "_", Path(evaluation.data).name)]
    name = "-".join([*parts, evaluation.split, evaluation.views])
    earlier = recorded_evaluations(run.path)
    number = 1
    while (chosen := name if number == 1 else f"{name}-{number}") in earlier:
        if earlier[chosen].is_again(evaluation):
            break
        number += 1
    path = run.path / EVALUATIONS_FOLDER / f"{chosen}.json"
    write_sealed(path, evaluation.model_dump(mode="json"))
    return path


def current_evaluations(run: str | Path) -> dict[str, RecordedEvaluation]:
    """Those of `recorded_evaluations` whose weights the finished run still has."""
    hashes, found = RunDirectory(run).file_hashes(), recorded_evaluations(run)
    return {name: one for name, one in found.items() if hashes.get(one.weights) == one.weights_sha256}


def recorded_evaluations(run: str | Path) -> dict[str, RecordedEvaluation]:
    """The evaluations of a run by the names of their files, in alphabetical order.

    Raises:
        FileError: one is damaged.
    """
    found = {}
    for path in sorted((Path(run) / EVALUATIONS_FOLDER).glob("*.json")):
        content = read_sealed(path, RESTORE)
        found[path.stem] = record_of(content, RecordedEvaluation, f"{path}: is not an evaluation", RESTORE)
    return found
