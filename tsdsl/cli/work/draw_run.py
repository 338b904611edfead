"""The views of `tsdsl render` that read a run: alpha and landscape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdsl.artifacts.locate import (
    RUNS,
    SPACE_FILE,
    LocatedSpace,
    find_architecture,
    find_scale,
    find_space,
    only_architecture,
    read_space,
)
from tsdsl.cli.work.draw_network import Drawing
from tsdsl.drawing.alpha import alpha_epochs, draw_alpha
from tsdsl.drawing.found import found_model
from tsdsl.drawing.landscape import CostMark, ModelPoint
from tsdsl.errors import FileError, UsageError
from tsdsl.network.layout import UNSCALED, Blueprint
from tsdsl.report.landscape import landscape_of, measured, predictions
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale


def draw_alpha_of(drawing: Drawing, step: str | None, epoch: int | None) -> None:
    """Write the heat map of a step after an epoch, by default of the last."""
    from tsdsl.searching import read_alpha

    in_space = drawing.in_space
    run = drawing.what if drawing.what is not None else RUNS / find_space(None).space.name
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
    title = f"{space.name}: {name}"
    drawing.write(
        draw_alpha(space, history, index, title, drawing.theme),
        folder / "alpha.svg",
        f"the probabilities of {name} after epoch {epochs[index]} of {epochs[-1]}",
    )


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


def draw_landscape_of(drawing: Drawing) -> None:
    """Write the accuracy of measured models against multiply-adds, over the distribution of their space."""
    path, model = drawing.what, drawing.model
    run = path if path is not None and (path / "settings.json").is_file() else None
    models: list[CostMark] = []
    if run is not None and (run / SPACE_FILE).is_file():
        space = read_space(run / SPACE_FILE)
        default = run / "landscape.svg"
    elif run is not None:
        space = find_architecture(run, drawing.in_space)[1].space
        default = run / "landscape.svg"
    elif path is not None and path.suffix == ".json" and path.name != SPACE_FILE:
        architecture, located = find_architecture(path, drawing.in_space)
        space = located.space
        found = found_model(Blueprint(space, scale=find_scale(space, model)), architecture)
        models = [CostMark(path.stem, found.macs, is_target=False)]
        default = path.with_name(f"{path.stem}-landscape.svg")
    else:
        space = drawing.located().space
        run = RUNS / space.name if path is None else None
        default = Path(f"{space.name}-landscape.svg")
    scale = find_scale(space, model)
    points = measured(run, space) if run is not None else []
    if not space.decisions:
        models = [_one_model(space, one) for one in ((UNSCALED, *space.models) if model is None else (scale,))]
    predicted = predictions(run, space) if run is not None else []
    landscape = landscape_of(space, scale, points, models, predicted)
    drawing.write(landscape(drawing.theme), default, f"{_counted(landscape.points)} over the space {space.name}")


def _counted(points: Sequence[ModelPoint]) -> str:
    own = sum(point.kind != "published" for point in points)
    quoted = len(points) - own
    return f"{own} measured and {quoted} published models" if quoted else f"{own} measured models"


def _one_model(space: Space, scale: Scale) -> CostMark:
    """The cost of the only architecture of a space at a scale."""
    only, _ = only_architecture(LocatedSpace(space, space.name))
    return CostMark(f"{space.name} {scale.name}".strip(), found_model(Blueprint(space, scale=scale), only).macs, False)
