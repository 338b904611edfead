"""Takes the finished steps of another search over into a run, so that the search branches off there."""

from __future__ import annotations

from pathlib import Path

from tsdsl.engine.runs.directory import RECORDED_FILES, RunDirectory
from tsdsl.errors import UsageError
from tsdsl.files import copy_file, read_bytes
from tsdsl.searching.record.run_record import RUN_KIND, RunRecord, step_directory
from tsdsl.space.model import Space


def data_of(other: Path, space: Space) -> Path:
    """The data set of a run to take steps over from.

    Raises:
        UsageError: it is of another space.
        FileError: it is damaged.
    """
    record = RunDirectory(other).read_settings(RUN_KIND, RunRecord)
    if record.fingerprint != space.fingerprint:
        raise UsageError(
            f"{other}: was searched in space {record.space} with fingerprint {record.fingerprint}; "
            f"{space.name} has {space.fingerprint}",
            help="give the space of that run; `tsdsl diff` shows what differs",
        )
    return Path(record.data)


def take_over_steps(run: RunDirectory, other: Path, space: Space, step: int | None) -> None:
    """Copy the steps before `step` from another run. Steps copied already are left alone.

    Raises:
        UsageError: the other run lacks a step, or the run has its own.
        FileError: the other run is damaged.
    """
    if step is None:
        raise UsageError("the joint search takes no step over from another run", help="give --step with a number")
    if run.path.resolve() == other.resolve():
        raise UsageError(f"{other}: is the run itself", help="give another --run folder, or search again with --redo")
    before = sorted(known.index for known in space.steps if known.index < step)
    if not before:
        raise UsageError(f"step {step} is the first of {space.name}, so it takes nothing over", help="leave --from out")
    data_of(other, space)
    for number in before:
        _take_over(step_directory(other, number), step_directory(run.path, number))


def _take_over(source: RunDirectory, target: RunDirectory) -> None:
    if source.read_result() is None:
        raise UsageError(
            f"{source.path}: is not a finished step", help="finish it with the same `tsdsl search` command first"
        )
    source.require_unchanged()
    if target.result.exists() and read_bytes(target.result) == read_bytes(source.result):
        return
    if target.result.exists() or target.checkpoints.exists():
        raise UsageError(
            f"{target.path}: is not the step in {source.path}", help="choose another --run folder, or leave --from out"
        )
    # The result last, for it says that the step is finished.
    for name in (*RECORDED_FILES, source.result.name):
        if (source.path / name).exists():
            copy_file(source.path / name, target.path / name)
