"""The search of a space, step by step: what each step keeps from those before it.

Source: Auto-TSNet, section 4.2. A step decides what it names, keeps what earlier steps decided, goes on
from their weights, and leaves out the parts that no step so far has named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch

from tsdsl.engine.callbacks import Callback
from tsdsl.engine.device import choose_device
from tsdsl.engine.ranks.interruption import InterruptedRunError, interruption
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.errors import UsageError
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.conditioned import require_target
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.budget.within_target import unreachable
from tsdsl.searching.distribution.factorised import Distribution, step_variables
from tsdsl.searching.distribution.importance import require_samples
from tsdsl.searching.learning.clips import SearchClips, open_search_dataset, split_clips
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.learning.shared_samples import require_work
from tsdsl.searching.methods.evaluation_log import EVALUATIONS_NAME
from tsdsl.searching.record.outcome import SearchResult, finish, read_result
from tsdsl.searching.record.run_record import (
    STEP_KIND,
    recorded_classes,
    recorded_data_settings,
    recorded_settings,
    refuse_changes,
    remedy,
    settle_data,
    step_before,
    step_directory,
)
from tsdsl.searching.record.take_over import data_of, take_over_steps
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings, StepSettings
from tsdsl.searching.step import run_step
from tsdsl.space.architecture import Architecture, problems, read_architecture
from tsdsl.space.model import Space
from tsdsl.space.stored import Frozen

Which: TypeAlias = int | Literal["all", "joint"]


def search(
    space: Space,
    *,
    step: Which = "all",
    data: str | Path | None = None,
    run: str | Path,
    settings: SearchSettings | None = None,
    data_settings: DataSettings | None = None,
    cadence: Cadence | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    begin_from: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    ranks: Ranks = ALONE,
) -> SearchResult:
    """Search one step, all of them in turn, or the whole space at once; return the last step's result.

    The same call goes on with an interrupted search, and returns at once where all is done. `data`,
    `settings` and `data_settings` may be left out where the run records them: a step takes its own, else
    those of the step before it, `epochs` excepted. `begin_from` is another run whose steps before `step` are copied
    into this one first. `callbacks` get each step that is not finished. Several ranks, from
    `tsdsl.engine.ranks.ranks.joined`, make the same call; they share the samples, and only rank 0 writes.

    Raises:
        UsageError: step, settings, data and run do not fit together; the help says what to do.
        FileError: a file is missing, damaged or cannot be written.
        RunError: the search cannot go on; `InterruptedRunError` after a signal.
    """
    run = Path(run)
    directory = RunDirectory(run)
    steps = _steps(space, step)

    def check() -> None:
        for number in steps:
            given = settings or recorded_settings(run, space, number) or SearchSettings()
            if given.samples != "adaptive" and given.method in ("thompson", "parsec"):
                require_samples(given.samples)
            require_work(given, ranks)
            if given.budget == "condition" and given.method == "parsec":
                require_target(number, _target(space, number))

    ranks.first(check)
    place = choose_device(device)
    display = progress or Progress(quiet=True)
    with ranks.locked(directory) as told:
        for note in told if ranks.is_first else ():
            display.warn(note)

        def settle() -> str:
            given = None if data is None else Path(data)
            if begin_from is not None and given is None and not directory.settings.exists():
                given = data_of(Path(begin_from), space)
            settled = settle_data(directory, space, given, display)
            if begin_from is not None:
                take_over_steps(directory, Path(begin_from), space, steps[0])
            return str(settled)

        root = Path(ranks.first(settle))
        result: SearchResult | None = None
        for number in steps:
            result = _search_step(
                space,
                number,
                root,
                run,
                settings,
                data_settings,
                cadence or Cadence(),
                place,
                display,
                callbacks,
                ranks,
            )
    assert result is not None
    return result


def _steps(space: Space, step: Which) -> list[int | None]:
    if step == "joint":
        return [None]
    known = sorted(s.index for s in space.steps)
    if step == "all" and known:
        return list(known)
    if step in known:
        return [int(step)]
    listed = f"its steps are {', '.join(map(str, known))}" if known else "it has no steps"
    raise UsageError(
        f"space {space.name} has no step {step}: {listed}" if step != "all" else f"space {space.name}: {listed}",
        help="give --step joint to search the whole space at once" + (", or one of its steps" if known else ""),
    )


def _search_step(
    space: Space,
    step: int | None,
    root: Path,
    run: Path,
    settings: SearchSettings | None,
    data_settings: DataSettings | None,
    cadence: Cadence,
    device: torch.device,
    progress: Progress,
    callbacks: Sequence[Callback],
    ranks: Ranks,
) -> SearchResult:
    folder = step_directory(run, step)
    title = "joint search" if step is None else f"step {step}: {space.step(step).title}"
    plan = _Plan.model_validate(
        ranks.first(lambda: _plan(space, step, root, run, settings, data_settings).model_dump(mode="json"))
    )
    if plan.result is not None:
        progress.note(f"{title} is finished: {folder.architecture}")
        return plan.result
    settings, data_settings, before = plan.settings, plan.data_settings, plan.before
    variables = step_variables(space, step, {} if before is None else before.decisions)
    flops = step_flops(Blueprint(space), step, variables)
    target_macs = _target(space, step)
    if target_macs is not None and flops.least() > target_macs:
        raise unreachable(target_macs, flops.least())
    dataset = open_search_dataset(root, data_settings, plan.class_names)
    blueprint = Blueprint(space, classes=dataset.num_classes)
    clips = split_clips(
        dataset,
        blueprint.over(step),
        str(step),
        data_settings,
        seed=settings.seed,
        batch_size=settings.batch_size,
        class_sampling=settings.class_sampling,
        views=settings.validation_views,
        ranks=ranks,
    )
    recorded = _step_settings(space, step, settings, data_settings, clips, target_macs)

    def record() -> None:
        for note in folder.sweep():
            progress.warn(note)
        if not folder.checkpoints.exists():
            # Nothing has been learned yet, as after running out of memory: other settings may be tried.
            folder.settings.unlink(missing_ok=True)
            (folder.path / EVALUATIONS_NAME).unlink(missing_ok=True)
        help = f"give the same settings to go on with it; {remedy(step)}"
        folder.record_settings(STEP_KIND, recorded, newer=("class_names",), remedy=help)

    ranks.first(record)
    distribution = Distribution.uniform(variables)
    learner = StepLearner(blueprint, step, distribution, flops, target_macs, settings, device, ranks)
    if before is not None:
        weights = step_directory(run, before.step).weights
        learner.inherit(ranks.from_first(read_tensors(weights) if ranks.is_first else None), str(weights))
    with interruption(ranks) as request:
        lineage = () if before is None else before.lineage
        of = {
            "fingerprint": space.fingerprint,
            "step": step,
            "lineage": [record.model_dump(mode="json") for record in lineage],
        }
        told = callbacks if ranks.is_first else ()
        for callback in told:
            callback.begin(folder.path, recorded.model_dump(mode="json"))
        tally = run_step(learner, clips, recorded, cadence, folder, title, progress, request, of, told)
        result = finish(learner, space, step, clips, recorded, tally, lineage, folder, progress, request)
    for callback in told:
        callback.end(folder.path, result.model_dump(mode="json"))
    if request.agreed():
        # It came when nothing was left to interrupt; the step after this one must not begin.
        total = recorded.step_epochs * clips.training.iterations_per_epoch
        raise InterruptedRunError(folder.path, total, request.signal_number or 2)
    progress.note(f"{title}: found {folder.architecture}, {result.flops / 1e9:.3f} GFLOPs")
    return result


class _Plan(Frozen):
    """What the run's folder says of a step: its result, or what it begins with, and the classes that this knows."""

    settings: SearchSettings
    data_settings: DataSettings
    before: Architecture | None
    class_names: tuple[str, ...] | None
    result: SearchResult | None


