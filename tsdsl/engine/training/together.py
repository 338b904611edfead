"""Trains several architectures at once: on a CPU each in a process with one thread, on a GPU one after another.

Networks as small as those for demo clips gain little from a second thread, and threads that wait for each other take
the time of both. Independent trainings in processes of their own use all cores.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import torch

from tsdsl.data import open_dataset
from tsdsl.engine.evaluation.evaluate import Evaluation, evaluate
from tsdsl.engine.evaluation.record import record_in_run
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption, interruption
from tsdsl.engine.recipe import EvaluateSettings, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import FieldValue, Progress, Task
from tsdsl.engine.training.train import train
from tsdsl.engine.training_data import open_training_data
from tsdsl.errors import RunError
from tsdsl.lowering import Model, load_weights
from tsdsl.network.layout import Blueprint
from tsdsl.processes import WorkerContext, available_cores
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

INTERVAL_S = 0.5


@dataclass(frozen=True)
class Training:
    """An architecture, without some of its streams, that is trained on the clips of a folder and scored on their `val`.

    What is decoded stays in memory.
    """

    space: Space
    architecture: Architecture
    without: tuple[str, ...]
    clips: Path
    settings: TrainSettings
    run: Path


@dataclass(frozen=True)
class Trained:
    """The multiply-adds of a clip, the parameters, and the evaluation with one view of each video."""

    macs: int
    params: int
    evaluation: Evaluation


def train_together(trainings: Sequence[Training], device: torch.device, progress: Progress) -> list[Trained]:
    """Train and evaluate each; finished runs are only evaluated, and unfinished ones go on.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM was received; everything is saved.
        FileError, RunError, UsageError: as `train` and `evaluate` raise them.
    """
    if device.type != "cpu":
        return [_train(training, str(device), progress) for training in trainings]
    context = WorkerContext()
    reports: Queue[_Report] = context.Queue()
    num_workers = min(available_cores(), len(trainings))
    with (
        interruption() as request,
        ProcessPoolExecutor(num_workers, context, initializer=_begin, initargs=(reports,)) as pool,
        closing(_Display(progress, reports)) as display,
    ):
        running = [pool.submit(_train_in_worker, training) for training in trainings]
        _wait(running, request, display.update)
    if request.signal_number is not None:
        raise _interrupted(running, trainings, request.signal_number)
    try:
        return [future.result() for future in running]
    except BrokenProcessPool:
        raise RunError(
            f"{trainings[0].run.parent}: a process that trains ended without an error of its own",
            help="it may have run out of memory; the same command goes on from the last checkpoints",
        ) from None


def _train(training: Training, device: str, progress: Progress) -> Trained:
    scale = Scale(name=training.run.name, without=training.without)
    classes = open_dataset(training.clips, "train").num_classes
    blueprint = Blueprint(training.space, classes=classes, scale=scale)
    architecture = training.architecture
    network = blueprint.network(architecture.decisions, architecture.step)
    data = open_training_data(training.clips, network, training.settings, cache=True)
    run = RunDirectory(training.run)
    # The evaluation below is the only one.
    data = replace(data, validation=None)
    result = train(blueprint, architecture, data, training.settings, run, device=device, progress=progress)
    model = Model(network)
    load_weights(run.weights, model)
    settings = EvaluateSettings(views="1x1")
    validation = open_dataset(training.clips, settings.split)
    evaluation = evaluate(model, validation, settings.views, device=device, progress=progress)
    place = torch.device(device)
    record_in_run(run, run.weights, evaluation, settings, training.clips, place, trained_on=training.clips.absolute())
    return Trained(result.flops, result.params, evaluation)


def _wait(running: Sequence[Future[Trained]], request: Interruption, update: Callable[[], None]) -> None:
    """Wait for all; where a stop is requested, for what runs to save its state, and begin no more."""
    is_stopping = False
    while wait(running, timeout=INTERVAL_S).not_done:
        update()
        if request.signal_number is not None and not is_stopping:
            is_stopping = True
            for future in running:
                future.cancel()
            for worker in multiprocessing.active_children():
                worker.terminate()
    update()


def _interrupted(
    running: Sequence[Future[Trained]], trainings: Sequence[Training], signal_number: int
) -> InterruptedRunError:
    for future in running:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, InterruptedRunError):
            return InterruptedRunError(error.run, error.iteration, signal_number)
    return InterruptedRunError(trainings[0].run, 0, signal_number)


_Report: TypeAlias = tuple[str, int, int, dict[str, FieldValue]]
"""The title of a task in a worker, how much of it is done of how much, and its fields."""
_reports: Queue[_Report]
"""In a worker, where its reports go."""


def _begin(reports: Queue[_Report]) -> None:
    """Prepare a worker; Ctrl-C in the terminal is for the command alone, which passes it on."""
    global _reports
    _reports = reports
    os.setpgrp()
    torch.set_num_threads(1)


def _train_in_worker(training: Training) -> Trained:
    return _train(training, "cpu", _Reporter(training.run.name))


class _Reporter(Progress):
    """Sends what a training in a worker shows to the command."""

    def __init__(self, name: str) -> None:
        super().__init__(quiet=True)
        self._name = name

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        sent_at_s = monotonic()

        def report(task: Task) -> None:
            nonlocal sent_at_s
            if monotonic() - sent_at_s >= INTERVAL_S or task.done == total:
                sent_at_s = monotonic()
                _reports.put((f"{title} {self._name}", task.done, total, dict(task.fields)))

        yield Task(title, total, done, monotonic, report)


class _Display:
    """The tasks of all workers, shown together; each until it is done."""

    def __init__(self, progress: Progress, reports: Queue[_Report]) -> None:
        self._progress, self._reports = progress, reports
        self._tasks: dict[str, tuple[ExitStack, Task]] = {}

    def update(self) -> None:
        """Show what the workers have reported since."""
        while not self._reports.empty():
            title, done, total, fields = self._reports.get()
            if title not in self._tasks:
                shown = ExitStack()
                self._tasks[title] = shown, shown.enter_context(self._progress.task(title, total, done))
            shown, task = self._tasks[title]
            task.fields.update(fields)
            task.advance(done - task.done)
            if done == total:
                shown.close()

    def close(self) -> None:
        """End the tasks that are left, which were stopped or failed."""
        for shown, _ in self._tasks.values():
            shown.close()
