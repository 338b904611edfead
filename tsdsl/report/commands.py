"""The commands that repeat a run, from its records."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from pydantic import BaseModel

from tsdsl.engine.training.record import TrainRecord
from tsdsl.searching.settings import DataSettings, SearchSettings, StepSettings

FLAGS = {
    "method": "--method",
    "evaluations": "--evaluations",
    "epochs": "--epochs",
    "samples": "--samples",
    "batch_size": "--batch-size",
    "seed": "--seed",
    "budget": "--budget",
    "classes": "--classes",
    "validation_fraction": "--validation-fraction",
}
TRAINING_FLAGS = ("epochs", "batch_size", "seed")


def search_command(run: Path, space: str, step: int | None, data: str, settings: StepSettings) -> str:
    """The command that searches a step; `space` names the space on the command line."""
    parts = ["tsdsl", "search", space, "--step", "joint" if step is None else str(step), "--data", data]
    parts += ["--run", str(run), *_changed(settings.search_settings(), SearchSettings(), FLAGS)]
    # The recorded clip settings are fitted to the network, so the given ones are unknown.
    chosen = settings.data_settings().model_copy(update={"clip": None})
    parts += _changed(chosen, DataSettings(), FLAGS)
    return shlex.join(parts)


def train_command(run: Path, record: TrainRecord) -> str:
    """The command of a training run, and those that extended it."""
    architecture = run.parent if (run.parent / "space.json").exists() else run / "architecture.json"
    parts = ["tsdsl", "train", str(architecture), "--run", str(run)]
    if "root" in record.data:
        parts += ["--data", str(record.data["root"])]
    if record.scale.name:
        parts += ["--model", record.scale.name]
    flags = {name: FLAGS[name] for name in TRAINING_FLAGS}
    epochs = [*(extension.epochs for extension in record.extensions), record.settings.epochs]
    first = record.settings.model_copy(update={"epochs": epochs[0]})
    commands = [[*parts, *_changed(first, type(first)(), flags)]]
    commands += [["tsdsl", "train", str(run), "--epochs", str(number)] for number in epochs[1:]]
    return " && ".join(map(shlex.join, commands))


def _changed(settings: BaseModel, defaults: BaseModel, flags: dict[str, str]) -> list[str]:
    """The settings that differ from the defaults, as options or with `--set`."""
    parts: list[str] = []
    for name, value in settings.model_dump(mode="json").items():
        if value == getattr(defaults, name):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        parts += [flags[name], text] if name in flags else ["--set", f"{name}={text}"]
    return parts
