"""Records an evaluation in the training run whose weights were evaluated."""

from __future__ import annotations

from pathlib import Path

import torch

from tsdsl.data.layouts.files import split_spellings
from tsdsl.engine.device import environment
from tsdsl.engine.evaluation.evaluate import Evaluation
from tsdsl.engine.recipe import EvaluateSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.evaluations import RecordedEvaluation, record_evaluation


def record_in_run(
    run: RunDirectory,
    weights: Path,
    evaluation: Evaluation,
    settings: EvaluateSettings,
    data: Path,
    device: torch.device,
    trained_on: Path | None,
) -> Path | None:
    """Write the evaluation on the data set `data`, and return its file; None where the weights are not the run's.

    Raises:
        FileError: it cannot be written, or an earlier one is damaged.
    """
    name = weights.name
    if weights.absolute().parent != run.path.absolute() or name not in run.file_hashes():
        return None
    recorded = RecordedEvaluation(
        data=str(data.absolute()),
        split=split_spellings(settings.split)[0],
        views=settings.views,
        weights=name,
        weights_sha256=run.file_hashes()[name],
        settings=settings.model_dump(mode="json"),
        num_skipped=len(evaluation.skipped),
        environment=environment(device),
        **evaluation.model_dump(include=set(RecordedEvaluation.model_fields) - {"views"}),
    )
    return record_evaluation(run, recorded, None if trained_on is None else str(trained_on))
