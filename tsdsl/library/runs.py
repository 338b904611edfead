"""Searches spaces, and trains, evaluates and uses what they find; every run goes on after an interruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tsdsl.errors import UsageError
from tsdsl.library.networks import space_of

if TYPE_CHECKING:
    from tsdsl.artifacts.predict import VideoPredictions
    from tsdsl.engine.callbacks import Callback
    from tsdsl.engine.evaluation.evaluate import Evaluation
    from tsdsl.engine.recipe import TrainOptions
    from tsdsl.library.results import SearchRun, TrainingRun
    from tsdsl.searching import SearchOptions
    from tsdsl.space import model as data
    from tsdsl.space.architecture import Architecture


def search(
    space: data.Space | str | Path,
    *,
    run: str | Path,
    data: str | Path | None = None,
    step: int | Literal["all", "joint"] = "all",
    settings: SearchOptions | Mapping[str, Any] | None = None,
    device: str = "auto",
    quiet: bool = True,
    callbacks: Sequence[Callback] = (),
) -> SearchRun:
    """Search one step of a space, all of them in turn, or the whole space at once, in the folder `run`.

    The same call goes on with an interrupted search, and returns at once where all is done. `data` is the folder of a
    data set, by default that of the run. `settings` are those of `tsdsl search --show-settings`:
    `tsdsl.search("std:tiny", data="clips", run="runs/mine", settings={"epochs": 5, "seed": 1})`.
    `device` is auto, cpu, cuda, cuda:1 or mps. `quiet` shows no progress. `callbacks` get each step.

    Raises:
        UsageError: step, settings, data and run do not fit together; the help says what to do.
        FileError: a file is missing, damaged or cannot be written.
        RunError: the search cannot go on; `InterruptedRunError` after a signal.
    """
    from tsdsl.data.settings import validated
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.library.results import SearchRun
    from tsdsl.report.run import write_report
    from tsdsl.searching import SearchOptions
    from tsdsl.searching import search as search_steps

    if settings is not None and not isinstance(settings, SearchOptions):
        settings = validated(SearchOptions, dict(settings), "settings")
    space = space_of(space)
    with Progress(quiet=quiet) as progress:
        search_steps(
            space,
            step=step,
            data=data,
            run=run,
            settings=None if settings is None else settings.search_settings(),
            data_settings=None if settings is None else settings.data_settings(),
            cadence=None if settings is None else settings.cadence(),
            device=device,
            progress=progress,
            callbacks=callbacks,
        )
    write_report(Path(run))
    return SearchRun(Path(run), space)


def train(
    architecture: Architecture | str | PathLike[str],
    *,
    run: str | Path,
    data: str | Path | None = None,
    space: data.Space | str | Path | None = None,
    model: str | None = None,
    weights: str | Path | None = None,
    settings: TrainOptions | Mapping[str, Any] | None = None,
    device: str = "auto",
    quiet: bool = True,
    callbacks: Sequence[Callback] = (),
) -> TrainingRun:
    """Train an architecture, from scratch or from `weights`, in the folder `run`.

    `architecture` is an object, its file, a search run, or a space without decisions; `space` is only needed where its
    space is not found. `model` scales it to one of the space's models. The same call goes on with an interrupted run.
    `settings` are those of `tsdsl train --show-settings`; the rest is as in `search`.

    Raises:
        UsageError: the folder contains another run, or the data contradict the network.
        FileError: a file is missing, damaged or cannot be written.
        RunError: the training cannot go on; `InterruptedRunError` after a signal.
    """
    from tsdsl.artifacts.locate import find_scale, searched_data
    from tsdsl.data import open_dataset
    from tsdsl.data.settings import validated
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.recipe import TrainOptions
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training.train import train as train_network
    from tsdsl.engine.training_data import fitted_clip_settings, open_training_data
    from tsdsl.library.results import TrainingRun
    from tsdsl.network.layout import Blueprint
    from tsdsl.report.run import write_report

    found, own = architecture_of(architecture, space)
    if not isinstance(settings, TrainOptions):
        settings = validated(TrainOptions, dict(settings or {}), "settings")
    if data is None and isinstance(architecture, str | PathLike):
        data = searched_data(Path(architecture))
    if data is None:
        raise UsageError("no data set given, and the architecture is not in a search run that records one")
    clips = open_dataset(data, "train")
    blueprint = Blueprint(own, classes=clips.num_classes, scale=find_scale(own, model))
    network = blueprint.network(found.decisions, found.step)
    opened = open_training_data(
        Path(data),
        network,
        settings.train_settings(),
        clip_settings=None if settings.clip is None else fitted_clip_settings(settings.clip, network),
        num_workers=settings.num_workers,
        cache=settings.cache,
    )
    with Progress(quiet=quiet) as progress:
        train_network(
            blueprint,
            found,
            opened,
            settings.train_settings(),
            run,
            device=choose_device(device),
            progress=progress,
            begin_with=weights,
            callbacks=callbacks,
        )
    write_report(Path(run), space=own)
    return TrainingRun(Path(run), own)


def evaluate(
    run: str | PathLike[str],
    *,
    data: str | Path | None = None,
    split: str = "val",
    views: str = "10x1",
    weights: str | Path | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> Evaluation:
    """The accuracy of the model of a training run on the videos of a split; softmax scores are averaged over views.

    The run records it if the weights are its own. `data` is the folder of a data set, by default that of the training.
    `views` are clips x crops per video.

    Raises:
        UsageError: views, data and model contradict each other.
        FileError: the run or the data do not exist, or the weights are damaged.
        RunError: no video is usable.
    """
    from tsdsl.artifacts.trained import open_trained
    from tsdsl.data import ClipSettings, open_dataset
    from tsdsl.data.datasets.class_names import matched_classes
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.evaluation.evaluate import evaluate as evaluate_model
    from tsdsl.engine.evaluation.record import record_in_run
    from tsdsl.engine.recipe import EvaluateSettings
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.engine.training_data import fitted_clip_settings

    trained = open_trained(Path(run), weights, None, None)
    root = data or trained.data
    if root is None:
        raise UsageError(f"no data set given, and {run} does not record one", help="give data=FOLDER")
    dataset = matched_classes(open_dataset(root, split), trained.class_names).dataset
    clip = ClipSettings.model_validate(trained.clip) if trained.clip is not None else dataset.recommended
    settings = EvaluateSettings(split=split, views=views, clip=clip)
    place = choose_device(device)
    with Progress(quiet=quiet) as progress:
        found = evaluate_model(
            trained.model,
            dataset,
            settings.views,
            clip_settings=fitted_clip_settings(clip, trained.model.network),
            device=place,
            clips_per_forward=settings.clips_per_forward,
            mixed_precision=settings.mixed_precision,
            progress=progress,
        )
    record_in_run(RunDirectory(Path(run)), trained.weights, found, settings, Path(root), place, trained.data)
    return found


def predict(
    run: str | PathLike[str],
    videos: str | Path,
    *,
    views: str = "10x1",
    top: int = 5,
    weights: str | Path | None = None,
    device: str = "auto",
) -> VideoPredictions:
    """The best `top` classes of each video, with the model of a training run.

    `videos` is a video, a folder, or a list with a path a line. `views` are clips x crops, as in an evaluation.

    Raises:
        FileError: the run or the videos do not exist, or the weights are damaged.
        RunError: no video is readable.
    """
    from tsdsl.artifacts.predict import predict as predict_videos

    return predict_videos(Path(run), videos, views=views, top=top, weights=weights, device=device)


def architecture_of(
    architecture: Architecture | str | PathLike[str], space: data.Space | str | Path | None
) -> tuple[Architecture, data.Space]:
    """An architecture and its space, from an object, a file, a run, or a space without decisions."""
    from tsdsl.artifacts.locate import find_architecture
    from tsdsl.library.architecture import Architecture as Known

    if isinstance(architecture, str | PathLike):
        if space is None:
            found, located = find_architecture(Path(architecture), None)
            return found, located.space
        return space_of(space).architecture(Path(architecture)), space_of(space)
    if space is not None:
        return space_of(space).architecture(architecture), space_of(space)
    if isinstance(architecture, Known) and architecture.origin is not None:
        return architecture, architecture.origin
    raise UsageError(f"the space {architecture.space} of this architecture is not known", help="give space=SPACE")
