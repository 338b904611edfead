"""Accuracy against cost as a finished step knows it: the best architecture at every budget by the step's own scores.

Where architectures were measured, the score is the accuracy that a Bayesian linear model of the measurements predicts,
and has an interval; after Thompson sampling it is the posterior's mean, less the average architecture's, with an
interval as well; else it is log P(A | alpha), in nats. All are sums of tables, so the front is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import torch

from tsdsl.analysis.questions.front import Front, front
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import FileError
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Array, Varying, combine
from tsdsl.searching.budget.candidates import WithinTarget
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.distribution.factorised import Variables, step_variables
from tsdsl.searching.distribution.linear_model import LinearModel, Posterior, Terms
from tsdsl.searching.learning.posterior import StepPosterior
from tsdsl.searching.methods.baselines import Evaluation
from tsdsl.searching.methods.evaluation_log import EVALUATIONS_NAME, read_evaluations
from tsdsl.searching.record.outcome import read_result
from tsdsl.searching.record.run_record import STEP_KIND, step_before, step_directory
from tsdsl.searching.settings import StepSettings
from tsdsl.searching.step import read_alpha
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

PRIOR_STEPS = 16
NORMAL_95 = 1.96


@dataclass(frozen=True)
class FrontPoint:
    """The best architecture of at most `flops`; `low` and `high` are the 95 % interval of a predicted score."""

    flops: int
    score: float
    low: float | None
    high: float | None
    decisions: Mapping[str, Value]


@dataclass(frozen=True)
class StepFront:
    """The points of growing cost and score; nothing within any budget scores higher by more than `gap`."""

    score: Literal["predicted accuracy", "score above the average", "log P"]
    gap: float
    points: tuple[FrontPoint, ...]


def finished_step(run: str | Path, step: str | None) -> int | None:
    """The number of a step, None for the joint search; by default that of the last finished step.

    Raises:
        FileError: there is no such step.
    """
    finished = [path.parent.name for path in Path(run).glob("*/result.json")]
    numbers = [int(name.removeprefix("step")) for name in finished if name.removeprefix("step").isdecimal()]
    names = [*map(str, sorted(numbers)), *(["joint"] if "joint" in finished else [])]
    if not names or (step is not None and step not in names):
        what = "no finished step" if step is None else f"no finished step {step}"
        raise FileError(f"{run}: has {what}", help=f"finished steps: {', '.join(names) or 'none'}")
    chosen = step or names[-1]
    return None if chosen == "joint" else int(chosen)


def step_front(run: str | Path, space: Space, step: int | None) -> StepFront:
    """The front of a finished step; None is the joint search.

    Raises:
        FileError: the step is not finished, or a file of it is damaged.
        RunError: the decisions, or constraints on costs, are too entangled for an exact front.
    """
    folder = step_directory(run, step)
    if read_result(folder) is None:
        raise FileError(f"{folder.path}: is not a finished step", help="finish it with the same `tsdsl search` command")
    before = None if step is None else step_before(space, step)
    found = {} if before is None else read_architecture(step_directory(run, before).architecture, space).decisions
    variables = step_variables(space, step, found)
    flops = step_flops(Blueprint(space), step, variables)
    free = flops.free
    for name in (folder.posterior.name, EVALUATIONS_NAME):
        folder.require_unchanged(name)
    if folder.posterior.exists():
        target = folder.read_settings(STEP_KIND, StepSettings).target_macs
        return _learned(StepPosterior(WithinTarget(flops, target)), folder.posterior)
    measured = [entry.evaluation for entry in read_evaluations(folder.path)]
    if measured:
        return _predicted(free, variables, measured)
    logs = {path: np.log(np.maximum(p, 1e-300)) for path, p in read_alpha(folder.path)[-1]["probabilities"].items()}
    tables = [free.over_existence(d, logs[d.path], np.zeros(len(d.values))) for d in variables.decisions]
    known = front(free, tables)
    return StepFront("log P", known.gap, _points(known, known.scores.tolist(), None))


def _predicted(free: FreeSpace, variables: Variables, measured: Sequence[Evaluation]) -> StepFront:
    """Accuracies as a Bayesian linear model predicts them, with pairs of decisions that share a cost."""
    columns = {decision.path: number for number, decision in enumerate(variables.decisions)}
    pairs = sorted({pair for table in free.costs() for pair in pairwise(table.scope)})
    terms = Terms(variables.decisions, tuple((columns[a.path], columns[b.path]) for a, b in pairs))
    mean = fmean(evaluation.accuracy for evaluation in measured)
    model = LinearModel(terms)
    scores = np.array([evaluation.accuracy - mean for evaluation in measured])
    model.observe(terms.active([evaluation.decisions for evaluation in measured]), scores, is_centred=False)
    for _ in range(PRIOR_STEPS):
        model.choose_prior()
    posterior = model.posterior()
    known = _front_of(free, terms, posterior.mean_W.numpy())
    accuracies = (known.scores + mean + float(posterior.mean_W[-1])).tolist()
    errors = _errors(terms, posterior, [known.architecture(point) for point in range(len(known.macs))])
    return StepFront("predicted accuracy", known.gap, _points(known, accuracies, errors))


def _learned(learned: StepPosterior, path: Path) -> StepFront:
    """Scores by the posterior of Thompson sampling that a file holds."""
    terms, free = learned.candidates.terms, learned.candidates.flops.free
    try:
        mean_W = learned.mean_W if learned.restore(read_tensors(path)) else None
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # torch does not list it
        mean_W = None
    if mean_W is None:
        raise FileError(f"{path}: is not the posterior of this step", help="restore it from a copy")
    known = _front_of(free, terms, mean_W)
    means_N, deviations_N = learned.intervals([known.architecture(point) for point in range(len(known.macs))])
    return StepFront("score above the average", known.gap, _points(known, means_N.tolist(), deviations_N.tolist()))


def _front_of(free: FreeSpace, terms: Terms, mean_W: Array) -> Front:
    """The front by the mean weights but for the constant."""
    return front(free, [_where_it_exists(free, paths, table[0]) for paths, table in terms.tables(mean_W[None])])


def _where_it_exists(free: FreeSpace, paths: Sequence[str], table: Array) -> Varying:
    """A table over decisions, zero where one of them does not exist."""
    found = Varying(tuple(free.axes[path] for path in paths), table)
    for decision in free.decisions:
        if decision.path in paths:
            size = len(decision.values)
            exists = free.over_existence(decision, np.ones(size), np.zeros(size))
            found = combine(np.multiply, found, exists)
    return found


def _errors(terms: Terms, posterior: Posterior, architectures: Sequence[Mapping[str, Value]]) -> list[float]:
    """The posterior's standard deviation of each architecture's accuracy."""
    features_NW = torch.from_numpy(terms.features(terms.active(architectures)))
    errors_N = torch.linalg.solve_triangular(posterior.root_WW, features_NW.T, upper=False).norm(dim=0)
    return [float(error) for error in errors_N]


def _points(known: Front, scores: Sequence[float], errors: Sequence[float] | None) -> tuple[FrontPoint, ...]:
    found = []
    for number, (macs, score) in enumerate(zip(known.macs.tolist(), scores, strict=True)):
        error = None if errors is None else NORMAL_95 * errors[number]
        low, high = (None, None) if error is None else (score - error, score + error)
        found.append(FrontPoint(macs, score, low, high, known.architecture(number)))
    return tuple(found)
