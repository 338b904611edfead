"""`tsdsl render`: draws a space, an architecture or the results of a run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.options import InSpace, ModelName, SpaceName
from tsdsl.cli.work.console import note
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.artifacts.locate import LocatedSpace
    from tsdsl.render.found import FoundModel
    from tsdsl.render.graph_parts import Detail
    from tsdsl.render.theme import Theme


class View(StrEnum):
    """What to draw."""

    graph = "graph"
    figure = "figure"
    alpha = "alpha"
    landscape = "landscape"


class ThemeChoice(StrEnum):
    """The background of pictures."""

    light = "light"
    dark = "dark"


class DetailChoice(StrEnum):
    """What a node of a graph shows."""

    stage = "stage"
    group = "group"
    block = "block"


def render(
    what: Annotated[
        str | None,
        typer.Argument(metavar="SPACE|ARCH|RUN", help="Default: the last compiled space, and the result of its run."),
    ] = None,
    view: Annotated[View, typer.Option("--view", help="What to draw.")] = View.graph,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File ending in .svg, .png or .pdf.")] = None,
    detail: Annotated[
        DetailChoice | None,
        typer.Option("--detail", help="graph: one node per stage, group or block.", show_default="group"),
    ] = None,
    theme: Annotated[ThemeChoice, typer.Option("--theme", help="Light or dark.")] = ThemeChoice.light,
    against: Annotated[
        Path | None, typer.Option("--against", help="figure: another architecture or run, to show differences.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="alpha: a step number, or joint; default: the last.")
    ] = None,
    epoch: Annotated[int | None, typer.Option("--epoch", help="alpha: after this epoch; default: the last.")] = None,
    model: ModelName = None,
    space: SpaceName = None,
    in_space: InSpace = None,
) -> None:
    """Draw a space, an architecture, or a search. Graphviz is not needed.

    graph: streams, stages and groups with their choices or decisions. figure: an architecture like Figure 3 of the
    Auto-TSNet paper, or the differences of two. alpha: the probabilities of a search after an epoch. landscape:
    accuracy against multiply-adds, over the distribution of cost in the whole space.
    """
    from tsdsl.cli.work.draw_run import draw_alpha_of, draw_landscape_of
    from tsdsl.render.graph_parts import Detail
    from tsdsl.render.theme import THEMES
    from tsdsl.report.landscape import run_of

    for option, value, own in (
        ("--detail", detail, (View.graph,)),
        ("--against", against, (View.figure,)),
        ("--step", step, (View.alpha,)),
        ("--epoch", epoch, (View.alpha,)),
        ("--model", model, (View.graph, View.figure, View.landscape)),
        ("--space", space, (View.graph, View.figure, View.landscape)),
    ):
        if value is not None and view not in own:
            raise UsageError(f"{option} has no effect on --view {view}", help=f"use it with --view {own[0]}")
    colours = THEMES[theme]
    what = None if what is None else str(run_of(Path(what)))
    against = None if against is None else run_of(against)
    if what is not None:
        _demand_own_options(Path(what), space, in_space)
    if view is View.figure:
        _figure(what, output, colours, against, model, space, in_space)
    elif view is View.alpha:
        draw_alpha_of(what, step, epoch, in_space, output, colours)
    elif view is View.landscape:
        draw_landscape_of(what, space, model, in_space, output, colours)
    else:
        _graph(what, output, colours, Detail(detail or Detail.group), model, space, in_space)


def _demand_own_options(path: Path, space: str | None, in_space: str | None) -> None:
    """Raise UsageError for `--space` with an architecture, or `--in` with a space."""
    from tsdsl.artifacts.locate import is_architecture

    if is_architecture(path) and space is not None:
        raise UsageError(f"--space has no effect on {path}", help="it selects a space of a .tsspace file")
    if not is_architecture(path) and in_space is not None:
        raise UsageError(f"--in has no effect on {path}", help="it names the space of an architecture or a run")


def _graph(
    what: str | None,
    output: Path | None,
    theme: Theme,
    detail: Detail,
    model: str | None,
    space: str | None,
    in_space: str | None,
) -> None:
    from tsdsl.artifacts.locate import BUILD, RUNS, find_scale, find_space, is_architecture, only_architecture
    from tsdsl.network.layout import UNSCALED, Blueprint
    from tsdsl.render import draw_architecture, draw_space, write_picture

    if what is not None and is_architecture(Path(what)):
        path = Path(what)
        _draw_architecture(path, output or _beside(path, ""), theme, detail, model, in_space)
        return
    found = find_space(what, space)
    name = found.space.name
    if model is not None:
        architecture, _ = only_architecture(found)
        picture = output or Path(f"{name}-{model}.svg")
        scaled = Blueprint(found.space, scale=find_scale(found.space, model) or UNSCALED)
        write_picture(draw_architecture(found.space, architecture, scaled, detail, theme), picture)
        note(f"wrote {picture}: {name} as model {model}")
        return
    is_compiled = what is None or (Path(what) / "report.json").is_file()
    picture = output or (BUILD / name / "space.svg" if is_compiled else Path(f"{name}.svg"))
    write_picture(draw_space(found.space, detail, theme), picture)
    note(f"wrote {picture}: the space {name}")
    run = RUNS / name
    if what is None and output is None and any(run.glob("step*/architecture.json")):
        _draw_architecture(run, run / "architecture.svg", theme, detail, None, in_space)


def _draw_architecture(
    path: Path, output: Path, theme: Theme, detail: Detail, model: str | None, in_space: str | None
) -> None:
    from tsdsl.artifacts.locate import find_architecture, find_scale
    from tsdsl.network.layout import UNSCALED, Blueprint
    from tsdsl.render import draw_architecture, write_picture

    architecture, located = find_architecture(path, in_space)
    scale = find_scale(located.space, model) or UNSCALED
    blueprint = Blueprint(located.space, scale=scale)
    write_picture(draw_architecture(located.space, architecture, blueprint, detail, theme), output)
    found_by = f"after step {architecture.step}" if architecture.step is not None else "complete"
    note(f"wrote {output}: an architecture of {located.space.name}, {found_by}")


def _figure(
    what: str | None,
    output: Path | None,
    theme: Theme,
    against: Path | None,
    model: str | None,
    space: str | None,
    in_space: str | None,
) -> None:
    from tsdsl.render import draw_difference, draw_figure, write_picture

    found, located, path = _found(what, model, space, in_space)
    if against is None:
        picture = output or (_beside(path, "-figure") if path else Path(f"{located.space.name}-figure.svg"))
        scaled = f" as model {model}" if model else ""
        title = f"{located.space.name}{scaled}" + (f": {path}" if path else "")
        write_picture(draw_figure(found, title, theme), picture)
        note(f"wrote {picture}: an architecture of {located.space.name}{scaled}")
        return
    other, other_located, _ = _found(str(against), model, None, in_space)
    if other_located.space.fingerprint != located.space.fingerprint:
        raise UsageError(
            f"{against}: expected an architecture of {located.space.name} ({located.space.fingerprint}), "
            f"got one of {other_located.space.name} ({other_located.space.fingerprint})",
            help="compare two architectures of one space",
        )
    picture = output or (_beside(path, "-difference") if path else Path(f"{located.space.name}-difference.svg"))
    write_picture(draw_difference(found, other, (str(path or what), str(against)), theme), picture)
    note(f"wrote {picture}: differences of {path or what} and {against}")


def _found(
    what: str | None, model: str | None, space: str | None, in_space: str | None
) -> tuple[FoundModel, LocatedSpace, Path | None]:
    """The architecture at its scale, its space, and its file or run if it has one.

    Raises:
        UsageError: the space has decisions, and no run of it has found an architecture.
    """
    from tsdsl.artifacts.locate import (
        RUNS,
        find_architecture,
        find_scale,
        find_space,
        is_architecture,
        only_architecture,
    )
    from tsdsl.network.layout import UNSCALED, Blueprint
    from tsdsl.render.found import found_model

    path = Path(what) if what is not None and is_architecture(Path(what)) else None
    if path is None:
        located = find_space(what, space)
        run = RUNS / located.space.name
        if what is None and any(run.glob("*/architecture.json")):
            path = run
        elif located.space.decisions:
            raise UsageError(
                f"expected one architecture to draw, but {located.label} is a space",
                help="give an architecture, such as one of `tsdsl sample SPACE --json > a.json`, or a run",
            )
    if path is not None:
        architecture, located = find_architecture(path, in_space)
    else:
        architecture, _ = only_architecture(located)
    scale = find_scale(located.space, model) or UNSCALED
    return found_model(Blueprint(located.space, scale=scale), architecture), located, path


def _beside(path: Path, suffix: str) -> Path:
    """The default path of a picture: in the folder of a run, or beside an architecture file."""
    if path.is_dir():
        return path / f"{suffix.removeprefix('-') or 'architecture'}.svg"
    return path.parent / f"{path.stem}{suffix}.svg"
