"""The Python API: load a space, build its supernet or one model, search it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.errors import SpaceError, UsageError
from tsdsl.source_files import STANDARD, read_source
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

if TYPE_CHECKING:
    from tsdsl.lowering import Model, Supernet
    from tsdsl.space.architecture import Architecture


def load(path: str | Path, name: str | None = None) -> Space:
    """The space in a file (or `std:NAME`); `name` picks one where the file holds several.

    Raises:
        FileError: the file cannot be read.
        SpaceError: the space has errors; its `diagnostics` say which.
        UsageError: the file holds several spaces and `name` picks none of them.
    """
    from tsdsl.check.check import check

    checked = check(read_source(path))
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        from tsdsl.diagnostics.render import concise

        raise SpaceError(f"{path} has errors:\n" + "\n".join(map(concise, errors)), errors)
    return pick([resolved.space for resolved in checked.spaces], name, str(path))


def pick(spaces: list[Space], name: str | None, place: str) -> Space:
    """The space called `name`; without a name the only one, or the one called as the file is."""
    if name is None and len(spaces) == 1:
        return spaces[0]
    wanted = name or Path(place.removeprefix(STANDARD)).stem
    for space in spaces:
        if space.name == wanted:
            return space
    known = ", ".join(space.name for space in spaces)
    if name is None:
        raise UsageError(f"{place} holds several spaces: {known}", help="pick one with --space NAME")
    raise UsageError(f"{place} has no space {name}", help=f"it has {known}")


def supernet(space: Space, *, classes: int = 0, seed: int | None = None) -> Supernet:
    """The weight-sharing supernet of a space; `supernet(space)(clips, architecture)` gives class scores.

    `classes` is the number of classes of the data, the space's own unless given; clips are
    B x 3 x T x H x W, T the frames of the stream that sees most.
    """
    from tsdsl.lowering import Supernet
    from tsdsl.network.layout import Blueprint

    return Supernet(Blueprint(space, classes=classes), seed=seed)


def model(
    space: Space,
    architecture: Architecture | Mapping[str, Value],
    *,
    scale: str | None = None,
    classes: int = 0,
    seed: int | None = None,
) -> Model:
    """The plain PyTorch model of one architecture, with fresh weights.

    `scale` names one of the space's models, such as `L`.

    Raises:
        UsageError: the architecture is not one of the space, or there is no such model.
    """
    from tsdsl.lowering import Model
    from tsdsl.network.layout import UNSCALED, Blueprint
    from tsdsl.space.architecture import Architecture, problems

    if not isinstance(architecture, Architecture):
        architecture = Architecture(space=space.name, fingerprint=space.fingerprint, decisions=architecture)
    wrong = problems(space, architecture)
    if wrong:
        raise UsageError(f"this is not an architecture of {space.name}: {wrong[0]}", help="sample or search one")
    scales = {known.name: known for known in space.models}
    if scale is not None and scale not in scales:
        raise UsageError(f"space {space.name} has no model {scale}", help=f"it has {', '.join(scales) or 'none'}")
    blueprint = Blueprint(space, classes=classes, scale=scales[scale] if scale is not None else UNSCALED)
    return Model(blueprint.network(architecture.decisions, architecture.step), seed=seed)
