"""The views of `tsdsl render` that draw a space or an architecture: graph and figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tsdsl.artifacts.locate import (
    BUILD,
    RUNS,
    LocatedSpace,
    find_architecture,
    find_scale,
    find_space,
    is_architecture,
    only_architecture,
)
from tsdsl.cli.work.console import note
from tsdsl.drawing import draw_architecture, draw_difference, draw_figure, draw_space, write_picture
from tsdsl.drawing.found import FoundModel, found_model
from tsdsl.drawing.graph_parts import Detail
from tsdsl.drawing.theme import Theme
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint


@dataclass(frozen=True)
class Drawing:
    """The arguments shared by all views; `what` is a space, architecture or run, by default the only space here."""

    what: Path | None
    output: Path | None
    theme: Theme
    model: str | None
    space: str | None
    in_space: str | None

    def located(self) -> LocatedSpace:
        """The space that `what` names."""
        return find_space(None if self.what is None else str(self.what), self.space)

    def write(self, picture: str, default: Path, content: str) -> None:
        """Write a picture and report its path and content."""
        path = self.output or default
        write_picture(picture, path)
        note(f"wrote {path}: {content}")


def draw_graph_of(drawing: Drawing, detail: Detail) -> None:
    """Write the graph of a space or an architecture; by default of the only space here and its result."""
    what = drawing.what
    if what is not None and is_architecture(what):
        _draw_architecture(drawing, what, _beside(what, ""), detail)
        return
    located = drawing.located()
    space = located.space
    if drawing.model is not None:
        architecture, _ = only_architecture(located)
        scaled = Blueprint(space, scale=find_scale(space, drawing.model))
        picture = draw_architecture(space, architecture, scaled, detail, drawing.theme)
        drawing.write(picture, Path(f"{space.name}-{drawing.model}.svg"), f"{space.name} as model {drawing.model}")
        return
    is_compiled = what is not None and (what / "report.json").is_file()
    default = BUILD / space.name / "space.svg" if is_compiled else Path(f"{space.name}.svg")
    drawing.write(draw_space(space, detail, drawing.theme), default, f"the space {space.name}")
    run = RUNS / space.name
    if what is None and drawing.output is None and any(run.glob("step*/architecture.json")):
        _draw_architecture(drawing, run, run / "architecture.svg", detail)


def _draw_architecture(drawing: Drawing, path: Path, default: Path, detail: Detail) -> None:
    architecture, located = find_architecture(path, drawing.in_space)
    blueprint = Blueprint(located.space, scale=find_scale(located.space, drawing.model))
    picture = draw_architecture(located.space, architecture, blueprint, detail, drawing.theme)
    state = f"after step {architecture.step}" if architecture.step is not None else "complete"
    drawing.write(picture, default, f"an architecture of {located.space.name}, {state}")


def draw_figure_of(drawing: Drawing, against: Path | None) -> None:
    """Write the figure of an architecture, or of its differences to the one in `against`.

    Raises:
        UsageError: the two architectures are not of one space.
    """
    found, located, path = _found(drawing)
    space = located.space
    if against is None:
        scaled = f" as model {drawing.model}" if drawing.model else ""
        title = f"{space.name}{scaled}" + (f": {path}" if path else "")
        default = _beside(path, "-figure") if path else Path(f"{space.name}-figure.svg")
        drawing.write(draw_figure(found, title, drawing.theme), default, f"an architecture of {space.name}{scaled}")
        return
    other, other_located, _ = _found(replace(drawing, what=against, space=None))
    if other_located.space.fingerprint != space.fingerprint:
        raise UsageError(
            f"{against}: expected an architecture of {space.name} ({space.fingerprint}), "
            f"got one of {other_located.space.name} ({other_located.space.fingerprint})",
            help="compare two architectures of one space",
        )
    default = _beside(path, "-difference") if path else Path(f"{space.name}-difference.svg")
    names = (str(path or drawing.what), str(against))
    drawing.write(
        draw_difference(found, other, names, drawing.theme), default, f"differences of {names[0]} and {names[1]}"
    )


def _found(drawing: Drawing) -> tuple[FoundModel, LocatedSpace, Path | None]:
    """The architecture at its scale, its space, and its file or run if it has one.

    Raises:
        UsageError: the space has decisions, and no run of it has found an architecture.
    """
    path = drawing.what if drawing.what is not None and is_architecture(drawing.what) else None
    if path is None:
        located = drawing.located()
        run = RUNS / located.space.name
        if drawing.what is None and any(run.glob("*/architecture.json")):
            path = run
        elif located.space.decisions:
            raise UsageError(
                f"expected one architecture to draw, but {located.label} is a space",
                help="give an architecture, such as one of `tsdsl sample SPACE --json > a.json`, or a run",
            )
    architecture, located = only_architecture(located) if path is None else find_architecture(path, drawing.in_space)
    blueprint = Blueprint(located.space, scale=find_scale(located.space, drawing.model))
    return found_model(blueprint, architecture), located, path


def _beside(path: Path, suffix: str) -> Path:
    """The default path of a picture: in the folder of a run, or beside an architecture file."""
    if path.is_dir():
        return path / f"{suffix.removeprefix('-') or 'architecture'}.svg"
    return path.parent / f"{path.stem}{suffix}.svg"
