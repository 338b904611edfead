"""The views of `tsdsl render` that read what a search or a training run wrote: alpha and landscape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.cli.console import note
from tsdsl.errors import FileError, UsageError

if TYPE_CHECKING:
    from tsdsl.analysis.distribution import CostDistribution
    from tsdsl.render.landscape import CostMark, ModelPoint
    from tsdsl.render.theme import Theme
    from tsdsl.space.model import Space
    from tsdsl.space.parts import Scale

QUICKSTART = "quickstart.json"
PAPER_CLASSES = 400


def draw_alpha_of(
    what: str | None, step: str | None, epoch: int | None, in_space: str | None, output: Path | None, theme: Theme
) -> None:
    """Write the heat-map of a step of a run after an epoch; `in_space` names the space, where the run has none."""
    from tsdsl.cli.locate import SPACE_FILE, find_space, read_space
    from tsdsl.cli.search import RUNS
    from tsdsl.render import write_picture
    from tsdsl.render.alpha import alpha_epochs, draw_alpha
    from tsdsl.search import read_alpha

    run = Path(what) if what is not None else RUNS / find_space(None).space.name
    if in_space is None and not (run / SPACE_FILE).is_file():
        raise FileError(f"{run}: holds no search", help="give the folder of a run, which `tsdsl search` writes")
    space = find_space(in_space).space if in_space is not None else read_space(run / SPACE_FILE)
    name, folder = _alpha_folder(run, space, step)
    history = alpha_epochs(read_alpha(folder))
    for path, shares in history[-1].probabilities.items() if history else ():
        decision = space.decision_by_path.get(path)
        if decision is None or len(decision.values) != len(shares):
            raise FileError(
                f"{folder}: is of another space than {space.name}, which has no decision {path} "
                f"with {len(shares)} choices",
                help="name the space that was searched",
            )
    if not history:
        raise FileError(f"{folder}: has no probabilities yet", help="wait until its first epoch is done")
    epochs = [entry.epoch for entry in history]
    if epoch is not None and epoch not in epochs:
        raise UsageError(f"{name} has no epoch {epoch}", help=f"its epochs are {epochs[0]} to {epochs[-1]}")
    index = epochs.index(epoch) if epoch is not None else len(epochs) - 1
    picture = output or folder / "alpha.svg"
    write_picture(draw_alpha(space, history, index, f"{space.name}: {name}", theme), picture)
    note(f"wrote {picture}: the probabilities of {name} after epoch {epochs[index]} of {epochs[-1]}")


def _alpha_folder(run: Path, space: Space, step: str | None) -> tuple[str, Path]:
    """(what a reader calls it, folder) of a step that was searched, the last one unless it is named."""
    known = [(f"step {s.index}: {s.title}", run / f"step{s.index}") for s in space.steps]
    known.append(("joint search", run / "joint"))
    searched = [(name, folder) for name, folder in known if (folder / "alpha.jsonl").is_file()]
    wanted = None if step is None else ("joint" if step == "joint" else f"step{step}")
    for name, folder in reversed(searched):
        if wanted is None or folder.name == wanted:
            return name, folder
    there = ", ".join(folder.name.removeprefix("step") for _, folder in searched) or "none"
    what = "no searched step" if step is None else f"no searched step {step}"
    raise FileError(f"{run}: has {what}", help=f"searched there: {there}; `tsdsl search --step N` searches one")


def draw_landscape_of(
    what: str | None,
    space_name: str | None,
    model: str | None,
    in_space: str | None,
    output: Path | None,
    theme: Theme,
) -> None:
    """Write accuracy against multiply-adds of what a run measured, before the distribution of its space."""
    from tsdsl.analysis.network import UNSCALED
    from tsdsl.cli.locate import SPACE_FILE, find_architecture, find_scale, find_space, read_space
    from tsdsl.cli.search import RUNS
    from tsdsl.render import write_picture

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
    note(f"wrote {output or picture}: {_counted(landscape.points)} before the space {space.name}")


@dataclass(frozen=True, slots=True)
class Landscape:
    """A landscape that is drawn by calling it with a theme."""

    title: str
    distribution: CostDistribution
    points: Sequence[ModelPoint]
    marks: Sequence[CostMark]

    def __call__(self, theme: Theme) -> str:
        """The picture as SVG text."""
        from tsdsl.render.landscape import draw_landscape

        return draw_landscape(self.title, self.distribution, self.points, self.marks, theme)


def landscape_of(
    space: Space, scale: Scale, points: Sequence[ModelPoint], models: Sequence[CostMark] = ()
) -> Landscape:
    """Points before the distribution of their space, with the targets of its steps, and with the paper's models where
    all are on as many classes.

    Raises:
        RunError: the space's decisions are too entangled to count its architectures by cost.
    """
    from tsdsl.analysis.distribution import cost_distribution
    from tsdsl.analysis.network import Blueprint
    from tsdsl.analysis.terms import CostTable
    from tsdsl.render.landscape import PAPER_MODELS, CostMark

    is_comparable = all(number == PAPER_CLASSES for number in (space.classes, *(point.num_classes for point in points)))
    marks = [CostMark(f"step {s.index}", s.target_macs) for s in space.steps if s.target_macs is not None]
    shown = [*points, *(PAPER_MODELS if is_comparable else ())]
    title = f"{space.name}: accuracy against cost" if shown else f"{space.name}: its architectures by cost"
    distribution = cost_distribution(CostTable(Blueprint(space, scale=scale)))
    return Landscape(title, distribution, shown, [*marks, *models])


def _counted(points: Sequence[ModelPoint]) -> str:
    own = sum(point.kind != "published" for point in points)
    quoted = len(points) - own
    return f"{own} measured and {quoted} published models" if quoted else f"{own} measured models"


def run_of(path: Path) -> Path:
    """The folder of the search: a quickstart keeps its own in `run`."""
    return path / "run" if (path / QUICKSTART).is_file() else path


def _unmeasured(path: Path, model: str | None, in_space: str | None) -> tuple[Space, list[CostMark]]:
    """The space of an architecture, and the architecture's cost."""
    from tsdsl.analysis.network import UNSCALED, Blueprint
    from tsdsl.cli.locate import find_architecture, find_scale
    from tsdsl.render.found import found_model
    from tsdsl.render.landscape import CostMark

    architecture, located = find_architecture(path, in_space)
    scale = find_scale(located.space, model) or UNSCALED
    found = found_model(Blueprint(located.space, scale=scale), architecture)
    return located.space, [CostMark(path.stem, found.macs, is_target=False)]