def _plan(
    space: Space,
    step: int | None,
    root: Path,
    run: Path,
    settings: SearchSettings | None,
    data_settings: DataSettings | None,
) -> _Plan:
    folder = step_directory(run, step)
    result = read_result(folder)
    if result is not None:
        folder.require_unchanged()
        refuse_changes(folder, step, settings, _target(space, step))
    before = None if result is not None else _found_before(space, step, run, root)
    return _Plan(
        settings=settings or recorded_settings(run, space, step) or SearchSettings(),
        data_settings=data_settings or recorded_data_settings(run, space, step) or DataSettings(),
        before=before,
        class_names=None if before is None else recorded_classes(run, before.step),
        result=result,
    )


def _found_before(space: Space, step: int | None, run: Path, root: Path) -> Architecture | None:
    """What the step before found; None for a first step and for the joint search."""
    number = None if step is None else step_before(space, step)
    if number is None:
        return None
    folder = step_directory(run, number)
    if read_result(folder) is None:
        state = "begun but not finished" if folder.settings.exists() else "not searched yet"
        raise UsageError(
            f"step {step} goes on from what step {number} finds, and in {run} step {number} is {state}",
            help=f"first run: tsdsl search --step {number} --data {root} --run {run}",
        )
    folder.require_unchanged()
    architecture = read_architecture(folder.architecture)
    found = problems(space, architecture)
    if found or architecture.step != number:
        reason = found[0] if found else f"it is of step {architecture.step}"
        raise UsageError(
            f"{folder.architecture}: is not what step {number} of {space.name} found: {reason}",
            help="restore the file, or choose another --run folder",
        )
    return architecture


def _target(space: Space, step: int | None) -> int | None:
    """The target of a step; the joint search has that of the last step."""
    if step is not None:
        return space.step(step).target_macs
    last = max(space.steps, key=lambda s: s.index, default=None)
    return None if last is None else last.target_macs


def _step_settings(
    space: Space,
    step: int | None,
    settings: SearchSettings,
    data_settings: DataSettings,
    clips: SearchClips,
    target_macs: int | None,
) -> StepSettings:
    """What is recorded. The joint search takes as many epochs as all steps together."""
    own = sum(s.epochs for s in space.steps) or 1 if step is None else space.step(step).epochs
    return StepSettings(
        **settings.model_dump(),
        step_epochs=settings.epochs or own,
        target_macs=target_macs,
        classes=data_settings.classes,
        class_seed=data_settings.class_seed,
        class_names=clips.training.dataset.class_names,
        validation_fraction=data_settings.validation_fraction,
        clip=clips.clip,
        num_classes=clips.num_classes,
        training_clips=clips.num_training_clips,
        validation_clips=clips.num_validation_clips,
    )
