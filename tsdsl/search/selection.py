"""How a step picks its architecture once the weights are trained: from alpha, or by measuring candidates.

The baselines measure with the shared weights as they are, on the same batches of the validation half, BN by the
batch's statistics: the conditions under which PARSEC scores its samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import torch

from tsdsl.data import Batch, normalise
from tsdsl.engine.device import autocast
from tsdsl.engine.interruption import InterruptedRunError, Interruption, StopRequestedError
from tsdsl.engine.progress import Progress
from tsdsl.engine.run_directory import RunDirectory
from tsdsl.search.baselines import best_seen, explore, strategy_of
from tsdsl.search.clips import SearchClips
from tsdsl.search.distribution import Decisions
from tsdsl.search.evaluation_log import EvaluationLog, Measured
from tsdsl.search.learner import StepLearner
from tsdsl.search.settings import StepSettings
from tsdsl.search.step import Tally
from tsdsl.search.within_target import Found, most_probable_within


def select(
    learner: StepLearner,
    clips: SearchClips,
    settings: StepSettings,
    tally: Tally,
    folder: RunDirectory,
    progress: Progress,
    request: Interruption,
) -> Found:
    """The architecture that the step finds; what measuring it took is added to `tally`.

    Raises:
        UsageError: no architecture is within the target.
        InterruptedRunError: a signal asked to stop; what was measured is kept.
    """
    if learner.learns_alpha:
        return most_probable_within(learner.distribution, learner.flops, settings.target_macs)
    candidates = learner.candidates
    log = EvaluationLog(folder.path)
    history = [entry.evaluation for entry in log.entries]

    def measure(decisions: Decisions) -> float:
        return shared_accuracy(learner, decisions, request.stoppable(_scoring(clips, settings)))

    title = f"{settings.method}: measuring architectures"
    with progress.task(title, settings.evaluations, len(history)) as task:
        started_s = time.monotonic()
        try:
            for evaluation in explore(
                strategy_of(settings, candidates), candidates, measure, settings.evaluations, history
            ):
                log.append(Measured(evaluation, time.monotonic() - started_s))
                started_s = time.monotonic()
                best = best_seen([entry.evaluation for entry in log.entries])
                task.advance(accuracy=evaluation.accuracy, best=best.accuracy)
        except StopRequestedError:
            total = settings.step_epochs * clips.training.iterations_per_epoch
            raise InterruptedRunError(folder.path, total, request.signal_number or 2) from None
    tally.samples += len(log.entries)
    tally.seconds += sum(entry.seconds for entry in log.entries)
    best = best_seen([entry.evaluation for entry in log.entries])
    decisions = dict(best.decisions)
    return Found(decisions, learner.flops.macs(decisions), learner.distribution.log_probability(decisions), "best seen")


@torch.no_grad()
def shared_accuracy(learner: StepLearner, decisions: Decisions, batches: Iterator[Batch]) -> float:
    """The share of clips that an architecture gets right with the shared weights, BN by batch statistics."""
    learner.supernet.eval()
    right = total = 0
    for batch in batches:
        moved = batch.to(learner.device)
        with autocast(learner.device, learner.settings.mixed_precision):
            scores_BN = learner.supernet(normalise(moved.clips_BCTHW), decisions, learner.step)
        right += int((scores_BN.argmax(1) == moved.labels_B).sum())
        total += len(moved.labels_B)
    return right / total


def _scoring(clips: SearchClips, settings: StepSettings) -> Iterator[Batch]:
    """The batches on which every candidate is measured."""
    return islice(clips.validation.batches(0), settings.scoring_batches)
