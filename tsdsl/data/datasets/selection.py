"""Makes a data set of some classes of another: a folder with only a `dataset.json` that names them.

MiniKinetics-100 (paper section 5.2) is 100 random classes of Kinetics-400. The paper does not list them; here they
depend only on the seed and the names of the classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsdsl.data.datasets.description import DESCRIPTION_NAME, ClassSelection, DatasetDescription, read_description
from tsdsl.data.datasets.open import available_splits, open_dataset
from tsdsl.data.datasets.records import VideoDataset, choose_classes
from tsdsl.errors import UsageError
from tsdsl.files import write_json


@dataclass(frozen=True)
class SelectionReport:
    """The new data set by split, and its record."""

    root: Path
    selection: ClassSelection
    splits: tuple[VideoDataset, ...]


def select_classes(
    source: str | Path, folder: str | Path, num_classes: int, seed: int = 0, *, kind: str | None = None
) -> SelectionReport:
    """Write a data set of `num_classes` random classes of the one in `source`; no clips are copied.

    Raises:
        UsageError: `source` has fewer classes, or `folder` contains something else.
        FileError: `source` is not a data set, or `folder` cannot be written.
    """
    source, folder = Path(source), Path(folder)
    training = open_dataset(source, "train", kind=kind)
    chosen = choose_classes(training, num_classes, seed)
    selection = ClassSelection(
        source=str(source.resolve()), seed=seed, of_classes=training.num_classes, classes=chosen.class_names
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
    return SelectionReport(folder, selection, tuple(open_dataset(folder, split) for split in available_splits(folder)))
