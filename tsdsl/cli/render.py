"""`tsdsl render`: pictures of a space, of an architecture or of what a run found."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.artifacts.locate import LocatedSpace
    from tsdsl.render.found import FoundModel
    from tsdsl.render.graph_parts import Detail
    from tsdsl.render.theme import Theme


class View(StrEnum):
    """What is drawn."""

    graph = "graph"
    figure = "figure"
    alpha = "alpha"
    landscape = "landscape"


class ThemeChoice(StrEnum):
    """The ground that pictures stand on."""

    light = "light"
    dark = "dark"


class DetailChoice(StrEnum):
    """What a node of a graph is."""

    stage = "stage"
    group = "group"
    block = "block"


def render(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[SPACE|ARCH|RUN]", help="Default: the space compiled last, and what its run found."),
    ] = None,
    view: Annotated[View, typer.Option("--view", help="What is drawn.")] = View.graph,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File ending in .svg, .png or .pdf.", show_default=False)
    ] = None,
    detail: Annotated[
        DetailChoice | None,
        typer.Option("--detail", help="graph: what a node is: stage, group or block.", show_default="group"),
    ] = None,
    theme: Annotated[ThemeChoice, typer.Option("--theme", help="Light or dark.")] = ThemeChoice.light,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", help="figure: another architecture or run, to show what differs.", show_default=False
        ),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option("--step", help="alpha: a step's number, or joint; default: the run's last.", show_default=False),
    ] = None,
    epoch: Annotated[
        int | None, typer.Option("--epoch", help="alpha: after this epoch; default: the last.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Scale as one of the space's models, e.g. L.")] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The space of an architecture or a run.")] = None,
) -> None:
    """Draw a space, an architecture, or a search; no Graphviz binary is needed.

    graph: streams, stages and groups with their choices, or with what was chosen. figure: an architecture in the form
    of the Auto-TSNet paper's Figure 3, or what differs between two. alpha: the probabilities in a search after an
    epoch. landscape: accuracy against multiply-adds, before the distribution of cost over the whole space.
    """
    from tsdsl.cli.render_run import draw_alpha_of, draw_landscape_of
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
            raise UsageError(f"{option} has no effect on --view {view}", help=f"it is for --view {own[0]}")
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
    """UsageError where `--space` is given with an architecture, or `--in` with a space."""
    from tsdsl.artifacts.locate import is_architecture

    if is_architecture(path) and space is not None:
        raise UsageError(f"--space has no effect on {path}", help="it picks one of the spaces of a .tsspace file")
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
    found_by = f"as step {architecture.step} left it" if architecture.step is not None else "complete"
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
            f"{against}: is an architecture of {other_located.space.name} ({other_located.space.fingerprint}), "
            f"not of {located.space.name} ({located.space.fingerprint})",
            help="compare two architectures of one space",
        )
    picture = output or (_beside(path, "-difference") if path else Path(f"{located.space.name}-difference.svg"))
    write_picture(draw_difference(found, other, (str(path or what), str(against)), theme), picture)
    note(f"wrote {picture}: what differs between {path or what} and {against}")


def _found(
    what: str | None, model: str | None, space: str | None, in_space: str | None
) -> tuple[FoundModel, LocatedSpace, Path | None]:
    """The architecture meant, at the scale meant, its space, and its file or run where it has one.

    Raises:
        UsageError: a space with decisions was given, or none of it was found yet.
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
                f"a figure shows one architecture, and {located.label} is a space",
                help="give an architecture, such as one of `tsdsl sample SPACE --json > a.json`, or a run",
            )
    if path is not None:
        architecture, located = find_architecture(path, in_space)
    else:
        architecture, _ = only_architecture(located)
    scale = find_scale(located.space, model) or UNSCALED
    return found_model(Blueprint(located.space, scale=scale), architecture), located, path


def _beside(path: Path, suffix: str) -> Path:
    """The default picture of an architecture: in a run's folder, or beside a file."""
    if path.is_dir():
        return path / f"{suffix.removeprefix('-') or 'architecture'}.svg"
    return path.parent / f"{path.stem}{suffix}.svg"
