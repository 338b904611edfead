"""Video-level accuracy: of the class whose softmax score, averaged over the views of a video, is the highest."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from tsdsl.data import ClipSettings, VideoDataset, ViewLoader
from tsdsl.engine.evaluation.predict import predict_views
from tsdsl.engine.evaluation.predictions import Confusion, Prediction, class_accuracies, confusion
from tsdsl.engine.evaluation.view_cost import view_macs
from tsdsl.engine.ranks.interruption import Interruption
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training_data import EvaluationViews, check_classes, fitted_clip_settings, with_views
from tsdsl.errors import UsageError
from tsdsl.lowering.model import Model
from tsdsl.markup import block, paragraph, table
from tsdsl.space.stored import Frozen
from tsdsl.units import counted, giga


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

    def __repr__(self) -> str:
        """Its accuracies on one line; `model_dump` has all of it."""
        return f"<Evaluation: top-1 {self.top1:.1%}, top-5 {self.top5:.1%} of {counted(self.num_videos, 'video')}>"

    def _repr_html_(self) -> str:
        """Its accuracies, also by class, for notebooks."""
        shares = ((name, "" if share is None else f"{share:.1%}") for name, share in self.per_class.items())
        cost = f"{self.views} views of {self.view_size_px} px, {giga(self.flops_per_video)} a video"
        return block(repr(self), paragraph(cost), table(("class", "top-1"), list(shares)))


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

    Raises:
        RunError: no video is usable, or a score is not a number.
        StopRequestedError: `request` asked to stop.
    """
    dataset = loader.dataset
    check_classes(dataset, model.network)
    predicted = predict_views(
        model,
        loader,
        clips_per_forward=clips_per_forward,
        mixed_precision=mixed_precision,
        progress=progress,
        ranks=ranks,
        request=request,
    )
    predictions = predicted.predictions
    flops = view_macs(model.network, predicted.view_size_px)
    return Evaluation(
        top1=sum(prediction.is_right for prediction in predictions) / len(predictions),
        top5=sum(prediction.label in prediction.ranked for prediction in predictions) / len(predictions),
        num_videos=len(predictions),
        views=predicted.views,
        view_size_px=predicted.view_size_px,
        flops_per_view=flops,
        flops_per_video=flops * predicted.views,
        per_class=class_accuracies(predictions, dataset.class_names),
        confusion=confusion(predictions, dataset.class_names),
        skipped=predicted.skipped,
        predictions=predictions,
    )
