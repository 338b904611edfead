"""Finds the space (file, `std:NAME`, compiled folder) or architecture that an argument names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.analysis.tables.constraints import violated
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.load import load, pick
from tsdsl.check.stored import space_from_dict
from tsdsl.engine.runs.directory import require_unchanged
from tsdsl.errors import FileError, TsdslError, UsageError
from tsdsl.files import read_json
from tsdsl.network.layout import UNSCALED, Blueprint
from tsdsl.source_files import STANDARD, shipped_with
from tsdsl.space.architecture import Architecture, problems, read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

BUILD = Path("build")
RUNS = Path("runs")
SPACE_FILE = "space.json"


@dataclass(frozen=True, slots=True)
class LocatedSpace:
    """A space and the argument that names it."""

    space: Space
    label: str


def find_space(argument: str | None, name: str | None = None, run: Path | None = None) -> LocatedSpace:
    """The space that `argument` names; by default that of `run` if it has one, else the only one in this folder.

    Raises:
        FileError: it cannot be read.
        SpaceError: it has errors.
        UsageError: none is given and there is not one to take, or none is called `name`.
    """
    if argument is None:
        argument = _default_space(run)
        print(f"using the space in {argument}", file=sys.stderr)
    path = Path(argument)
    if not argument.startswith(STANDARD) and path.is_dir():
        if not (path / SPACE_FILE).is_file():
            raise FileError(f"{path}: contains no {SPACE_FILE}", help="give a folder that `tsdsl compile` wrote")
        return LocatedSpace(pick([read_space(path / SPACE_FILE)], name, argument), argument)
    if not argument.startswith(STANDARD) and path.suffix == ".json":
        return LocatedSpace(pick([read_space(path)], name, argument), argument)
    return LocatedSpace(load(argument, name), argument)


def _default_space(run: Path | None) -> str:
    """The file of the run's space, else the only `.tsspace` file in the current folder."""
    if run is not None and (run / SPACE_FILE).is_file():
        return str(run / SPACE_FILE)
    texts = sorted(str(path) for path in Path().glob("*.tsspace") if path.is_file())
    if len(texts) == 1:
        return texts[0]
    found = f"has several: {', '.join(texts)}" if texts else "has no .tsspace file"
    raise UsageError(
        f"no space given, and this folder {found}",
        help="give one of them" if texts else "give a .tsspace file or std:NAME; `tsdsl new` writes one",
    )


def read_space(path: str | Path) -> Space:
    """A compiled space.

    Raises:
        UsageError: it is an architecture.
        FileError: it is missing, or not a compiled space of this version.
    """
    content = read_json(path, "give a space that `tsdsl compile FILE` wrote")
    if isinstance(content, dict) and {"fingerprint", "decisions"} <= content.keys():
        raise UsageError(
            f"{path}: is an architecture, not a space",
            help="give a space; `tsdsl render --view figure ARCH --against ARCH` compares two architectures",
        )
    try:
        return space_from_dict(content)
    except ValueError as error:
        raise FileError(
            f"{path}: is not a compiled space of this version ({error})", help="run `tsdsl compile FILE` again"
        ) from error


def find_scale(space: Space, name: str | None) -> Scale:
    """The model called `name`, by default none.

    Raises:
        UsageError: there is none.
    """
    if name is None:
        return UNSCALED
    for model in space.models:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in space.models) or "none"
    raise UsageError(f"space {space.name} has no model {name}", help=f"models are: {known}")


def find_architecture(
    path: str | Path, space_argument: str | None, space_name: str | None = None
) -> tuple[Architecture, LocatedSpace]:
    """The architecture of a file or run and its space, or the only architecture of a space without decisions.

    The default of `space_argument` is found by `space_of`. `space_name` selects a space of a file with several.

    Raises:
        FileError: the file is not an architecture, its space is not found, or it is not in its space.
        UsageError: `path` is a space with decisions.
    """
    path = Path(path)
    if is_space(path):
        return only_architecture(find_space(str(path), space_name))
    if space_name is not None:
        raise UsageError(f"--space has no effect on {path}", help="it selects a space of a .tsspace file")
    if path.is_dir():
        path = newest_architecture(path)
    require_unchanged(path)
    architecture = read_architecture(path)
    located = find_space(space_argument) if space_argument is not None else space_of(path, architecture)
    wrong = problems(located.space, architecture)
    if located.space.requires and not wrong:
        free = FreeSpace(CostTable(Blueprint(located.space), architecture.step))
        wrong = [f"it does not satisfy `{text}`" for text in violated(free, architecture.decisions)]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise FileError(
            f"{path}: is not an architecture of {located.label}: {wrong[0]}{more}",
            help="search or sample again in this space, or give its own space with --in",
        )
    return architecture, located


