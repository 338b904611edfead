"""Shows how far a run has come on stderr: a live display on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as LiveProgress
from rich.table import Column

from tsdsl.printable import printable

FieldValue: TypeAlias = float | int | str


class Task:
    """One piece of work of known length; `advance` is all that the work itself calls."""

    def __init__(
        self, title: str, total: int, done: int, clock: Callable[[], float], report: Callable[[Task], None]
    ) -> None:
        self.title, self.total, self.done = title, total, done
        self.fields: dict[str, FieldValue] = {}
        self._clock, self._report = clock, report
        self._started_s, self._done_at_start, self._clips = clock(), done, 0

    def advance(self, steps: int = 1, *, clips: int = 0, **fields: FieldValue) -> None:
        """Note `steps` more iterations over `clips` clips, and the newest value of any field.

        `task.advance(1, clips=64, epoch="3/300", loss=1.25)`.
        """
        self.done += steps
        self._clips += clips
        self.fields.update(fields)
        self._report(self)

    @property
    def elapsed_s(self) -> float:
        """Seconds since this process began the task."""
        return max(self._clock() - self._started_s, 1e-9)

    @property
    def iterations_per_s(self) -> float:
        """Mean rate of this process, without what an interrupted one did before."""
        return (self.done - self._done_at_start) / self.elapsed_s

    @property
    def remaining_s(self) -> float | None:
        """Seconds to go at that rate; None before the first iteration."""
        rate = self.iterations_per_s
        return (self.total - self.done) / rate if rate > 0 else None

    def summary(self) -> str:
        """Rates, time to go and fields: `2.1 it/s  134 clips/s  0:12:05 left  loss 1.25`."""
        parts = [f"{self.iterations_per_s:.3g} it/s"]
        if self._clips:
            parts.append(f"{self._clips / self.elapsed_s:.3g} clips/s")
        if self.remaining_s is not None and self.done < self.total:
            parts.append(f"{duration(self.remaining_s)} left")
        parts.extend(f"{name.replace('_', ' ')} {shown(value)}" for name, value in self.fields.items())
        return "  ".join(parts)


class Progress:
    """A display of tasks: `with Progress() as progress, progress.task("train", 900) as task: ...`.

    `quiet` shows warnings only. Where `stream` is not a terminal, a task prints a line when it begins, every
    `line_interval_s` seconds, and when it ends.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        stream: IO[str] | None = None,
        line_interval_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet, self._clock, self._line_interval_s = quiet, clock, line_interval_s
        self._console = Console(file=stream if stream is not None else sys.stderr)
        self._live: LiveProgress | None = None

    def __enter__(self) -> Progress:
        if not self._quiet and self._console.is_terminal:
            self._live = LiveProgress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=min(24, max(4, self._console.width // 5 - 12))),
                MofNCompleteColumn(),
                # It takes what room is left; otherwise rich would take that of the bar and the count.
                TextColumn("{task.fields[summary]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
                console=self._console,
                expand=True,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show a task of `total` iterations, after `done` by an earlier, interrupted run."""
        if self._quiet:
            yield Task(title, total, done, self._clock, lambda task: None)
        elif self._live is not None:
            yield from self._live_task(self._live, title, total, done)
        else:
            yield from self._line_task(title, total, done)

    def note(self, message: str) -> None:
        """Print one line above the display, such as where a run goes on."""
        if not self._quiet:
            self._console.print(printable(message), markup=False, highlight=False, soft_wrap=True)

    def warn(self, message: str) -> None:
        """Print one line that `quiet` does not keep back, such as that a broken checkpoint was passed over."""
        self._console.print(printable(message), markup=False, highlight=False, soft_wrap=True)

    def _live_task(self, live: LiveProgress, title: str, total: int, done: int) -> Iterator[Task]:
        identifier: TaskID = live.add_task(title, total=total, completed=done, summary="")

        def report(task: Task) -> None:
            live.update(identifier, completed=task.done, summary=task.summary())

        task = Task(title, total, done, self._clock, report)
        try:
            yield task
        finally:
            live.remove_task(identifier)
        self.note(f"{title}: {task.done}/{total}  {task.summary()}")

    def _line_task(self, title: str, total: int, done: int) -> Iterator[Task]:
        printed_at_s = self._clock()

        def report(task: Task) -> None:
            nonlocal printed_at_s
            if self._clock() - printed_at_s >= self._line_interval_s:
                printed_at_s = self._clock()
                self.note(f"{title}: {task.done}/{total}  {task.summary()}")

        self.note(f"{title}: {done}/{total}")
        task = Task(title, total, done, self._clock, report)
        yield task
        self.note(f"{title}: {task.done}/{total}  {task.summary()}")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: `0:12:05`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def shown(value: FieldValue) -> str:
    """A field's value in four digits; text as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
