"""What a step of the search found: chosen, measured and written so that it can be verified.

STEP/weights.safetensors   the supernet's shared weights, from which the next step goes on
STEP/posterior.safetensors what Thompson sampling learned about scores
STEP/architecture.json     the architecture found, within the step's target
STEP/result.json           the numbers; there only once the step is finished
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tsdsl.data.randomness import derive_generator
from tsdsl.engine.device import environment
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption, StopRequestedError
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.errors import FileError
from tsdsl.files import write_json
from tsdsl.lowering.model import recalibrate
from tsdsl.lowering.supernet import extract
from tsdsl.lowering.weights import save_model, save_tensors
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.within_target import Found, Road
from tsdsl.searching.distribution.factorised import Distribution
from tsdsl.searching.learning.clips import SearchClips, first_clips
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.learning.posterior import CERTAINTY_DRAWS
from tsdsl.searching.methods.selection import select
from tsdsl.searching.settings import Method, StepSettings
from tsdsl.searching.step import Tally
from tsdsl.space.architecture import Architecture, StepRecord
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.stored import Frozen

UNDECIDED_LOSS, UNDECIDED_ENTROPY = 0.5, 0.9
"""From which part of the loss of a random choice, or of the entropy of a uniform one, a search is undecided."""
MAX_TOP = 20


class Contender(Frozen):
    """One of the best architectures: the mean of its score less the average architecture's, and its deviation."""

    decisions: Mapping[str, Value]
    score: float
    deviation: float


class SearchResult(Frozen):
    """A finished step.

    `flops` are multiply-adds of one clip at the space's size and number of classes; `entropy` is in nats,
    over the step's decisions (uniform in the baselines, which have no alpha); `seconds` and `samples`
    (architectures trained or scored) are sums over all processes that worked on it. `accuracy` is video-level,
    on the half that alpha learned from, after recalibrating BN, with `views` views a video. `selection` says how
    the architecture was picked, see `Found`; `gap_nats` is above 0 only where that was cut off. `skipped` are clips
    that could not be read, with the reason, as met by the process that finished the step.
    """

    step: int | str
    method: Method = "parsec"
    architecture: Path
    flops: int
    target: int | None
    entropy: float
    seconds: float
    samples: int
    accuracy: float
    views: int
    log_probability: float
    selection: Road
    gap_nats: float = 0.0
    skipped_clips: int = 0
    skipped: Mapping[str, str] = {}
    undecided: str | None = None
    """Why what was found is not much better than a random choice, and what would help; None where it is."""
    expected_loss: float | None = None
    """Of Thompson sampling: how much more than what was found the best scores, by expectation."""
    best_share: float | None = None
    """Thompson sampling: the share of the posterior's draws in which the architecture found is the best."""
    stopped_after_epoch: int | None = None
    """Where `stop_loss` ended the step early."""
    top: tuple[Contender, ...] = ()
    """Of Thompson sampling: the best architectures of the posterior's draws and the one found, best first."""


