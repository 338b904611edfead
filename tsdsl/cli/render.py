"""`tsdsl render`: draws a space, an architecture or the results of a run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import InSpace, ModelName, SpaceName
from tsdsl.errors import UsageError


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
        typer.Argument(metavar="SPACE|ARCH|RUN", help="Default: the only .tsspace here, and the result of its run."),
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
    from tsdsl.artifacts.locate import is_architecture
    from tsdsl.cli.work.draw_network import Drawing, draw_figure_of, draw_graph_of
    from tsdsl.cli.work.draw_run import draw_alpha_of, draw_landscape_of
    from tsdsl.drawing.graph_parts import Detail
    from tsdsl.drawing.theme import THEMES
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
    path = None if what is None else run_of(Path(what))
    if path is not None and is_architecture(path) and space is not None:
        raise UsageError(f"--space has no effect on {path}", help="it selects a space of a .tsspace file")
    if path is not None and not is_architecture(path) and in_space is not None:
        raise UsageError(f"--in has no effect on {path}", help="it names the space of an architecture or a run")
    drawing = Drawing(path, output, THEMES[theme], model, space, in_space)
    if view is View.figure:
        draw_figure_of(drawing, None if against is None else run_of(against))
    elif view is View.alpha:
        draw_alpha_of(drawing, step, epoch)
    elif view is View.landscape:
        draw_landscape_of(drawing)
    else:
        draw_graph_of(drawing, Detail(detail or Detail.group))
