"""Classifies videos with the model of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from tsdsl.artifacts.trained import Trained, known_class_names, open_trained
from tsdsl.data import ClipSettings, VideoDataset, ViewLoader
from tsdsl.data.datasets.own_videos import own_videos
from tsdsl.engine.device import choose_device
from tsdsl.engine.evaluation.predict import Predicted, predict_views
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.recipe import PredictSettings
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training_data import fitted_clip_settings, with_views
from tsdsl.markup import block, table
from tsdsl.space.stored import Frozen
from tsdsl.units import counted


class ClassScore(Frozen):
    """A class, by its number where the weights do not name their classes, and its score from 0 to 1."""

    name: str
    score: float


class VideoPrediction(Frozen):
    """The best classes of a video, best first."""

    video: str
    best: tuple[ClassScore, ...]


class VideoPredictions(Frozen):
    """The predictions for all readable videos, and the reason for each that is not."""

    videos: tuple[VideoPrediction, ...]
    skipped: Mapping[str, str]

    def _repr_html_(self) -> str:
        """The best classes of each video with their scores, for notebooks."""
        best = ((one.video, ", ".join(f"{c.name} {c.score:.1%}" for c in one.best)) for one in self.videos)
        rows = [*best, *((video, f"skipped: {reason}") for video, reason in self.skipped.items())]
        return block(counted(len(self.videos), "video"), table(("video", "best classes"), rows))


def predict(
    run: str | Path,
    videos: str | Path,
    *,
    views: str = "10x1",
    top: int = 5,
    weights: str | Path | None = None,
    device: str = "auto",
    settings: PredictSettings | None = None,
) -> VideoPredictions:
    """The best `top` classes of each video, with the model of a training run.

    `videos` is a video, a folder, or a list with a path a line. `views` are clips x crops, as in an evaluation;
    `settings` override them and all else.

    Raises:
        FileError: the run or the videos do not exist, or the weights are damaged.
        RunError: no video is readable.
    """
    trained = open_trained(Path(run), weights, None, None)
    chosen = settings or PredictSettings(views=views)
    found = predict_videos(trained, own_videos(videos), chosen, top=top, device=choose_device(device))
    return named_predictions(found, class_names(trained))


def predict_videos(
    trained: Trained,
    dataset: VideoDataset,
    settings: PredictSettings,
    *,
    top: int,
    device: torch.device,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> Predicted:
    """The best `top` classes of each video by number; clips are cut as in the training unless the settings say how."""
    recommended = ClipSettings.model_validate(trained.clip or {})
    clip = fitted_clip_settings(settings.clip or recommended, trained.model.network)
    loader = ViewLoader(
        dataset,
        with_views(clip, settings.views),
        num_workers=settings.num_workers,
        rank=ranks.rank,
        world_size=ranks.size,
    )
    return predict_views(
        trained.model.to(device),
        loader,
        num_ranked=top,
        clips_per_forward=settings.clips_per_forward,
        mixed_precision=settings.mixed_precision,
        progress=progress,
        ranks=ranks,
    )


def class_names(trained: Trained) -> tuple[str, ...]:
    """The names of the classes of a model; their numbers where none are known."""
    return known_class_names(trained) or tuple(map(str, range(trained.model.network.classes)))


def named_predictions(found: Predicted, names: tuple[str, ...]) -> VideoPredictions:
    """The predictions with the names of the classes."""
    return VideoPredictions(
        videos=tuple(
            VideoPrediction(
                video=one.video,
                best=tuple(ClassScore(name=names[k], score=s) for k, s in zip(one.ranked, one.scores, strict=True)),
            )
            for one in found.predictions
        ),
        skipped=found.skipped,
    )
