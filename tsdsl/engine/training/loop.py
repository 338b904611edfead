"""The loop of a training run, as one process of it sees it: epochs, validations, checkpoints, the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeInt

from tsdsl.data.randomness import seed_torch
from tsdsl.engine.callbacks import Callback
from tsdsl.engine.device import environment
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption, StopRequestedError
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.engine.ranks.shared_checkpoint import latest_checkpoint, save_checkpoint, tidy_checkpoints
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.checkpoint import START_AGAIN, CheckpointStore
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import METRICS_NAME, MetricsLog
from tsdsl.engine.runs.progress import Progress, Task
from tsdsl.engine.training.averaging import AveragedWeights
from tsdsl.engine.training.begin import learning_epochs
from tsdsl.engine.training.optimiser import (
    make_optimiser,
    momenta,
    not_finite,
    restore_training_tensors,
    set_learning_rate,
    training_tensors,
)
from tsdsl.engine.training.record import Extension, TrainResult
from tsdsl.engine.training.schedule import learning_rate
from tsdsl.engine.training.step import EpochTotals, statistics_clips, train_step
from tsdsl.engine.training.validation import with_precise_norms
from tsdsl.engine.training_data import TrainingData
from tsdsl.errors import FileError, RunError
from tsdsl.lowering.model import Model
from tsdsl.lowering.weights import file_hash, mismatch, save_model
from tsdsl.operators.varying import fixed
from tsdsl.space.architecture import Architecture
from tsdsl.space.stored import Frozen, record_of


class _State(Frozen):
    """What a checkpoint has beside its tensors."""

    epoch: NonNegativeInt
    totals: EpochTotals
    last_epoch: EpochTotals
    validated: dict[str, float]
    best: dict[str, int | float]
    best_hash: str | None
    skipped: dict[str, str]
    seconds: float


class Training:
    """The part of one process in a run: the model, the state of the run, and its continuation."""

    def __init__(
        self,
        model: Model,
        architecture: Architecture,
        data: TrainingData,
        settings: TrainSettings,
        run: RunDirectory,
        progress: Progress,
        policy: CheckpointPolicy,
        ranks: Ranks,
        store: CheckpointStore,
        extensions: tuple[Extension, ...],
        callbacks: Sequence[Callback],
    ) -> None:
        self.model, self.architecture, self.data, self.settings = model, architecture, data, settings
        self.run, self.progress, self.policy, self.ranks = run, progress, policy, ranks
        self.device = next(model.parameters()).device
        self.optimiser = make_optimiser(model, settings)
        self.averaged = AveragedWeights(model, settings.average_decay)
        self.store, self.extensions, self.callbacks = store, extensions, callbacks
        self.iterations_per_epoch = data.training.iterations_per_epoch
        self.epoch, self.iteration = 0, 0
        self.totals, self.last_epoch = EpochTotals(), EpochTotals()
        self.validated: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.best_hash: str | None = None
        self.final_norms: dict[str, torch.Tensor] | None = None  # of the validation after the last epoch
        self.skipped_before: dict[str, str] = {}
        self.seconds_before, self.started_s = 0.0, time.monotonic()
        self.saved_at_s = self.started_s

    @property
    def total_iterations(self) -> int:
        """Iterations of the whole run."""
        return self.settings.epochs * self.iterations_per_epoch

    def finish(self, request: Interruption) -> TrainResult:
        """Complete the run, and write its result."""
        metrics_bytes = self.restore()
        try:
            with (
                self.log(metrics_bytes) as log,
                self.progress.task("train", self.total_iterations, self.iteration) as task,
            ):
                while self.epoch < self.settings.epochs:
                    task.fields.update(self.validated)
                    self.run_epoch(request, task)
                    self.close_epoch(request, log)
            return self.write_result(request)
        except StopRequestedError:
            self.save()
            assert request.signal_number is not None
            raise InterruptedRunError(self.run.path, self.iteration, request.signal_number) from None

    def log(self, keep_bytes: int) -> AbstractContextManager[MetricsLog | None]:
        """The metrics, on rank 0 alone."""
        if not self.ranks.is_first:
            return nullcontext()
        return MetricsLog(self.run.path, keep_bytes, self.callbacks, self.progress.warn)

    def restore(self) -> int:
        """Take up the newest valid checkpoint; return how many bytes of the metrics were written before it."""
        checkpoint = latest_checkpoint(self.store, self.ranks, self.device)
        told = tidy_checkpoints(self.store, self.ranks, checkpoint)
        for note in told if self.ranks.is_first else ():
            self.progress.warn(note)
        if checkpoint is None:
            return 0
        state = record_of(
            checkpoint.state, _State, f"{checkpoint.path}: its state is not that of a training", START_AGAIN
        )
        expected = training_tensors(self.model, self.optimiser) | self.averaged.tensors()
        expected |= {name: like for name, like in momenta(self.model).items() if name in checkpoint.tensors}
        if wrong := mismatch(expected, checkpoint.tensors):
            raise FileError(f"{checkpoint.path}: its tensors do not fit this training ({wrong})", help=START_AGAIN)
        restore_training_tensors(self.model, self.optimiser, checkpoint.tensors)
        self.averaged.restore(checkpoint.tensors)
        self.iteration, self.epoch = checkpoint.iteration, state.epoch
        self.totals, self.last_epoch = state.totals, state.last_epoch
        self.validated, self.best, self.skipped_before = state.validated, state.best, state.skipped
        self.best_hash, self.seconds_before = state.best_hash, state.seconds
        if self.ranks.is_first and self.is_best_another():
            self.progress.warn(f"{self.run.best_weights}: is newer than the checkpoint, or was changed")
        return checkpoint.log_bytes[METRICS_NAME]

    def save(self) -> None:
        """Write a checkpoint, unless its weights are not finite."""
        tensors = training_tensors(self.model, self.optimiser) | self.averaged.tensors()
        damaged = not_finite(tensors)
        if damaged is not None:
            raise RunError(
                f"{self.run.path}: {damaged} is not finite after iteration {self.iteration}; the checkpoint "
                "before it is kept",
                help="start a new run with a lower learning_rate or a longer warm-up",
            )
        state = {
            "epoch": self.epoch,
            "totals": self.totals.to_json(),
            "last_epoch": self.last_epoch.to_json(),
            "validated": self.validated,
            "best": self.best,
            "best_hash": self.best_hash,
            "skipped": self.skipped(),
            "seconds": self.seconds(),
        }
        save_checkpoint(self.store, self.ranks, tensors, state, self.iteration)
        self.saved_at_s = time.monotonic()

    def run_epoch(self, request: Interruption, task: Task) -> None:
        """Run the remaining iterations of the current epoch."""
        self.model.train()
        end = (self.epoch + 1) * self.iterations_per_epoch
        done = self.iteration - self.epoch * self.iterations_per_epoch
        batches = self.data.training.batches(self.epoch, done) if self.iteration < end else iter(())
        for batch in request.stoppable(batches):
            set_learning_rate(self.optimiser, self.rate_at(self.iteration))
            # Every rank draws its own dropout; rank 0 draws the same as a run of one rank.
            seed_torch(self.settings.seed, "iteration", self.iteration, *([self.ranks.rank] if self.ranks.rank else []))
            place = f"{self.run.path}: epoch {self.epoch + 1}, batch {self.iteration % self.iterations_per_epoch}"
            step = train_step(
                self.model,
                self.optimiser,
                batch,
                self.settings,
                self.data.training,
                place,
                self.ranks,
                what=_named(self.architecture),
            )
            self.averaged.follow()
            self.totals = self.totals + step
            self.iteration += 1
            task.advance(
                clips=step.num_clips,
                epoch=f"{self.epoch + 1}/{self.settings.epochs}",
                loss=self.totals.loss,
                accuracy=self.totals.top1,
            )
            if self.iteration < end and self.ranks.first(self.save_is_due):
                self.save()

    def rate_at(self, iteration: int) -> float:
        """The learning rate of an iteration."""
        settings = self.settings
        epochs = learning_epochs(self.extensions, settings.epochs, iteration)
        return learning_rate(
            settings.peak_learning_rate,
            iteration / (epochs * self.iterations_per_epoch),
            settings.warmup_fraction,
            settings.warmup_start,
        )

    def save_is_due(self) -> bool:
        """Whether the policy asks for a checkpoint now."""
        every = self.policy.every_iterations
        is_due_by_count = every is not None and self.iteration % every == 0
        return is_due_by_count or time.monotonic() - self.saved_at_s >= self.policy.every_s

    def is_validated(self, epoch: int) -> bool:
        """Whether there is a validation after an epoch: at regular intervals, and whenever a run ends or ended."""
        per_epoch = self.iterations_per_epoch
        ends = {end.epochs for end in self.extensions if end.iteration == end.epochs * per_epoch}
        return epoch % self.settings.evaluate_every_epochs == 0 or epoch in {*ends, self.settings.epochs}

    def close_epoch(self, request: Interruption, log: MetricsLog | None) -> None:
        """Validate if due, write the metrics of the epoch, and save."""
        number = self.epoch + 1
        values: dict[str, float | int] = {
            "epoch": number,
            "train/loss": self.totals.loss,
            "train/top1": self.totals.top1,
            "learning_rate": self.rate_at(self.iteration - 1),
            "seconds": self.seconds(),
        }
        is_last = number == self.settings.epochs
        if self.data.validation is not None and self.is_validated(number):
            with (
                self.averaged.in_place(),
                with_precise_norms(self.model, self.statistics(request), self.settings) as precise,
            ):
                self.final_norms = precise if is_last else None
                evaluation = evaluate_views(
                    self.model,
                    self.data.validation,
                    mixed_precision=self.settings.mixed_precision,
                    progress=self.progress,
                    ranks=self.ranks,
                    request=request,
                )
                if not self.best or evaluation.top1 > self.best["best_top1"]:
                    # Before the checkpoint that records it: if killed in between, the run writes the same again.
                    self.best_hash = self.ranks.first(self.save_best)
                    self.best = {"best_top1": evaluation.top1, "best_epoch": number}
            self.validated = {"val_top1": evaluation.top1, "val_top5": evaluation.top5}
            values |= {
                "val/top1": evaluation.top1,
                "val/top5": evaluation.top5,
                "val/videos": evaluation.num_videos,
            }
        if log is not None:
            log.write(self.iteration, values)
        self.epoch, self.last_epoch, self.totals = number, self.totals, EpochTotals()
        self.save()

    def write_result(self, request: Interruption) -> TrainResult:
        """Save the final weights with averaged BN statistics, then the result, which completes the run."""
        self.ranks.first(self.check_best)
        cost = self.model.cost
        clips = self.statistics(request)
        with self.averaged.in_place(), with_precise_norms(self.model, clips, self.settings, self.final_norms):
            self.ranks.first(self.save_final)
        result = TrainResult(
            space=self.architecture.space,
            epochs=self.settings.epochs,
            iterations=self.iteration,
            train_loss=self.last_epoch.loss,
            train_top1=self.last_epoch.top1,
            val_top1=self.validated.get("val_top1"),
            val_top5=self.validated.get("val_top5"),
            best_top1=self.best.get("best_top1"),
            best_epoch=None if not self.best else int(self.best["best_epoch"]),
            flops=fixed(cost.macs),
            params=fixed(cost.params),
            seconds=self.seconds(),
            skipped=self.skipped(),
            environment=environment(self.device),
        )

        def write() -> dict[str, Any]:
            self.run.write_result(result.model_dump(mode="json"))
            return result.model_dump(mode="json")

        return TrainResult.model_validate(self.ranks.first(write))

    def save_best(self) -> str:
        """Save the weights as those of the best validation; return their file's hash."""
        self.save_weights(self.run.best_weights)
        return file_hash(self.run.best_weights)

    def save_final(self) -> None:
        """Save the final weights."""
        for note in self.run.written_before(self.run.weights):
            self.progress.warn(note)
        self.save_weights(self.run.weights)

    def save_weights(self, path: Path) -> None:
        """Save the weights with the architecture and the names of the classes."""
        save_model(path, self.model, self.architecture, self.data.training.dataset.class_names)

    def is_best_another(self) -> bool:
        """Whether the file of the best weights is not the one that was last written."""
        path = self.run.best_weights
        return path.exists() and file_hash(path) != self.best_hash

    def check_best(self) -> None:
        """Notice damage of the best weights, which the result would cover up."""
        path = self.run.best_weights
        if self.best_hash is not None and not path.exists():
            self.progress.warn(f"{path}: is missing; the run ends without it")
        elif self.best_hash is not None and self.is_best_another():
            raise FileError(
                f"{path}: was changed after it was written (its hash differs)",
                help="restore it from a copy, or remove it: the same command then ends the run without it",
            )

    def statistics(self, request: Interruption) -> Iterator[torch.Tensor]:
        """The clips over which BN statistics are averaged, equal at every validation and at the end."""
        return request.stoppable(statistics_clips(self.data.training, self.settings, self.device))

    def skipped(self) -> dict[str, str]:
        """The bad clips in all processes of the run; together."""
        met = self.data.training.skipped.to_json()
        if self.data.validation is not None:
            met |= self.data.validation.skipped.to_json()
        everywhere = {path: reason for share in self.ranks.gather(met) for path, reason in share.items()}
        return dict(sorted((self.skipped_before | everywhere).items()))

    def seconds(self) -> float:
        """Seconds of all processes of the run together, without work undone by a kill."""
        return self.seconds_before + time.monotonic() - self.started_s


def _named(architecture: Architecture) -> str:
    """An architecture for an error: its space and decisions."""
    chosen = ", ".join(f"{path}={value}" for path, value in architecture.decisions.items())
    return f"{architecture.space} with {chosen}" if chosen else architecture.space