def _one_model(space: Space, scale: Scale) -> CostMark:
    """The cost of a space's one architecture as one of its models."""
    from tsdsl.analysis.network import Blueprint
    from tsdsl.cli.locate import LocatedSpace, only_architecture
    from tsdsl.render.found import found_model
    from tsdsl.render.landscape import CostMark

    only, _ = only_architecture(LocatedSpace(space, space.name))
    return CostMark(f"{space.name} {scale.name}".strip(), found_model(Blueprint(space, scale=scale), only).macs, False)


def measured(run: Path, space: Space) -> list[ModelPoint]:
    """What was measured in a run: its finished steps, and the training runs in it or, for a quickstart, beside it.

    A training run has itself, and those beside it in a quickstart.

    A training run's accuracy is that of `eval*.json` in its folder, where `tsdsl eval --json` was kept there, or
    else that of its own validation.
    """
    from tsdsl.render.landscape import ModelPoint
    from tsdsl.search import read_result, step_directory
    from tsdsl.search.run_record import STEP_KIND
    from tsdsl.search.settings import StepSettings

    points = []
    for step in [*(s.index for s in space.steps), None]:
        folder = step_directory(run, step)
        result = read_result(folder)
        if result is not None:
            name = "joint search" if step is None else f"step {step}"
            classes = folder.read_settings(STEP_KIND, StepSettings).num_classes
            points.append(ModelPoint(name, result.flops, result.accuracy, "searched", classes))
    parent = run.parent if (run.parent / QUICKSTART).is_file() else run
    for settings in (*run.glob("settings.json"), *sorted(parent.glob("*/settings.json"))):
        point = trained_point(settings.parent)
        if point is not None:
            points.append(point)
    return points


def trained_point(folder: Path) -> ModelPoint | None:
    """The point of a finished training run; None where the folder is none, or has no validation."""
    from tsdsl.engine.run_directory import RunDirectory
    from tsdsl.engine.training_record import KIND, TrainRecord, read_train_result
    from tsdsl.render.landscape import ModelPoint

    run = RunDirectory(folder)
    if _read(run.settings).get("kind") != KIND or not run.result.is_file():
        return None
    classes = run.read_settings(KIND, TrainRecord).classes
    for file in sorted(folder.glob("eval*.json"), reverse=True):
        kept = _read(file)
        top1, macs = kept.get("top1"), kept.get("flops_per_view")
        if isinstance(top1, float) and isinstance(macs, int):
            return ModelPoint(f"{folder.name}, {kept.get('views')} views", macs, top1, "trained", classes)
    result = read_train_result(run)
    if result.val_top1 is None:
        return None
    return ModelPoint(folder.name, result.flops, result.val_top1, "trained", classes)


def _read(path: Path) -> dict[str, object]:
    """A JSON object in a file.

    Raises:
        FileError: it cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read ({error})", help="restore it, or move it away") from error
    if not isinstance(content, dict):
        raise FileError(f"{path}: is not a JSON object", help="restore it, or move it away")
    return content
