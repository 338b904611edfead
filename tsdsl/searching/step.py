"""Runs one step of the search: the loop over iterations, its checkpoints, and the record of alpha.

A run that was killed at any moment goes on from its last checkpoint and ends with the same numbers,
because every draw follows from the seed, the step and the iteration.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field

from tsdsl.data import Batch, VideoDataset
from tsdsl.data.randomness import derive_generator
from tsdsl.engine.callbacks import Callback
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption, StopRequestedError
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.engine.ranks.shared_checkpoint import latest_checkpoint, save_checkpoint, tidy_checkpoints
from tsdsl.engine.runs.checkpoint import START_AGAIN, CheckpointStore
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.log import RunLog, read_log
from tsdsl.engine.runs.metrics import METRICS_NAME, MetricsLog
from tsdsl.engine.runs.progress import Progress, Task
from tsdsl.engine.training.optimiser import not_finite
from tsdsl.engine.training_data import named_clips
from tsdsl.errors import FileError, RunError
from tsdsl.searching.learning.clips import SearchClips, endless
from tsdsl.searching.learning.learner import NotFiniteError, Scored, StepLearner, metrics
from tsdsl.searching.settings import Cadence, StepSettings
from tsdsl.space.model import Space
from tsdsl.space.stored import Frozen, record_of

ALPHA_NAME = "alpha.jsonl"
LOGS = (METRICS_NAME, ALPHA_NAME)


@dataclass
class Tally:
    """What a step has cost so far, over all processes that worked on it."""

    seconds: float = 0.0
    samples: int = 0
    stopped_after_epoch: int | None = None
    """Where it stopped early, see `SearchSettings.stop_loss`."""


def read_alpha(folder: str | Path, space: Space | None = None) -> list[dict[str, Any]]:
    """The lines of a step's `alpha.jsonl`: after each epoch every decision's probabilities, entropy and FLOPs.

    `{"epoch": 3, "iteration": 96, "entropy": 40.1, "expected_flops": 2.1e9, "probability_within": 0.3,
    "probabilities": {PATH: [...]}}`. `probability_within` may be null, see `StepSamples.probability_within`.
    Iteration 0 is the beginning.

    Raises:
        FileError: see `read_log`; or a line has other decisions or choices than `space`.
    """
    path = Path(folder) / ALPHA_NAME
    entries = read_log(path)
    for number, entry in enumerate(entries, start=1):
        problem, help = f"{path}:{number}: is not a line of probabilities", "restore the file from a copy, or remove it"
        line = record_of(entry, _AlphaLine, problem, help)
        for decision, shares in line.probabilities.items():
            known = space.decision_by_path.get(decision) if space is not None else None
            if space is not None and (known is None or len(shares) != len(known.values)):
                raise FileError(f"{problem} (probabilities.{decision}: not the choices of {space.name})", help=help)
        if line.probabilities.keys() != entries[0]["probabilities"].keys():
            raise FileError(f"{problem} (probabilities: not the decisions of the first line)", help=help)
    return entries


class _AlphaLine(Frozen):
    epoch: int
    iteration: int
    entropy: float
    expected_flops: float
    probability_within: float | None = None
    probabilities: Mapping[str, tuple[Annotated[float, Field(ge=0, le=1)], ...]]


def _alpha_line(learner: StepLearner, epoch: int, iteration: int, within: float | None) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "iteration": iteration,
        "entropy": learner.distribution.entropy(),
        "expected_flops": learner.flops.expected(learner.distribution),
        "probability_within": within,
        "probabilities": {path: p.tolist() for path, p in learner.distribution.probabilities().items()},
    }


def run_step(
    learner: StepLearner,
    clips: SearchClips,
    settings: StepSettings,
    cadence: Cadence,
    folder: RunDirectory,
    title: str,
    progress: Progress,
    request: Interruption,
    of: Mapping[str, Any],
    callbacks: Sequence[Callback],
) -> Tally:
    """Learn weights and alpha up to the last iteration, from the last checkpoint on if there is one.

    All ranks call it together; each reads its share of a batch and gets all of it. Rank 0 writes. `of` is
    what its checkpoints must be of, `callbacks` get its metrics.

    Raises:
        InterruptedRunError: a signal asked to stop; the checkpoint is written.
        RunError: the loss is not finite, or no clip is usable.
        FileError: something cannot be written, or every checkpoint is broken.
    """
    ranks = learner.ranks
    store = CheckpointStore(folder.checkpoints, of=of, logs=LOGS)
    checkpoint = latest_checkpoint(store, ranks)
    begin = 0
    tally = Tally()
    told = tidy_checkpoints(store, ranks, checkpoint)
    for note in told if ranks.is_first else ():
        progress.warn(note)
    if checkpoint is not None:
        learner.restore(checkpoint.tensors, str(checkpoint.path))
        begin = checkpoint.iteration
        tally = record_of(checkpoint.state, Tally, f"{checkpoint.path}: its state is not that of a step", START_AGAIN)
        progress.note(f"{title}: goes on after iteration {begin}")
    per_epoch = clips.training.iterations_per_epoch
    total = settings.step_epochs * per_epoch
    warmup = settings.warmup_epochs * per_epoch
    scored_from = learner.samples.scored_from(total, warmup)
    devices = [learner.device] if learner.device.type == "cuda" else []
    with (
        # Dropout draws from torch's own generators; the caller's state of them is put back.
        torch.random.fork_rng(devices=devices),
        _logs(folder.path, {} if checkpoint is None else checkpoint.log_bytes, ranks, callbacks, progress) as logs,
        progress.task(title, total, begin) as task,
    ):
        if logs is not None and checkpoint is None:
            logs.alpha.write(_alpha_line(learner, 0, 0, learner.samples.probability_within()))
        training = request.stoppable(endless(clips.training, begin))
        validation = request.stoppable(endless(clips.validation, max(0, begin - scored_from)))
        last_saved = begin
        for iteration in range(begin, total):
            if iteration > scored_from and iteration % per_epoch == 0 and _is_sure(learner, settings, iteration):
                tally.stopped_after_epoch = iteration // per_epoch
                progress.note(f"{title}: stops after epoch {tally.stopped_after_epoch}, as stop_loss is reached")
                if iteration > last_saved:
                    _save(store, learner, tally, iteration)
                break
            started_s = time.monotonic()
            fraction = iteration / total
            try:
                batch = ranks.whole(next(training))
                scores_now = learner.learns_alpha and iteration >= scored_from
                scoring_batch = ranks.whole(next(validation)) if scores_now else None
            except StopRequestedError:
                # What an unfinished iteration learned must not be saved; its batches come again.
                if iteration > last_saved:
                    _save(store, learner, tally, iteration)
                raise InterruptedRunError(folder.path, iteration, request.signal_number or 2) from None
            with _naming_clips(batch, clips.training.dataset):
                warms_up = learner.learns_alpha and iteration < warmup
                trained = learner.update_weights(batch, iteration, fraction, warms_up=warms_up)
            scored = None
            if scoring_batch is not None:
                with _naming_clips(scoring_batch, clips.validation.dataset):
                    scored = learner.update_alpha(scoring_batch, iteration)
            done = iteration + 1
            tally.samples += len(trained.weights_K) + (0 if scored is None else len(scored.weights_K))
            tally.seconds += time.monotonic() - started_s
            ends_epoch = done % per_epoch == 0
            if ends_epoch:
                learner.refresh(done)
            if logs is not None and (done % cadence.log_iterations == 0 or ends_epoch):
                values = metrics(trained, scored, learner, fraction)
                if ends_epoch:
                    within = learner.samples.probability_within()
                    logs.alpha.write(_alpha_line(learner, done // per_epoch, done, within))
                    values |= {} if within is None else {"probability_within": within}
                logs.metrics.write(done, values)
            if done % cadence.checkpoint_iterations == 0 or done == total:
                _save(store, learner, tally, done)
                last_saved = done
            _show(task, trained, scored, learner, len(batch.labels_B), done / per_epoch, settings.step_epochs)
    return tally


def _is_sure(learner: StepLearner, settings: StepSettings, iteration: int) -> bool:
    """Whether the posterior knows the best architecture as well as `stop_loss` asks; all ranks together."""
    posterior, limit = learner.posterior, settings.stop_loss
    if posterior is None or limit is None:
        return False

    def is_sure() -> bool:
        draw = derive_generator(settings.seed, "stop", str(learner.step), iteration)
        return posterior.has_begun and posterior.expected_loss(draw) <= limit

    return bool(learner.ranks.first(is_sure))


def _save(store: CheckpointStore, learner: StepLearner, tally: Tally, iteration: int) -> None:
    """Write a checkpoint, unless what was learned is beyond use; all ranks together.

    Raises:
        RunError: a tensor holds NaN or infinity, as when the last update blew up; the checkpoint before is kept.
    """
    tensors = learner.tensors()
    damaged = not_finite(tensors)
    if damaged is not None:
        raise RunError(
            f"{store.folder.parent}: {damaged} is not finite after iteration {iteration}; the checkpoint before is "
            "kept",
            help=f"lower weight_lr (now {learner.settings.weight_lr}), or set gradient_norm",
        )
    save_checkpoint(store, learner.ranks, tensors, vars(tally), iteration)


@dataclass(frozen=True)
class _Logs:
    """What a step's rank 0 writes besides checkpoints."""

    alpha: RunLog
    metrics: MetricsLog


