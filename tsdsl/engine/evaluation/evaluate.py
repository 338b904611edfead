"""Video-level accuracy: softmax scores averaged over the views of each video.

Tensor names: B videos, V views of a video, N views in total, C channels, T frames, H rows, W columns,
K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tsdsl.data import ClipSettings, VideoDataset, ViewBatch, ViewLoader, normalise
from tsdsl.engine.device import autocast
from tsdsl.engine.evaluation.predictions import Confusion, Prediction, class_accuracies, confusion
from tsdsl.engine.evaluation.view_cost import view_macs
from tsdsl.engine.ranks.interruption import Interruption, StopRequestedError
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training_data import EvaluationViews, check_classes, fitted_clip_settings, with_views
from tsdsl.errors import RunError, UsageError
from tsdsl.lowering.model import Model
from tsdsl.space.stored import Frozen

NUM_RANKED = 5


class Evaluation(Frozen):
    """The accuracy of a model on videos, as fractions from 0 to 1, and the cost of a video.

    `top5` counts a video as right if its class is among the best five. `per_class` is None for a class without videos.
    `confusion` counts the videos of each class by predicted class, without zeros. `flops_per_view` are multiply-adds of
    one view at the test size. `skipped` are unreadable videos, which are not counted.
    """

    top1: float
    top5: float
    num_videos: int
    views: int
    view_size_px: int
    flops_per_view: int
    flops_per_video: int
    per_class: Mapping[str, float | None]
    confusion: Confusion
    skipped: Mapping[str, str]
    predictions: tuple[Prediction, ...]


def evaluate(
    model: Model,
    dataset: VideoDataset,
    views: str = "10x1",
    *,
    clip_settings: ClipSettings | None = None,
    device: torch.device | str = "cpu",
    num_workers: int = 0,
    clips_per_forward: int = 32,
    mixed_precision: bool = True,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """The accuracy of a model on the videos of a data set over `views` such as `10x1` or `10x3`.

    Clips are cut by `clip_settings`, by default the settings recommended by the data set, fitted to the network.
    Several ranks share the videos and get the same evaluation.

    Raises:
        UsageError: views, data and model contradict each other.
        RunError: no video is usable, or a score is not a number.
    """
    settings = clip_settings or fitted_clip_settings(dataset.recommended, model.network)
    if settings.frames_per_clip != model.network.frames:
        raise UsageError(
            f"clips must have the {model.network.frames} frames of the network {model.network.space}, "
            f"got {settings.frames_per_clip}",
            help="change num_frames or stride; clips have num_frames / stride frames",
        )
    loader = ViewLoader(
        dataset, with_views(settings, views), num_workers=num_workers, rank=ranks.rank, world_size=ranks.size
    )
    return evaluate_views(
        model.to(device),
        loader,
        clips_per_forward=clips_per_forward,
        mixed_precision=mixed_precision,
        progress=progress,
        ranks=ranks,
    )


def evaluate_views(
    model: Model,
    loader: EvaluationViews,
    *,
    clips_per_forward: int = 32,
    mixed_precision: bool = True,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
    request: Interruption | None = None,
) -> Evaluation:
    """The accuracy of a model on its device, over the views of the loaders of all ranks; together.

    The mode of the model is restored.

    Raises:
        StopRequestedError: `request` asked to stop.
    """
    dataset = loader.dataset
    check_classes(dataset, model.network)
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
                found = _predictions(dataset, batch, scores_BK)
                num_right += sum(prediction.is_right for prediction in found)
                own |= dict(zip(batch.indices_B.tolist(), found, strict=True))
                task.advance(len(found), clips=len(found) * num_views, accuracy=num_right / len(own))
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
    predictions = [Prediction.model_validate(content) for _, content in ordered]
    num_right = sum(prediction.is_right for prediction in predictions)
    if not predictions:
        raise RunError(f"{dataset.root}: contains no video to evaluate", help="see `tsdsl data verify`")
    flops = view_macs(model.network, size_px)
    return Evaluation(
        top1=num_right / len(predictions),
        top5=sum(prediction.label in prediction.ranked for prediction in predictions) / len(predictions),
        num_videos=len(predictions),
        views=num_views,
        view_size_px=size_px,
        flops_per_view=flops,
        flops_per_video=flops * num_views,
        per_class=class_accuracies(predictions, dataset.class_names),
        confusion=confusion(predictions, dataset.class_names),
        skipped={path: reason for share in shares for path, reason in sorted(share["skipped"].items())},
        predictions=tuple(predictions),
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


def _predictions(dataset: VideoDataset, batch: ViewBatch, scores_BK: Tensor) -> list[Prediction]:
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
                label=label,
                ranked=tuple(best_BK.indices[row, :NUM_RANKED].tolist()),
                scores=tuple(best_BK.values[row, :NUM_RANKED].tolist()),
            )
        )
    return result