def is_space(path: Path) -> bool:
    """Whether a path names a space: `std:NAME`, a `.tsspace` file, or a compiled folder."""
    if str(path).startswith(STANDARD) or path.suffix == ".tsspace" or path.name == SPACE_FILE:
        return True
    return (path / "report.json").is_file() and (path / SPACE_FILE).is_file()


def only_architecture(located: LocatedSpace) -> tuple[Architecture, LocatedSpace]:
    """The only architecture of a space without decisions, and the space.

    Raises:
        UsageError: it has decisions.
    """
    space = located.space
    if space.decisions:
        raise UsageError(
            f"space {space.name} has {len(space.decisions)} decisions",
            help="give one of its architectures: search one, or use `tsdsl sample`",
        )
    return Architecture(space=space.name, fingerprint=space.fingerprint, decisions={}), located


def is_architecture(path: Path) -> bool:
    """Whether a path names an architecture: its file, or the folder of a run."""
    if path.is_dir():
        return not (path / "report.json").is_file()
    return path.suffix == ".json" and path.name != SPACE_FILE


def newest_architecture(folder: Path) -> Path:
    """The architecture of the latest finished step of a run."""
    steps = folder.glob("step*/architecture.json")
    found = sorted(steps, key=lambda path: step_order(path.parent)) or sorted(folder.glob("architecture.json"))
    if not found:
        raise FileError(f"{folder}: contains no architecture", help="finish a step with `tsdsl search --step 1` first")
    return found[-1]


def step_order(folder: Path) -> tuple[int, str]:
    """A key that sorts folders of steps by number, before other folders."""
    digits = "".join(c for c in folder.name if c.isdigit())
    return (int(digits) if folder.name.startswith("step") and digits else 10**9, str(folder))


def space_of(path: Path, architecture: Architecture) -> LocatedSpace:
    """The space of an architecture file: beside or above it, compiled or shipped; one of equal fingerprint if possible.

    Raises:
        FileError: none has its name.
    """
    near = None
    for candidate in _candidates(path, architecture):
        if architecture.fingerprint == candidate.space.fingerprint:
            return candidate
        near = near or candidate
    for label in shipped_with(architecture.space):
        shipped = LocatedSpace(load(label, architecture.space), label)
        if near is None or shipped.space.fingerprint == architecture.fingerprint:
            return shipped
    if near is not None:
        return near
    raise FileError(
        f"{path}: space {architecture.space} not found beside the file, under {BUILD}/ or among the shipped spaces",
        help="give the space with --in FILE",
    )


def _candidates(path: Path, architecture: Architecture) -> Iterator[LocatedSpace]:
    """Spaces of its name: in `.tsspace` files beside it, first in the one that it records; then compiled ones."""
    beside = sorted(path.parent.glob("*.tsspace"), key=lambda text: (text.name != architecture.space_file, text.name))
    for text in beside:
        try:
            yield LocatedSpace(load(text, architecture.space), str(text))
        except TsdslError:
            continue  # another space, or one with errors
    compiled = [folder / SPACE_FILE for folder in path.resolve().parents][:4]
    compiled.append(BUILD / architecture.space / SPACE_FILE)
    for file in compiled:
        if file.is_file():
            yield LocatedSpace(read_space(file), str(file))


def recommended_clip(data: Path | None, run: Path) -> dict[str, Any] | None:
    """The clip settings recommended by a data set, by default that of the run."""
    from tsdsl.data import open_dataset

    root = data or searched_data(run)
    return None if root is None else open_dataset(root, "train").recommended.model_dump(mode="json")


def searched_data(architecture: Path) -> Path | None:
    """The data set of the search run that contains an architecture; None outside a search run."""
    start = architecture.resolve()
    for folder in ([start] if start.is_dir() else []) + list(start.parents)[:2]:
        try:
            content = read_json(folder / "settings.json")
        except FileError:
            continue
        settings = content.get("settings") if isinstance(content, dict) and content.get("kind") == "search" else None
        if isinstance(settings, dict) and isinstance(settings.get("data"), str):
            return Path(settings["data"])
    return None
