"""The views of `tsdsl render` that read a run: alpha and landscape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.cli.work.console import note
from tsdsl.errors import FileError, UsageError

if TYPE_CHECKING:
    from tsdsl.render.landscape import CostMark, ModelPoint
    from tsdsl.render.theme import Theme
    from tsdsl.space.model import Space
    from tsdsl.space.parts import Scale


def draw_alpha_of(
    what: str | None, step: str | None, epoch: int | None, in_space: str | None, output: Path | None, theme: Theme
) -> None:
    """Write the heat map of a step after an epoch; `in_space` names the space if the run does not record it."""
    from tsdsl.artifacts.locate import RUNS, SPACE_FILE, find_space, read_space
    from tsdsl.render import write_picture
    from tsdsl.render.alpha import alpha_epochs, draw_alpha
    from tsdsl.search import read_alpha

    run = Path(what) if what is not None else RUNS / find_space(None).space.name
    if in_space is None and not (run / SPACE_FILE).is_file():
        raise FileError(f"{run}: is not a search run", help="give a folder that `tsdsl search` wrote")
    space = find_space(in_space).space if in_space is not None else read_space(run / SPACE_FILE)
    name, folder = _alpha_folder(run, space, step)
    history = alpha_epochs(read_alpha(folder))
    for path, shares in history[-1].probabilities.items() if history else ():
        decision = space.decision_by_path.get(path)
        if decision is None or len(decision.values) != len(shares):
            raise FileError(
                f"{folder}: was not searched in {space.name}, which has no decision {path} with {len(shares)} choices",
                help="give the space that was searched with --in",
            )
    if not history:
        raise FileError(f"{folder}: has no probabilities yet", help="wait for the end of its first epoch")
    epochs = [entry.epoch for entry in history]
    if epoch is not None and epoch not in epochs:
        raise UsageError(f"{name} has no epoch {epoch}", help=f"its epochs are {epochs[0]} to {epochs[-1]}")
    index = epochs.index(epoch) if epoch is not None else len(epochs) - 1
    picture = output or folder / "alpha.svg"
    write_picture(draw_alpha(space, history, index, f"{space.name}: {name}", theme), picture)
    note(f"wrote {picture}: the probabilities of {name} after epoch {epochs[index]} of {epochs[-1]}")


def _alpha_folder(run: Path, space: Space, step: str | None) -> tuple[str, Path]:
    """(title, folder) of a searched step, by default of the last."""
    known = [(f"step {s.index}: {s.title}", run / f"step{s.index}") for s in space.steps]
    known.append(("joint search", run / "joint"))
    searched = [(name, folder) for name, folder in known if (folder / "alpha.jsonl").is_file()]
    wanted = None if step is None else ("joint" if step == "joint" else f"step{step}")
    for name, folder in reversed(searched):
        if wanted is None or folder.name == wanted:
            return name, folder
    known_steps = ", ".join(folder.name.removeprefix("step") for _, folder in searched) or "none"
    what = "no searched step" if step is None else f"no searched step {step}"
    raise FileError(f"{run}: has {what}", help=f"searched steps: {known_steps}; `tsdsl search --step N` searches one")


def draw_landscape_of(
    what: str | None,
    space_name: str | None,
    model: str | None,
    in_space: str | None,
    output: Path | None,
    theme: Theme,
) -> None:
    """Write the accuracy of measured models against multiply-adds, over the distribution of their space."""
    from tsdsl.artifacts.locate import RUNS, SPACE_FILE, find_architecture, find_scale, find_space, read_space
    from tsdsl.network.layout import UNSCALED
    from tsdsl.render import write_picture
    from tsdsl.report.landscape import landscape_of, measured

    path = Path(what) if what is not None else None
    run = path if path is not None and (path / "settings.json").is_file() else None
    models: list[CostMark] = []
    if run is not None and (run / SPACE_FILE).is_file():
        space = read_space(run / SPACE_FILE)
        picture = run / "landscape.svg"
    elif run is not None:
        space = find_architecture(run, in_space)[1].space
        picture = run / "landscape.svg"
    elif path is not None and path.suffix == ".json" and path.name != SPACE_FILE:
        space, models = _unmeasured(path, model, in_space)
        picture = path.with_name(f"{path.stem}-landscape.svg")
    else:
        space = find_space(what, space_name).space
        run = RUNS / space.name if what is None else None
        picture = Path(f"{space.name}-landscape.svg")
    scale = find_scale(space, model) or UNSCALED
    points = measured(run, space) if run is not None else []
    if not space.decisions:
        models = [_one_model(space, one) for one in ((UNSCALED, *space.models) if model is None else (scale,))]
    landscape = landscape_of(space, scale, points, models)
    write_picture(landscape(theme), output or picture)
    note(f"wrote {output or picture}: {_counted(landscape.points)} over the space {space.name}")


def _counted(points: Sequence[ModelPoint]) -> str:
    own = sum(point.kind != "published" for point in points)
    quoted = len(points) - own
    return f"{own} measured and {quoted} published models" if quoted else f"{own} measured models"


def _unmeasured(path: Path, model: str | None, in_space: str | None) -> tuple[Space, list[CostMark]]:
    """The space and the cost of an architecture."""
    from tsdsl.artifacts.locate import find_architecture, find_scale
    from tsdsl.network.layout import UNSCALED, Blueprint
    from tsdsl.render.found import found_model
    from tsdsl.render.landscape import CostMark

    architecture, located = find_architecture(path, in_space)
    scale = find_scale(located.space, model) or UNSCALED
    found = found_model(Blueprint(located.space, scale=scale), architecture)
    return located.space, [CostMark(path.stem, found.macs, is_target=False)]


def _one_model(space: Space, scale: Scale) -> CostMark:
    """The cost of the only architecture of a space at a scale."""
    from tsdsl.artifacts.locate import LocatedSpace, only_architecture
    from tsdsl.network.layout import Blueprint
    from tsdsl.render.found import found_model
    from tsdsl.render.landscape import CostMark

    only, _ = only_architecture(LocatedSpace(space, space.name))
    return CostMark(f"{space.name} {scale.name}".strip(), found_model(Blueprint(space, scale=scale), only).macs, False)
