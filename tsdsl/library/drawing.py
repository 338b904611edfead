"""Draws spaces and architectures, given as objects or as paths."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

from tsdsl.library.networks import space_of
from tsdsl.library.pictures import Picture
from tsdsl.library.runs import architecture_of
from tsdsl.space import model as data
from tsdsl.space.architecture import Architecture


def render(
    what: data.Space | Architecture | str | PathLike[str],
    *,
    view: Literal["graph", "figure"] = "graph",
    detail: Literal["stage", "group", "block"] = "group",
    model: str | None = None,
    against: Architecture | str | PathLike[str] | None = None,
    theme: Literal["light", "dark"] = "light",
) -> Picture:
    """The picture of a space or an architecture; a path may name a space, an architecture file, or a run.

    `graph` shows streams, stages and groups in the given `detail`, `figure` an architecture as Figure 3 of the
    Auto-TSNet paper does, or what differs `against` another one. `model` scales to one of the space's models.

    Examples:
        >>> import tsdsl
        >>> tsdsl.render("std:tiny")
        <Picture of the space tiny>

    Raises:
        UsageError: a figure is asked of a space with decisions, or the two architectures are of different spaces.
        FileError: a file cannot be read.
    """
    from tsdsl.artifacts.locate import LocatedSpace, find_scale, is_space, only_architecture
    from tsdsl.drawing import draw_architecture, draw_difference, draw_figure, found_model
    from tsdsl.drawing.graph_parts import Detail
    from tsdsl.drawing.theme import THEMES
    from tsdsl.network.layout import Blueprint

    if isinstance(what, data.Space) or (not isinstance(what, Architecture) and is_space(Path(what))):
        space: data.Space = space_of(what if isinstance(what, data.Space | str) else Path(what))
        if view == "graph" and model is None:
            return space_of(space).render(detail, theme=theme)
        found, _ = only_architecture(LocatedSpace(space, space.name))
    else:
        found, space = architecture_of(what, None)
    blueprint = Blueprint(space, scale=find_scale(space, model))
    title = f"an architecture of {space.name}" + (f" as model {model}" if model is not None else "")
    if view == "graph":
        return Picture(draw_architecture(space, found, blueprint, Detail(detail), THEMES[theme]), title)
    if against is None:
        return Picture(draw_figure(found_model(blueprint, found), title, THEMES[theme]), title)
    other = space_of(space).architecture(against if isinstance(against, Architecture | str) else Path(against))
    models = (found_model(blueprint, found), found_model(blueprint, other))
    title = f"the difference of two architectures of {space.name}"
    return Picture(draw_difference(*models, ("one", "the other"), THEMES[theme]), title)
