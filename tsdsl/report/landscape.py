"""Accuracy against cost: the measured models of a run over the distribution of its space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdsl.analysis.questions.cost_histogram import CostDistribution, cost_distribution
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.drawing.landscape import PAPER_MODELS, CostMark, ModelPoint, Prediction, draw_landscape
from tsdsl.drawing.theme import Theme
from tsdsl.network.layout import Blueprint
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

QUICKSTART = "quickstart.json"
PAPER_CLASSES = 400


@dataclass(frozen=True, slots=True)
class Landscape:
    """A landscape; calling it with a theme returns the picture as SVG."""

    title: str
    distribution: CostDistribution
    points: Sequence[ModelPoint]
    marks: Sequence[CostMark]
    predicted: Sequence[Prediction]

    def __call__(self, theme: Theme) -> str:
        return draw_landscape(self.title, self.distribution, self.points, self.marks, theme, self.predicted)


def landscape_of(
    space: Space,
    scale: Scale,
    points: Sequence[ModelPoint],
    models: Sequence[CostMark] = (),
    predicted: Sequence[Prediction] = (),
) -> Landscape:
    """Points over the distribution of their space, with the targets of its steps, and with the models of the paper if
    the space and all points have its number of classes.

    Raises:
        RunError: the decisions of the space are too entangled to count its architectures by cost.
    """
    is_comparable = all(number == PAPER_CLASSES for number in (space.classes, *(point.num_classes for point in points)))
    marks = [CostMark(f"step {s.index}", s.target_macs) for s in space.steps if s.target_macs is not None]
    shown = [*points, *(PAPER_MODELS if is_comparable else ())]
    title = f"{space.name}: accuracy against cost" if shown else f"{space.name}: its architectures by cost"
    distribution = cost_distribution(CostTable(Blueprint(space, scale=scale)))
    return Landscape(title, distribution, shown, [*marks, *models], predicted)


def predictions(run: Path, space: Space) -> list[Prediction]:
    """The front of the last finished step by predicted accuracies; nothing if it measured no architecture."""
    from tsdsl.searching import read_result, step_directory
    from tsdsl.searching.front import step_front

    finished = [step for step in (None, *(s.index for s in space.steps)) if read_result(step_directory(run, step))]
    known = step_front(run, space, finished[-1]) if finished else None
    points = known.points if known is not None and known.score == "predicted accuracy" else ()
    return [Prediction(p.flops, p.low, p.score, p.high) for p in points if p.low is not None and p.high is not None]


def run_of(path: Path) -> Path:
    """The folder of the search: in a quickstart, `run`."""
    return path / "run" if (path / QUICKSTART).is_file() else path


def measured(run: Path, space: Space) -> list[ModelPoint]:
    """The finished steps of a run, and the finished training runs in it; in a quickstart, also those beside it."""
    from tsdsl.searching import read_result, step_directory
    from tsdsl.searching.record.run_record import STEP_KIND
    from tsdsl.searching.settings import StepSettings

    points = []
    for step in [*(s.index for s in space.steps), None]:
        folder = step_directory(run, step)
        result = read_result(folder)
        if result is not None:
            name = "joint search" if step is None else f"step {step}"
            classes = folder.read_settings(STEP_KIND, StepSettings).num_classes
            points.append(ModelPoint(name, result.flops, result.accuracy, "searched", classes))
    parent = run.parent if (run.parent / QUICKSTART).is_file() else run
    trained = (*run.glob("settings.json"), *sorted(parent.glob("*/settings.json")))
    return points + [point for settings in trained if (point := trained_point(settings.parent)) is not None]


def trained_point(folder: Path) -> ModelPoint | None:
    """The accuracy and cost of a finished training run; None for other folders, or without validation.

    The accuracy is that of the recorded evaluation with the most views on the validation videos of its data set, else
    that of the validation in training.
    """
    from tsdsl.artifacts.trained import training_record
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.runs.evaluations import current_evaluations
    from tsdsl.engine.training.record import read_train_result

    run, record = RunDirectory(folder), training_record(folder)
    if record is None or not run.result.is_file():
        return None
    own = [
        one
        for one in current_evaluations(folder).values()
        if (one.weights, one.split, one.data) == (run.weights.name, "val", record.data.get("root"))
    ]
    if own:
        most = max(own, key=lambda one: one.flops_per_video)
        name = f"{folder.name}, {most.views} views"
        return ModelPoint(name, most.flops_per_view, most.top1, "trained", record.classes)
    result = read_train_result(run)
    if result.val_top1 is None:
        return None
    return ModelPoint(folder.name, result.flops, result.val_top1, "trained", record.classes)
