"""Reads spaces and trained models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.library.space import Space
from tsdsl.source_files import STANDARD

if TYPE_CHECKING:
    from tsdsl.lowering import Model


def load(path: str | Path, name: str | None = None) -> Space:
    """The space in a file, in a folder of `tsdsl compile` or a run, or a shipped one: `std:NAME`.

    `name` picks one where a file holds several.

    Examples:
        >>> import tsdsl
        >>> tsdsl.load("std:tiny")
        <Space tiny: 2 streams, 30 decisions, 110,075,314,176 architectures, 3 steps>

    Raises:
        FileError: the file cannot be read.
        SpaceError: the space has errors; its `diagnostics` say which.
        UsageError: the file holds several spaces and `name` picks none of them.
    """
    text = str(path)
    if not text.startswith(STANDARD) and (Path(path).is_dir() or text.endswith(".json")):
        from tsdsl.artifacts.locate import find_space

        return Space.of(find_space(text, name).space)
    from tsdsl.check.load import load as load_text

    return Space.of(load_text(path, name))


def load_model(folder: str | Path) -> Model:
    """The trained model in the folder of a training run or of `tsdsl export --hub`, in evaluation mode.

    Raises:
        FileError: the folder or a file in it is missing or damaged.
    """
    from tsdsl.artifacts.trained import open_trained
    from tsdsl.library.hub import CONFIG, read_hub

    if (Path(folder) / CONFIG).is_file():
        return read_hub(folder)
    model = open_trained(folder, None, None, None).model
    model.eval()
    return model
