"""Makes a data set of some classes of another, or with a validation split, by what it writes into `dataset.json`.

MiniKinetics-100 (paper section 5.2) is 100 random classes of Kinetics-400. The paper does not list them; here they
depend only on the seed and the names of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdsl.data.datasets.class_names import class_places, named
from tsdsl.data.datasets.open import available_splits, detect_kind, open_dataset, open_splits
from tsdsl.data.datasets.validation import take_validation
from tsdsl.data.layouts.description import (
    DESCRIPTION_NAME,
    ClassSelection,
    DatasetDescription,
    ValidationPart,
    read_description,
)
from tsdsl.data.layouts.records import VideoDataset, choose_classes, keep_classes
from tsdsl.diagnostics.suggest import similar
from tsdsl.errors import FileError, UsageError
from tsdsl.files import write_json


@dataclass(frozen=True)
class SplitReport:
    """The training and the validation clips, and how these were taken."""

    part: ValidationPart
    training: VideoDataset
    validation: VideoDataset


def split_dataset(root: str | Path, fraction: float = 0.1, seed: int = 0) -> SplitReport:
    """Make a fraction of each class's training clips the validation split, in `dataset.json`; see `take_validation`.

    Raises:
        UsageError: the data set has another validation split, or the fraction is not between 0 and 1.
        FileError: it is not a data set, its `dataset.json` cannot be written, or no class has two videos.
    """
    root = Path(root)
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"--validation must be between 0 and 1, got {fraction:g}", help="for instance 0.1")
    part = ValidationPart(fraction=fraction, seed=seed)
    kind = detect_kind(root)
    before = read_description(root) or DatasetDescription(kind=kind)
    if before.validation is not None and before.validation != part:
        raise UsageError(
            f"{root}: has another validation part: {before.validation.fraction:g}, by seed {before.validation.seed}",
            help=f"give the same fraction and seed, or remove `validation` from {root / DESCRIPTION_NAME}",
        )
    if before.validation is None:
        if "val" in available_splits(root):
            raise UsageError(f"{root}: has a validation split", help="nothing is to be done")
        parts = take_validation(open_dataset(root, "train"), part)
        if not parts.validation.records:
            raise FileError(f"{root}: no class has two videos, one of which could validate", help="add videos")
        after = before.model_copy(update={"validation": part})
        write_json(root / DESCRIPTION_NAME, after.model_dump(mode="json", exclude_defaults=True) | {"kind": kind})
    return SplitReport(part, open_dataset(root, "train"), open_dataset(root, "val"))


def _named_classes(dataset: VideoDataset, names: Sequence[str]) -> VideoDataset:
    """The clips of the classes named."""
    places = class_places(names, dataset.class_names)
    unknown = next((name for name, place in zip(names, places, strict=True) if place is None), None)
    if unknown is not None:
        close = similar(unknown, dataset.class_names)
        raise UsageError(
            f"{dataset.root}: has no class {unknown!r}",
            help=f"did you mean {' or '.join(map(repr, close))}?" if close else "`tsdsl data index --json` lists them",
        )
    labels = sorted({place for place in places if place is not None})
    if len(labels) < len(names):
        raise UsageError(f"{dataset.root}: a class is named twice among {named(names)}", help="name each class once")
    return keep_classes(dataset, labels)


@dataclass(frozen=True)
class SelectionReport:
    """The new data set by split, and its record."""

    root: Path
    selection: ClassSelection
    splits: tuple[VideoDataset, ...]


def select_classes(
    source: str | Path,
    folder: str | Path,
    classes: int | Sequence[str],
    seed: int = 0,
    *,
    kind: str | None = None,
) -> SelectionReport:
    """Write a data set of some classes of the one in `source`, so many random ones or those named; no clips are copied.

    Names that differ only in case, spaces, `_` and `-` are the same. Classes keep the order that they have in `source`.

    Raises:
        UsageError: `source` does not have the classes, or `folder` contains something else.
        FileError: `source` is not a data set, or `folder` cannot be written.
    """
    source, folder = Path(source), Path(folder)
    training = open_dataset(source, "train", kind=kind)
    is_random = isinstance(classes, int)
    chosen = choose_classes(training, classes, seed) if isinstance(classes, int) else _named_classes(training, classes)
    selection = ClassSelection(
        source=str(source.resolve()),
        seed=seed if is_random else None,
        of_classes=training.num_classes,
        classes=chosen.class_names,
    )
    description = DatasetDescription(
        kind=training.kind, flip_allowed=training.flip_allowed, clip=training.recommended, selection=selection
    )
    content = description.model_dump(mode="json")
    if folder.exists() and any(folder.iterdir()):
        if read_description(folder) != description:
            raise UsageError(f"{folder}: contains another data set", help="choose another folder")
    else:
        write_json(folder / DESCRIPTION_NAME, content)
    return SelectionReport(folder, selection, tuple(open_splits(folder)[0]))
