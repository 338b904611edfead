"""Runs as objects: what was found or trained, its numbers, and pictures of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tsdsl.drawing.alpha import alpha_epochs, draw_alpha
from tsdsl.drawing.theme import LIGHT, THEMES
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.record import TrainResult, read_train_result
from tsdsl.errors import FileError, UsageError
from tsdsl.library.architecture import Architecture
from tsdsl.library.pictures import Picture
from tsdsl.library.space import Space
from tsdsl.markup import block, table
from tsdsl.network.layout import UNSCALED
from tsdsl.records import dataclass
from tsdsl.report.chart import WIDTH, Line, line_chart
from tsdsl.report.landscape import landscape_of, measured, predictions
from tsdsl.searching import SearchResult, read_alpha, read_result, step_directory
from tsdsl.space import model as data
from tsdsl.space.architecture import read_architecture
from tsdsl.units import counted, giga

if TYPE_CHECKING:
    from tsdsl.searching.front import StepFront

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class SearchRun:
    """A search in its folder: the results of its finished steps, the architecture found, and pictures."""

    path: Path
    space: Space

    def __repr__(self) -> str:
        return f"<SearchRun {self.path}: {counted(len(self.steps), 'finished step')} of {self.space.name}>"

    @property
    def steps(self) -> tuple[SearchResult, ...]:
        """The results of its finished steps, in order; that of a joint search last."""
        numbers = (*(step.index for step in self.space.steps), None)
        found = (read_result(step_directory(self.path, number)) for number in numbers)
        return tuple(result for result in found if result is not None)

    @property
    def result(self) -> SearchResult:
        """The result of its last finished step.

        Raises:
            FileError: no step is finished.
        """
        if not self.steps:
            raise FileError(f"{self.path}: has no finished step", help="the same search goes on with it")
        return self.steps[-1]

    @property
    def architecture(self) -> Architecture:
        """The architecture that the last finished step found."""
        return Architecture.of(read_architecture(self.result.architecture, self.space), self.space)

    def __fspath__(self) -> str:
        return str(self.path)

    def front(self) -> StepFront:
        """The best architectures of the last finished step by cost, from the cheapest to the best."""
        from tsdsl.searching.front import step_front

        return step_front(self.path, self.space, self._number)

    def landscape(self, *, theme: ThemeName = "light") -> Picture:
        """Accuracy against multiply-adds of what was measured, over the distribution of the space."""
        points, predicted = measured(self.path, self.space), predictions(self.path, self.space)
        drawn = landscape_of(self.space, UNSCALED, points, predicted=predicted)
        return Picture(drawn(THEMES[theme]), f"accuracy against cost in {self.path}")

    def probabilities(self, *, theme: ThemeName = "light") -> Picture:
        """The probabilities of the choices of the last finished step, after its last epoch.

        Raises:
            UsageError: the method of the search has none.
        """
        history = alpha_epochs(read_alpha(step_directory(self.path, self._number).path, self.space))
        if not history:
            raise UsageError(f"{self.path}: has no probabilities", help="its method learns none")
        title = f"{self.space.name}: step {self.result.step}"
        return Picture(draw_alpha(self.space, history, len(history) - 1, title, THEMES[theme]), title)

    @property
    def _number(self) -> int | None:
        return self.result.step if isinstance(self.result.step, int) else None

    def _repr_html_(self) -> str:
        """The results of its steps and its landscape, for notebooks."""
        rows = [
            (
                str(one.step),
                giga(one.flops),
                "" if one.target is None else giga(one.target),
                f"{one.accuracy:.1%}",
                f"{one.entropy:.2f} nats",
                f"{one.seconds:.1f} s",
            )
            for one in self.steps
        ]
        shown = table(("step", "multiply-adds", "target", "accuracy, shared weights", "entropy", "time"), rows)
        return block(repr(self), shown, self.landscape()._repr_html_() if rows else "")


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training in its folder: its result and curves. Functions that take its path take it, too."""

    path: Path
    space: data.Space

    def __repr__(self) -> str:
        return f"<TrainingRun {self.path}: {self.result.epochs} epochs of {self.space.name}>"

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def result(self) -> TrainResult:
        """Its losses and accuracies.

        Raises:
            FileError: it is not finished.
        """
        return read_train_result(RunDirectory(self.path))

    @property
    def architecture(self) -> Architecture:
        """The architecture that was trained."""
        return Architecture.of(read_architecture(self.path / "architecture.json"), Space.of(self.space))

    def curves(self) -> Picture:
        """The training and validation accuracy by epoch."""
        metrics = [entry for entry in read_metrics(self.path) if "epoch" in entry]
        lines = [
            Line(name, [(float(m["epoch"]), float(m[key])) for m in metrics if m.get(key) is not None])
            for name, key in (("training", "train/top1"), ("validation", "val/top1"))
        ]
        chart = line_chart("Accuracy", lines, "epoch", "top-1, fraction", from_zero=True)
        return Picture(coloured(chart), f"the accuracy of {self.path} by epoch")

    def _repr_html_(self) -> str:
        """Its result and curves, for notebooks."""
        found = self.result
        validation = "" if found.val_top1 is None else f"{found.val_top1:.1%}"
        row = (str(found.epochs), f"{found.train_loss:.4g}", f"{found.train_top1:.1%}", validation, giga(found.flops))
        shown = table(("epochs", "training loss", "training top-1", "validation top-1", "multiply-adds"), [row])
        return block(repr(self), shown, self.curves()._repr_html_())


def coloured(chart: str) -> str:
    """A chart of a report with colours of its own, which the style of the report's page gives otherwise."""
    strokes = "".join(f".s{index}{{stroke:{LIGHT.line(index)}}}" for index in range(4))
    style = f"<style>text{{fill:{LIGHT.text}}}.grid{{stroke:{LIGHT.grid}}}{strokes}</style>"
    head, close, rest = chart.partition(">")
    return f'{head} width="{WIDTH}"{close}{style}{rest}'
