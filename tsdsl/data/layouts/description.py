"""`dataset.json`: the description of a data set in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from tsdsl.data.settings import ClipSettings
from tsdsl.space.stored import read_record

DESCRIPTION_NAME = "dataset.json"

DEFAULT_FRAMES_FPS = 30.0

DatasetKind = Literal[
    "folder", "kinetics-list", "kinetics-csv", "something-something-v2", "ucf101", "hmdb51", "table", "shards"
]


class ClassSelection(BaseModel):
    """Some classes of another data set; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: str
    """The folder of the other data set; an absolute path, or one relative to the folder of this file."""

    seed: int | None = None
    """The seed of a random choice; None if the classes were named."""

    of_classes: int
    """The number of classes of the other data set."""

    classes: tuple[str, ...]
    """The names of the chosen classes, in the order of their labels."""


class ValidationPart(BaseModel):
    """Training clips that are validation clips instead; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    fraction: float = Field(gt=0, lt=1)
    """The share of each class's training clips."""

    seed: int
    """The seed of the choice."""


class DatasetDescription(BaseModel):
    """The contents of `dataset.json`; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: DatasetKind
    """The layout of the folder; see `open_dataset`."""

    split_number: PositiveInt | None = None
    """The official split of UCF101 or HMDB51, from 1 to 3; None for 1. Others have none."""

    frames_fps: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The frames per second of extracted frames, None for 30; video files have their own times."""

    flip_allowed: bool | None = None
    """False if mirroring a clip changes its class; None for what holds for the kind."""

    clip: ClipSettings | None = None
    """The recommended settings; None for those of the kind."""

    selection: ClassSelection | None = None
    """The classes and the other data set, if `tsdsl data select` made this one."""

    validation: ValidationPart | None = None
    """The validation clips of a data set without a list of its own, if `tsdsl data split` took them."""

    demo: dict[str, Any] | None = None
    """The parameters of `tsdsl data demo`, if it wrote the folder."""


def read_description(root: Path) -> DatasetDescription | None:
    """The folder's description, or None where it has none; FileError if it is not one."""
    path = root / DESCRIPTION_NAME
    if not path.exists():
        return None
    help = "repair or remove it; its keys are " + ", ".join(DatasetDescription.model_fields)
    return read_record(path, DatasetDescription, "a description of a data set", help)


def extracted_frames_fps(root: Path) -> float:
    """The frames per second of extracted frames below a folder."""
    description = read_description(root)
    return (description.frames_fps if description is not None else None) or DEFAULT_FRAMES_FPS


def write_description(root: Path, description: DatasetDescription) -> None:
    """Write `dataset.json` into a folder that is not yet in its final place."""
    text = json.dumps(description.model_dump(mode="json"), indent=2)
    (root / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")
