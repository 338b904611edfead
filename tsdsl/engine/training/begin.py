"""Begins a training run in a folder, goes on with the one that is there, or extends it by more epochs."""

from __future__ import annotations

from tsdsl.engine.runs.checkpoint import CheckpointStore
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import METRICS_NAME
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training.record import KIND, Extension, TrainRecord, TrainResult, read_train_result
from tsdsl.errors import UsageError
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.stored import Frozen

NEWER = ("class_names", "extensions")
"""Settings that runs of older versions did not record."""


class Begun(Frozen):
    """What the folder of a run says: its result if it is finished, and by which extensions it has its epochs."""

    result: TrainResult | None
    extensions: tuple[Extension, ...]


def begin(
    run: RunDirectory,
    record: TrainRecord,
    space: Space,
    architecture: Architecture,
    store: CheckpointStore,
    progress: Progress,
    *,
    extend: bool,
) -> Begun:
    """Record a new run, or check that the run in the folder is this one; with `extend` it may have fewer epochs so far.

    The caller holds the lock of the run.

    Raises:
        UsageError: the folder contains another run, or a run that cannot be extended.
        FileError: the run is damaged.
    """
    if run.settings.exists():
        recorded = run.read_settings(KIND, TrainRecord)
        record = record.model_copy(update={"extensions": recorded.extensions})
        if extend and record.began_with is None:
            record = _with_beginning(run, record, recorded, store)
        remedy = _remedy(run, record, recorded)
        if extend and record.settings.epochs > recorded.settings.epochs:
            run.record_settings(KIND, _with_epochs(record, recorded.settings.epochs), NEWER, remedy)
            record = _extended(run, record, recorded, store)
        run.record_settings(KIND, record, NEWER, remedy)
    else:
        run.record_settings(KIND, record)
    if run.result.exists():
        run.require_unchanged()
        return Begun(result=read_train_result(run), extensions=record.extensions)
    # With its space, the run stays usable if it is moved or the search is removed.
    files = {run.space: space.to_dict(), run.architecture: architecture.model_dump(mode="json")}
    for path, content in files.items():
        changed = run.keep_json(path, content)
        if changed is not None:
            progress.warn(changed)
    return Begun(result=None, extensions=record.extensions)


def _with_beginning(
    run: RunDirectory, record: TrainRecord, recorded: TrainRecord, store: CheckpointStore
) -> TrainRecord:
    """The record with the initial weights of the run, which need not be given again once there is a checkpoint."""
    if recorded.began_with is not None and not run.result.exists() and store.latest() is None:
        raise UsageError(
            f"{run.path}: began with weights of a file, and has no checkpoint yet",
            help="give the same file again with --weights",
        )
    return record.model_copy(update={"began_with": recorded.began_with})


def _extended(run: RunDirectory, record: TrainRecord, recorded: TrainRecord, store: CheckpointStore) -> TrainRecord:
    """The record of the run with more epochs from its last checkpoint on, once the folder has it."""
    if run.result.exists():
        run.require_unchanged()
    checkpoint = store.latest()
    if checkpoint is None and run.result.exists():
        raise UsageError(
            f"{run.path}: cannot be extended, as its checkpoints were removed, and with them the momentum",
            help=f"begin another run with its weights: --run FOLDER --weights {run.weights}",
        )
    if checkpoint is not None:
        extension = Extension(iteration=checkpoint.iteration, epochs=recorded.settings.epochs)
        record = record.model_copy(update={"extensions": (*recorded.extensions, extension)})
    # First the result: killed in between, the run is one of the epochs before that can be finished or extended.
    run.result.unlink(missing_ok=True)
    run.replace_settings(KIND, record)
    return record


def _with_epochs(record: TrainRecord, epochs: int) -> TrainRecord:
    return record.model_copy(update={"settings": record.settings.model_copy(update={"epochs": epochs})})


def _remedy(run: RunDirectory, record: TrainRecord, recorded: TrainRecord) -> str:
    """What to do where the folder has a run with other settings."""
    epochs, before = record.settings.epochs, recorded.settings.epochs
    if record == _with_epochs(recorded, epochs) and epochs > before:
        return f"`tsdsl train {run.path} --epochs {epochs}` extends the run"
    if record == _with_epochs(recorded, epochs) and epochs < before:
        return f"a run can only be extended: give more than {before} epochs, or begin another run with --run FOLDER"
    return (
        "give the same settings to go on with it; to train on with others, begin another run with its weights: "
        f"--run FOLDER --weights {run.weights}"
    )


def checkpoint_store(run: RunDirectory, architecture: Architecture, keep: int) -> CheckpointStore:
    """The checkpoints of the run."""
    of = {"fingerprint": architecture.fingerprint, "decisions": dict(architecture.decisions)}
    return CheckpointStore(run.checkpoints, keep, of, [METRICS_NAME])


def learning_epochs(extensions: tuple[Extension, ...], epochs: int, iteration: int) -> int:
    """The epochs over which the learning rate of an iteration falls: those of the run when it came to the iteration."""
    return next((earlier.epochs for earlier in extensions if iteration < earlier.iteration), epochs)
