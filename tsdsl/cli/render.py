"""`tsdsl render`: the picture of a space, of an architecture or of what a run found."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import UsageError


class View(StrEnum):
    """What is drawn."""

    graph = "graph"


def render(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[SPACE|ARCH|RUN]", help="Default: the space compiled last, and what its run found."),
    ] = None,
    view: Annotated[View, typer.Option("--view", help="What is drawn.")] = View.graph,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File ending in .svg, .png or .pdf.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Scale as one of the space's models, e.g. L.")] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The space of an architecture.")] = None,
) -> None:
    """Draw a space with its choices, or an architecture with what was chosen; no Graphviz binary is needed."""
    from tsdsl.cli.locate import BUILD, SPACE_FILE, find_space
    from tsdsl.cli.search import RUNS
    from tsdsl.render import draw_space, write_picture

    path = Path(what) if what is not None else None
    is_folder_of_space = path is not None and path.is_dir() and (path / "report.json").is_file()
    is_architecture = (
        path is not None
        and not is_folder_of_space
        and (path.is_dir() or (path.suffix == ".json" and path.name != SPACE_FILE))
    )
    if path is not None and is_architecture:
        where = path if path.is_dir() else path.parent
        _draw_architecture(path, output or where / f"{_stem(path)}.svg", model, in_space)
        return
    if model is not None:
        raise UsageError("--model scales an architecture, and none was given", help="give an architecture or a run")
    found = find_space(what, space)
    name = found.space.name
    picture = output or (BUILD / name / "space.svg" if what is None or is_folder_of_space else Path(f"{name}.svg"))
    write_picture(draw_space(found.space), picture)
    note(f"wrote {picture}: the space {name}")
    run = RUNS / name
    if what is None and output is None and any(run.glob("step*/architecture.json")):
        _draw_architecture(run, run / "architecture.svg", None, in_space)


def _stem(path: Path) -> str:
    return "architecture" if path.is_dir() else path.stem


def _draw_architecture(path: Path, output: Path, model: str | None, in_space: str | None) -> None:
    from tsdsl.analysis.network import UNSCALED, Blueprint
    from tsdsl.cli.locate import find_architecture, find_scale
    from tsdsl.render import draw_architecture, write_picture

    architecture, located = find_architecture(path, in_space)
    scale = find_scale(located.space, model) or UNSCALED
    write_picture(draw_architecture(located.space, architecture, Blueprint(located.space, scale=scale)), output)
    found_by = f"as step {architecture.step} left it" if architecture.step is not None else "complete"
    note(f"wrote {output}: an architecture of {located.space.name}, {found_by}")
