"""Opens a trained model at the scale and number of classes of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.artifacts.locate import LocatedSpace, find_architecture, find_scale
from tsdsl.data import open_dataset
from tsdsl.engine.runs.directory import RunDirectory, require_unchanged
from tsdsl.engine.training.record import KIND, TrainRecord
from tsdsl.errors import FileError, TsdslError, UsageError
from tsdsl.lowering import Model, load_weights
from tsdsl.lowering.weights import num_classes, read_class_names, read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Scale


@dataclass(frozen=True)
class Trained:
    """A trained model, its architecture and space; class names, data set and clip settings of its training if known."""

    model: Model
    architecture: Architecture
    located: LocatedSpace
    scale: Scale
    data: Path | None
    clip: Mapping[str, Any] | None
    weights: Path
    class_names: tuple[str, ...] | None


def open_trained(
    architecture: str | Path,
    weights: str | Path | None,
    model_name: str | None,
    in_space: str | None,
    space_name: str | None = None,
) -> Trained:
    """The model of a training run, or of a weights file with an architecture or a space without decisions.

    Raises:
        UsageError: no weights are given for an architecture or space.
        FileError: a file is missing, or the weights do not fit.
    """
    architecture = Path(architecture)
    found, located = find_architecture(architecture, in_space, space_name)
    record = training_record(architecture)
    if weights is None:
        if record is None:
            raise UsageError(
                f"{architecture}: has no weights",
                help="give --weights FILE, or the folder of a training run",
            )
        weights = RunDirectory(architecture).weights
        if not weights.exists():
            raise FileError(f"{weights}: is missing", help="run the same `tsdsl train` command to finish it")
    weights = Path(weights)
    require_unchanged(weights)
    scale = record.scale if model_name is None and record is not None else find_scale(located.space, model_name)
    classes, names = num_classes(weights, read_tensors(weights)), read_class_names(weights)
    if names is not None and len(names) != classes:
        raise FileError(
            f"{weights}: names {len(names)} classes, but scores {classes}", help="save the weights again with tsdsl"
        )
    blueprint = Blueprint(located.space, classes=classes, scale=scale)
    model = Model(blueprint.network(found.decisions, found.step))
    load_weights(weights, model)
    data = Path(str(record.data["root"])) if record is not None and "root" in record.data else None
    clip = record.data.get("clip") if record is not None else None
    return Trained(model, found, located, scale, data, clip, weights, names)


def known_class_names(trained: Trained) -> tuple[str, ...] | None:
    """The names of the classes by score: those that the weights name, else those of the data set while it exists."""
    if trained.class_names is not None or trained.data is None:
        return trained.class_names
    try:
        names = open_dataset(trained.data, "train").class_names
    except TsdslError:
        return None  # moved or changed since a version of tsdsl trained on it that did not record names
    return names if len(names) == trained.model.network.classes else None


def training_record(path: Path) -> TrainRecord | None:
    """The record of a training run; None if the path is not a training run."""
    directory = RunDirectory(path)
    if not path.is_dir() or not directory.settings.exists():
        return None
    try:
        return directory.read_settings(KIND, TrainRecord)
    except UsageError:
        return None  # a search run, which has an architecture but no weights of one model
