"""Scores videos: softmax scores averaged over the views of each, and its best classes.

Tensor names: B videos, V views of a video, N views in total, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tsdsl.data import UNLABELLED, VideoDataset, ViewBatch, normalise
from tsdsl.engine.device import autocast
from tsdsl.engine.evaluation.predictions import Prediction
from tsdsl.engine.ranks.interruption import Interruption, StopRequestedError
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training_data import EvaluationViews
from tsdsl.errors import RunError
from tsdsl.lowering.model import Model

NUM_RANKED = 5


@dataclass(frozen=True)
class Predicted:
    """The predictions for the videos of all ranks, in the order of the records, and how they were made."""

    predictions: tuple[Prediction, ...]
    views: int
    view_size_px: int
    skipped: Mapping[str, str]


def predict_views(
    model: Model,
    loader: EvaluationViews,
    *,
    num_ranked: int = NUM_RANKED,
    clips_per_forward: int = 32,
    mixed_precision: bool = True,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
    request: Interruption | None = None,
) -> Predicted:
    """The best `num_ranked` classes of each video by a model on its device, over the loaders of all ranks; together.

    The mode of the model is restored.

    Raises:
        RunError: no video is usable, or a score is not a number.
        StopRequestedError: `request` asked to stop.
    """
    dataset = loader.dataset
    display = progress or Progress(quiet=True)
    watched = request or Interruption(ranks)
    own: dict[int, Prediction] = {}
    num_views, size_px, num_right = 0, 0, 0
    was_training = model.training
    model.eval()
    try:
        with display.task("evaluate", loader.num_videos) as task:
            for batch in watched.stoppable_alone(loader.batches()):
                num_views, size_px = batch.clips_BVCTHW.shape[1], batch.clips_BVCTHW.shape[-1]
                scores_BK = mean_scores(model, batch.clips_BVCTHW, clips_per_forward, mixed_precision)
                found = _predictions(dataset, batch, scores_BK, num_ranked)
                own |= dict(zip(batch.indices_B.tolist(), found, strict=True))
                num_right += sum(prediction.is_right for prediction in found)
                accuracy = {"accuracy": num_right / len(own)} if found[-1].label is not None else {}
                task.advance(len(found), clips=len(found) * num_views, **accuracy)
    except StopRequestedError:
        pass  # reported to the other ranks below
    finally:
        model.train(was_training)
    if watched.agreed():
        raise StopRequestedError
    shares: list[dict[str, Any]] = ranks.gather(
        {
            "views": [num_views, size_px],
            "skipped": loader.skipped.to_json(),
            "predictions": [[index, prediction.model_dump(mode="json")] for index, prediction in own.items()],
        }
    )
    num_views, size_px = max(share["views"] for share in shares)
    ordered = sorted(
        ((index, content) for share in shares for index, content in share["predictions"]), key=lambda pair: pair[0]
    )
    if not ordered:
        raise RunError(f"{dataset.root}: contains no video to evaluate", help="see `tsdsl data verify`")
    return Predicted(
        predictions=tuple(Prediction.model_validate(content) for _, content in ordered),
        views=num_views,
        view_size_px=size_px,
        skipped={path: reason for share in shares for path, reason in sorted(share["skipped"].items())},
    )


@torch.no_grad()
def mean_scores(
    model: Model, clips_BVCTHW: Tensor, clips_per_forward: int = 32, mixed_precision: bool = True
) -> Tensor:
    """Softmax scores B x K averaged over views, in float64 on the CPU. The caller sets the mode of the model."""
    device = next(model.parameters()).device
    num_videos, num_views = clips_BVCTHW.shape[:2]
    parts = []
    for clips_NCTHW in torch.split(clips_BVCTHW.flatten(0, 1), clips_per_forward):
        with autocast(device, mixed_precision):
            scores_NK = model(normalise(clips_NCTHW.to(device, non_blocking=True)))
        parts.append(scores_NK.float().cpu())
    scores_NK = torch.cat(parts).double().softmax(1)
    return scores_NK.reshape(num_videos, num_views, -1).mean(1)


def _predictions(dataset: VideoDataset, batch: ViewBatch, scores_BK: Tensor, num_ranked: int) -> list[Prediction]:
    result = []
    # A stable sort, so of equal scores the lower class number wins.
    best_BK = scores_BK.sort(dim=1, descending=True, stable=True)
    indices, labels = batch.indices_B.tolist(), batch.labels_B.tolist()
    for row, (index, label) in enumerate(zip(indices, labels, strict=True)):
        video = str(dataset.records[index].path)
        if not bool(scores_BK[row].isfinite().all()):
            raise RunError(
                f"{video}: the scores of the model are not finite",
                help="its weights are damaged or training diverged; check the training loss",
            )
        result.append(
            Prediction(
                video=video,
                label=None if label == UNLABELLED else label,
                ranked=tuple(best_BK.indices[row, :num_ranked].tolist()),
                scores=tuple(best_BK.values[row, :num_ranked].tolist()),
            )
        )
    return result
