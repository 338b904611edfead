"""Whether shared weights rank architectures as training from scratch does.

RUN/rank/0001/scores.json  one of the architectures, its cost, and all that is said to predict its accuracy
RUN/rank/0001/train/       the run that trains it from scratch

Architectures are drawn uniformly within the target of a step, by the seed of the search and in a fixed order. Each is a
job of its own, with a lock: any number of processes of the same command share the work, and it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsdsl.data import normalise
from tsdsl.data.randomness import derive_seed
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.engine.ranks.interruption import Interruption
from tsdsl.engine.ranks.ranks import ALONE
from tsdsl.engine.recipe import TrainOptions
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training.record import read_train_result
from tsdsl.engine.training.train import train
from tsdsl.engine.training_data import fitted_clip_settings, open_training_data
from tsdsl.engine.training_free import training_free_scores
from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.files import exclusive, write_json
from tsdsl.lowering.model import recalibrate
from tsdsl.lowering.supernet import Supernet, extract
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Array
from tsdsl.searching.budget.candidates import WithinTarget
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.distribution.factorised import step_variables
from tsdsl.searching.learning.clips import first_clips, open_search_dataset, split_clips
from tsdsl.searching.record.run_record import RUN_KIND, STEP_KIND, RunRecord, step_before, step_directory
from tsdsl.searching.settings import StepSettings
from tsdsl.space.architecture import Architecture, read_architecture
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.stored import Frozen, read_record

FREE_CLIPS = 16
MAX_DRAWS = 1000
RESAMPLES = 2000
PREDICTORS = ("shared weights", "multiply-adds", "parameters", "zen", "naswot", "synflow")


class RankScores(Frozen):
    """One architecture and what predicts its accuracy, by the names of PREDICTORS."""

    decisions: dict[str, Value]
    predictors: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """An architecture that is trained, and its accuracy on the validation videos."""

    name: str
    scores: RankScores
    accuracy: float


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau of a predictor with the accuracies, and its 95 % bootstrap interval."""

    tau: float
    low: float
    high: float


def rank_architectures(
    run: Path,
    space: Space,
    step: int | None,
    count: int,
    options: TrainOptions,
    *,
    device: torch.device,
    progress: Progress,
) -> None:
    """Score and train `count` architectures of a finished step, but for those that other processes are at.

    Raises:
        UsageError: an architecture was trained with other settings, or the data set has no validation videos.
        RunError: fewer architectures than that are within the target.
        InterruptedRunError: a signal came; the same call goes on.
    """
    folder = step_directory(run, step)
    settings = folder.read_settings(STEP_KIND, StepSettings)
    root = Path(RunDirectory(run).read_settings(RUN_KIND, RunRecord).data)
    before = None if step is None else step_before(space, step)
    found = {} if before is None else read_architecture(step_directory(run, before).architecture, space).decisions
    variables = step_variables(space, step, found)
    candidates = WithinTarget(step_flops(Blueprint(space), step, variables), settings.target_macs)
    blueprint = Blueprint(space, classes=settings.num_classes)
    recipe = options.train_settings()
    if settings.classes is not None:
        recipe = recipe.model_copy(update={"seed": settings.class_seed})  # which chooses the classes, too
    shared = _SharedWeights(space, blueprint, step, settings, root, folder, device)
    for name, decisions in _drawn(candidates, derive_seed(settings.seed, "rank"), count):
        job = run / "rank" / name
        with ExitStack() as held:
            try:
                held.enter_context(exclusive(job, "training this architecture"))
            except UsageError:
                continue  # another process is at it
            decided = canonical(space, decisions, step)
            network = blueprint.network(decided, step)
            if not (job / "scores.json").exists():
                progress.note(f"{job}: scoring")
                scores = RankScores(decisions=decided, predictors=shared.predictors(decided))
                write_json(job / "scores.json", scores.model_dump(mode="json"))
            clip = None if options.clip is None else fitted_clip_settings(options.clip, network)
            data = open_training_data(
                root,
                network,
                recipe,
                clip_settings=clip,
                num_classes=settings.classes,
                class_names=settings.class_names,
                num_workers=options.num_workers,
                cache=options.cache,
            )
            if data.validation is None:
                raise UsageError(f"{root}: has no split val to rank by", help="add validation videos to the data set")
            architecture = Architecture(
                space=space.name, fingerprint=space.fingerprint, decisions=decided, step=step, seed=settings.seed
            )
            train(blueprint, architecture, data, recipe, RunDirectory(job / "train"), device=device, progress=progress)