@contextmanager
def _logs(
    folder: Path, keep_bytes: Mapping[str, int], ranks: Ranks, callbacks: Sequence[Callback], progress: Progress
) -> Iterator[_Logs | None]:
    """The logs, on rank 0 alone."""
    with ExitStack() as stack:
        if not ranks.is_first:
            yield None
        else:
            alpha = stack.enter_context(RunLog(folder / ALPHA_NAME, keep_bytes.get(ALPHA_NAME, 0), progress.warn))
            metrics = MetricsLog(folder, keep_bytes.get(METRICS_NAME, 0), callbacks, progress.warn)
            yield _Logs(alpha, stack.enter_context(metrics))


@contextmanager
def _naming_clips(batch: Batch, dataset: VideoDataset) -> Iterator[None]:
    """Within it, a loss that is not a number names the batch's clips."""
    try:
        yield
    except NotFiniteError as error:
        raise error.on(named_clips(batch, dataset)) from None


def _show(
    task: Task,
    trained: Scored,
    scored: Scored | None,
    learner: StepLearner,
    num_clips: int,
    epoch: float,
    epochs: int,
) -> None:
    task.advance(
        clips=num_clips,
        epoch=f"{epoch:.1f}/{epochs}",
        loss=trained.loss,
        accuracy=trained.accuracy if scored is None else scored.accuracy,
        entropy=learner.distribution.entropy(),
        GFLOPs=learner.flops.expected(learner.distribution) / 1e9,
    )
