"""How a step picks its architecture once the weights are trained: from alpha, or by measuring candidates.

The baselines measure with the shared weights as they are, on the same batches of the validation half, BN by the
batch's statistics: the conditions under which PARSEC scores its samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch

from tsdsl.data import Batch, normalise
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption, StopRequestedError
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.searching.budget.within_target import Found, most_probable_within
from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.searching.learning.clips import SearchClips
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.learning.sample_training import scored
from tsdsl.searching.methods.baselines import Evaluation, best_seen, explore, strategy_of
from tsdsl.searching.methods.evaluation_log import EvaluationLog, Measured
from tsdsl.searching.settings import StepSettings
from tsdsl.searching.step import Tally


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
    ranks = request.ranks
    posterior = learner.posterior
    if posterior is not None:

        def best_of_mean() -> dict[str, Any]:
            best = posterior.found()
            log = learner.distribution.log_probability(best.decisions)
            return vars(Found(best.decisions, best.macs, log, best.road, best.gap))

        return Found(**ranks.first(best_of_mean))
    if learner.learns_alpha:
        return Found(
            **ranks.first(lambda: vars(most_probable_within(learner.distribution, learner.flops, settings.target_macs)))
        )
    candidates = learner.samples.candidates
    log = EvaluationLog(folder.path) if ranks.is_first else None
    entries = _told(log, ranks)
    history = [entry.evaluation for entry in entries]

    def measure(decisions: Decisions) -> float:
        return shared_accuracy(learner, decisions, request.stoppable(_scoring(clips, settings)))

    title = f"{settings.method}: measuring architectures"
    with progress.task(title, settings.evaluations, len(history)) as task:
        started_s = time.monotonic()
        try:
            for evaluation in explore(
                strategy_of(settings, candidates), candidates, measure, settings.evaluations, history
            ):
                entries.append(Measured(evaluation, time.monotonic() - started_s))
                if log is not None:
                    log.append(entries[-1])
                started_s = time.monotonic()
                best = best_seen([entry.evaluation for entry in entries])
                task.advance(accuracy=evaluation.accuracy, best=best.accuracy)
        except StopRequestedError:
            total = settings.step_epochs * clips.training.iterations_per_epoch
            raise InterruptedRunError(folder.path, total, request.signal_number or 2) from None
    tally.samples += len(entries)
    tally.seconds += sum(entry.seconds for entry in entries)
    best = best_seen([entry.evaluation for entry in entries])
    decisions = dict(best.decisions)
    return Found(decisions, learner.flops.macs(decisions), learner.distribution.log_probability(decisions), "best seen")


@torch.no_grad()
def shared_accuracy(learner: StepLearner, decisions: Decisions, batches: Iterator[Batch]) -> float:
    """The share of clips that an architecture gets right with the shared weights, BN by batch statistics.

    Ranks read each batch together and share the batches out; together.
    """
    ranks = learner.ranks
    learner.supernet.eval()
    right = total = 0
    for number, share in enumerate(batches):
        batch = ranks.whole(share)
        if number % ranks.size != ranks.rank:
            continue
        moved = batch.to(learner.device)
        run = partial(learner.supernet, architecture=decisions, step=learner.step)
        scores_BN = scored(run, normalise(moved.clips_BCTHW), learner.settings)
        right += int((scores_BN.argmax(1) == moved.labels_B).sum())
        total += len(moved.labels_B)
    told = ranks.gather([right, total])
    return float(sum(right for right, _ in told) / sum(total for _, total in told))


def _told(log: EvaluationLog | None, ranks: Ranks) -> list[Measured]:
    """What rank 0's log holds, on every rank; together."""
    own = [] if log is None else log.entries
    told = ranks.first(
        lambda: [
            [dict(entry.evaluation.decisions), entry.evaluation.accuracy, entry.evaluation.macs, entry.seconds]
            for entry in own
        ]
    )
    return [Measured(Evaluation(decisions, accuracy, macs), seconds) for decisions, accuracy, macs, seconds in told]


def _scoring(clips: SearchClips, settings: StepSettings) -> Iterator[Batch]:
    """The batches on which every candidate is measured."""
    return islice(clips.validation.batches(0), settings.scoring_batches)
