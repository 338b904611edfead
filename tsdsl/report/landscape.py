"""Accuracy against cost: what a run measured, before the distribution of its space."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.errors import FileError

if TYPE_CHECKING:
    from tsdsl.analysis.questions.cost_histogram import CostDistribution
    from tsdsl.render.landscape import CostMark, ModelPoint
    from tsdsl.render.theme import Theme
    from tsdsl.space.model import Space
    from tsdsl.space.parts import Scale

QUICKSTART = "quickstart.json"
PAPER_CLASSES = 400


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
    from tsdsl.analysis.questions.cost_histogram import cost_distribution
    from tsdsl.analysis.tables.cost_table import CostTable
    from tsdsl.network.layout import Blueprint
    from tsdsl.render.landscape import PAPER_MODELS, CostMark

    is_comparable = all(number == PAPER_CLASSES for number in (space.classes, *(point.num_classes for point in points)))
    marks = [CostMark(f"step {s.index}", s.target_macs) for s in space.steps if s.target_macs is not None]
    shown = [*points, *(PAPER_MODELS if is_comparable else ())]
    title = f"{space.name}: accuracy against cost" if shown else f"{space.name}: its architectures by cost"
    distribution = cost_distribution(CostTable(Blueprint(space, scale=scale)))
    return Landscape(title, distribution, shown, [*marks, *models])


def run_of(path: Path) -> Path:
    """The folder of the search: a quickstart keeps its own in `run`."""
    return path / "run" if (path / QUICKSTART).is_file() else path


def measured(run: Path, space: Space) -> list[ModelPoint]:
    """What was measured in a run: its finished steps, and the training runs in it or, for a quickstart, beside it.

    A training run has itself, and those beside it in a quickstart.

    A training run's accuracy is that of `eval*.json` in its folder, where `tsdsl eval --json` was kept there, or
    else that of its own validation.
    """
    from tsdsl.render.landscape import ModelPoint
    from tsdsl.search import read_result, step_directory
    from tsdsl.search.record.run_record import STEP_KIND
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
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.training.record import KIND, TrainRecord, read_train_result
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
