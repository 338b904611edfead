"""The records of a training run: its settings and its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import NonNegativeInt, PositiveInt, ValidationError

from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.errors import FileError
from tsdsl.space.parts import Scale
from tsdsl.space.stored import Frozen

KIND = "train"


class Extension(Frozen):
    """Up to `iteration`, a run that was extended there had `epochs`, over which its learning rate fell."""

    iteration: NonNegativeInt
    epochs: PositiveInt


class TrainRecord(Frozen):
    """Everything that decides the result of a training run; a resumed run must have the same.

    `class_names` are in the order of the scores; None in runs of versions that did not record them. `began_with` is the
    hash of the initial weights file.
    """

    settings: TrainSettings
    space: str
    fingerprint: str
    decisions: Mapping[str, Any]
    step: int | None
    scale: Scale
    classes: int
    class_names: tuple[str, ...] | None = None
    data: Mapping[str, Any]
    iterations_per_epoch: int
    began_with: str | None = None
    extensions: tuple[Extension, ...] = ()


class TrainResult(Frozen):
    """The result of a finished run. Accuracies are fractions; `seconds` is the sum over its processes.

    `val_top1` is that of the saved weights, None without validation videos; `best_top1` is the highest of any
    validation, first reached after epoch `best_epoch`, whose weights are in `best.safetensors`. `flops` are
    multiply-adds of one training clip. `skipped` are unreadable clips with reasons.
    """

    space: str
    epochs: int
    iterations: int
    train_loss: float
    train_top1: float
    val_top1: float | None
    val_top5: float | None
    best_top1: float | None = None
    best_epoch: int | None = None
    flops: int
    params: int
    seconds: float
    skipped: Mapping[str, str]
    environment: Mapping[str, str]
    weights: str = "weights.safetensors"


def read_train_result(run: RunDirectory) -> TrainResult:
    """The result of a finished training run.

    Raises:
        FileError: the run is not finished, or its result is damaged.
    """
    result = run.read_result()
    if result is None:
        raise FileError(f"{run.path}: is not finished", help="the same `tsdsl train` command goes on with it")
    try:
        return TrainResult.model_validate(result)
    except ValidationError as error:
        raise FileError(
            f"{run.result}: is not the result of a training run", help="remove it and train again to write it"
        ) from error