def finish(
    learner: StepLearner,
    space: Space,
    step: int | None,
    clips: SearchClips,
    settings: StepSettings,
    tally: Tally,
    lineage: tuple[StepRecord, ...],
    folder: RunDirectory,
    progress: Progress,
    request: Interruption,
) -> SearchResult:
    """Pick the architecture, measure it, and write everything; `result.json` comes last. All ranks together.

    Raises:
        UsageError: no architecture is within the target.
        InterruptedRunError: a signal asked to stop meanwhile; the same command does this part again.
    """
    ranks = request.ranks
    found = select(learner, clips, settings, tally, folder, progress, request)
    entropy = learner.distribution.entropy()
    name: int | str = "joint" if step is None else step
    macs, params, _ = plain(network_cost(Blueprint(space).network(found.decisions, step)))
    architecture = Architecture(
        space=space.name,
        fingerprint=space.fingerprint,
        decisions=canonical(space, found.decisions, step),
        flops=macs,
        params=params,
        step=step,
        seed=settings.seed,
        lineage=(
            *lineage,
            StepRecord(
                step=name,
                seed=settings.seed,
                epochs=tally.stopped_after_epoch or settings.step_epochs,
                entropy=entropy,
            ),
        ),
        versions=environment(learner.device),
    )
    accuracy, views = _measured(learner, found, step, clips, settings, folder, progress, request)
    skipped = {path: reason for met in ranks.gather(clips.training.skipped.to_json()) for path, reason in met.items()}
    sure = ranks.first(lambda: certainty(learner, found, settings.seed))
    result = SearchResult(
        step=name,
        method=settings.method,
        architecture=folder.architecture,
        flops=macs,
        target=settings.target_macs,
        entropy=entropy,
        seconds=tally.seconds,
        samples=tally.samples,
        accuracy=accuracy,
        views=views,
        log_probability=found.log_probability,
        selection=found.road,
        gap_nats=found.gap_nats,
        skipped_clips=len(skipped),
        skipped=dict(sorted(skipped.items())),
        stopped_after_epoch=tally.stopped_after_epoch,
        **sure,
    )

    def write() -> dict[str, Any]:
        for note in folder.written_before(folder.weights, folder.posterior, folder.architecture):
            progress.warn(note)
        save_model(folder.weights, learner.supernet, class_names=clips.training.dataset.class_names)
        if learner.posterior is not None:
            save_tensors(folder.posterior, learner.posterior.tensors())
        write_json(folder.architecture, architecture.model_dump(mode="json"))
        # A path inside the run would be wrong once the run is moved.
        folder.write_result(result.model_dump(mode="json", exclude={"architecture"}))
        return result.model_dump(mode="json")

    return SearchResult.model_validate(ranks.first(write))


def certainty(learner: StepLearner, found: Found, seed: int) -> dict[str, Any]:
    """What the result says of how sure it is."""
    entropy, most = learner.distribution.entropy(), Distribution.uniform(learner.flops.variables).entropy()
    if learner.posterior is not None:
        draw = derive_generator(seed, "certainty", str(learner.step))
        sure = learner.posterior.certainty(found.decisions, CERTAINTY_DRAWS, draw)
        undecided = None
        if sure.expected_loss > UNDECIDED_LOSS * sure.prior_loss or entropy > UNDECIDED_ENTROPY * most:
            undecided = (
                f"the best architecture is expected to score {sure.expected_loss:.4f} more than the one found, and "
                f"{sure.prior_loss:.4f} more than a random one; the draws' choices have an entropy of {entropy:.2f} "
                f"nats, of {most:.2f} when all are equally probable; about four times the epochs halve the loss"
            )
        top = [{"decisions": d, "score": mean, "deviation": deviation} for d, mean, deviation in sure.top[:MAX_TOP]]
        numbers = {"expected_loss": sure.expected_loss, "best_share": sure.best_share}
        return {"undecided": undecided, **numbers, "top": top}
    if learner.learns_alpha and entropy > UNDECIDED_ENTROPY * most:
        return {
            "undecided": f"the entropy of alpha is {entropy:.2f} nats, of {most:.2f} when all is equally probable; "
            "search for more epochs, with a larger alpha_lr, or with method = thompson"
        }
    return {}


def read_result(folder: RunDirectory) -> SearchResult | None:
    """The result of a step, or None if it is not finished.

    Raises:
        FileError: its file is damaged.
    """
    result = folder.read_result()
    if result is None:
        return None
    try:
        return SearchResult.model_validate({**result, "architecture": folder.architecture})
    except ValueError as error:
        raise FileError(
            f"{folder.result}: is not the result of a search step",
            help="remove it; the same command then writes it again",
        ) from error


def _measured(
    learner: StepLearner,
    found: Found,
    step: int | None,
    clips: SearchClips,
    settings: StepSettings,
    folder: RunDirectory,
    progress: Progress,
    request: Interruption,
) -> tuple[float, int]:
    """(accuracy, views a video) of the found architecture with BN statistics of its own."""
    model = extract(learner.supernet, found.decisions, step)
    try:
        with torch.no_grad():
            recalibrate(model, first_clips(clips.training, settings.recalibration_batches, request))
        evaluation = evaluate_views(
            model,
            clips.evaluation,
            mixed_precision=settings.mixed_precision,
            progress=progress,
            ranks=request.ranks,
            request=request,
        )
    except StopRequestedError:
        total = settings.step_epochs * clips.training.iterations_per_epoch
        raise InterruptedRunError(folder.path, total, request.signal_number or 2) from None
    return evaluation.top1, evaluation.views
