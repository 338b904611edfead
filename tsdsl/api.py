"""The Python API: load a space, build its supernet or one model, search it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.errors import FileError, SpaceError, UsageError
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space, Value

if TYPE_CHECKING:
    from tsdsl.lowering import Model, Supernet

LARGEST_FILE_BYTES = 8 * 1024 * 1024
STANDARD = "std:"


def read_source(path: str | Path) -> SourceFile:
    """The text of a `.tsspace` file, or of the shipped space that `std:NAME` names.

    Raises:
        FileError: it is missing, unreadable, a folder, too large, or not UTF-8.
    """
    name = str(path)
    if name.startswith(STANDARD):
        return _shipped(name)
    place = Path(path)
    try:
        if place.is_dir():
            raise FileError(f"{name}: is a folder", help="give a .tsspace file")
        if place.stat().st_size > LARGEST_FILE_BYTES:
            raise FileError(
                f"{name}: is larger than {LARGEST_FILE_BYTES // 2**20} MiB",
                help="a space is a text of a few kilobytes",
            )
        data = place.read_bytes()
    except OSError as error:
        raise FileError(f"{name}: cannot be read ({error.strerror})", help="check the path") from error
    return decode_source(name, data)


def decode_source(name: str, data: bytes) -> SourceFile:
    """The text in `data`, a byte-order mark dropped.

    Raises:
        FileError: it is not UTF-8; the message names the byte.
    """
    try:
        return SourceFile(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"{name}:{line}: byte {error.start} is not UTF-8", help="save the file as UTF-8") from error


def _shipped(name: str) -> SourceFile:
    folder = files("tsdsl.spaces")
    known = sorted(entry.name.removesuffix(".tsspace") for entry in folder.iterdir() if entry.name.endswith(".tsspace"))
    wanted = name.removeprefix(STANDARD)
    if wanted not in known:
        raise FileError(f"{name}: there is no such shipped space", help=f"shipped are {', '.join(known)}")
    return SourceFile(name, folder.joinpath(f"{wanted}.tsspace").read_text(encoding="utf-8"))


def load(path: str | Path, name: str | None = None) -> Space:
    """The space in a file (or `std:NAME`); `name` picks one where the file holds several.

    Raises:
        FileError: the file cannot be read.
        SpaceError: the space has errors; its `diagnostics` say which.
        UsageError: the file holds several spaces and `name` picks none of them.
    """
    from tsdsl.analysis.check import check

    checked = check(read_source(path))
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        from tsdsl.diagnostics.render import concise

        raise SpaceError(f"{path} has errors:\n" + "\n".join(map(concise, errors)), errors)
    return pick([resolved.space for resolved in checked.spaces], name, str(path))


def pick(spaces: list[Space], name: str | None, place: str) -> Space:
    """The space called `name`, or the only one."""
    if name is None and len(spaces) == 1:
        return spaces[0]
    for space in spaces:
        if space.name == name:
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
    from tsdsl.analysis.network import Blueprint
    from tsdsl.lowering import Supernet

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
    from tsdsl.analysis.network import UNSCALED, Blueprint
    from tsdsl.lowering import Model
    from tsdsl.space.architecture import problems

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