def _drawn(candidates: WithinTarget, seed: int, count: int) -> Iterator[tuple[str, dict[str, Value]]]:
    """(name, architecture) of distinct ones, uniformly within the target."""
    seen: set[frozenset[tuple[str, Value]]] = set()
    for decisions in islice(candidates.draws(seed), MAX_DRAWS + 100 * count):
        key = frozenset(decisions.items())
        if key not in seen:
            seen.add(key)
            yield f"{len(seen):04d}", decisions
        if len(seen) == count:
            return
    raise RunError(
        f"there seem to be only {len(seen)} architectures within the target to rank",
        help="rank fewer (-n), or a step with more decisions (--step)",
    )


class _SharedWeights:
    """The shared weights of a step and its clips, opened when the first architecture is scored."""

    def __init__(
        self,
        space: Space,
        blueprint: Blueprint,
        step: int | None,
        settings: StepSettings,
        root: Path,
        folder: RunDirectory,
        device: torch.device,
    ) -> None:
        dataset = open_search_dataset(root, settings.data_settings(), settings.class_names)
        self.clips = split_clips(
            dataset,
            blueprint.over(step),
            str(step),
            settings.data_settings(),
            seed=settings.seed,
            batch_size=settings.batch_size,
            class_sampling=settings.class_sampling,
            views=settings.validation_views,
        )
        self.blueprint, self.step, self.settings = blueprint, step, settings
        self.supernet = Supernet(blueprint, seed=0)
        self.supernet.load_state_dict(read_tensors(folder.weights))
        self.supernet.to(device)

    def predictors(self, decisions: Mapping[str, Value]) -> dict[str, float]:
        """All of PREDICTORS for one architecture."""
        model, alone = extract(self.supernet, decisions, self.step), Interruption(ALONE)
        recalibrate(model, first_clips(self.clips.training, self.settings.recalibration_batches, alone))
        evaluation = evaluate_views(model, self.clips.evaluation, mixed_precision=self.settings.mixed_precision)
        network = self.blueprint.network(decisions, self.step)
        macs, params, _ = plain(network_cost(network))
        few = next(self.clips.validation.batches(0)).clips_BCTHW[:FREE_CLIPS]
        free = training_free_scores(network, normalise(few), self.settings.seed)
        return {"shared weights": evaluation.top1, "multiply-adds": macs, "parameters": params, **free}


def read_ranking(run: Path) -> list[Ranked]:
    """The architectures of a run's `rank` that are trained."""
    found = []
    for job in sorted((run / "rank").glob("*")):
        training = RunDirectory(job / "train")
        if not training.result.exists():
            continue
        scores = read_record(job / "scores.json", RankScores, "the scores of an architecture", "remove it")
        accuracy = read_train_result(training).val_top1
        if accuracy is None or set(scores.predictors) != set(PREDICTORS):
            raise FileError(f"{job}: is not of `tsdsl rank`", help="remove it, and rank again")
        found.append(Ranked(job.name, scores, accuracy))
    return found


def agreements(ranked: Sequence[Ranked]) -> dict[str, Agreement]:
    """For each predictor how well it ranks; empty for fewer than three architectures."""
    if len(ranked) < 3:
        return {}
    accuracies = np.array([one.accuracy for one in ranked])
    drawn = np.random.default_rng(0).integers(len(ranked), size=(RESAMPLES, len(ranked)))
    found = {}
    for name in PREDICTORS:
        values = np.array([one.scores.predictors[name] for one in ranked])
        taus = [kendall_tau(values[rows], accuracies[rows]) for rows in drawn]
        low, high = np.percentile(taus, [2.5, 97.5]).tolist()
        found[name] = Agreement(kendall_tau(values, accuracies), low, high)
    return found


def kendall_tau(one: Array, other: Array) -> float:
    """Kendall's tau-b; 0 where all values of one side are equal."""
    signs: list[Any] = [np.sign(values[:, None] - values[None, :]) for values in (one, other)]
    pairs = float((signs[0] ** 2).sum() * (signs[1] ** 2).sum())
    return float((signs[0] * signs[1]).sum()) / pairs**0.5 if pairs else 0.0
