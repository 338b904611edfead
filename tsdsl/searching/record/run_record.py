"""What a search's folder records, so that a later command needs no option twice.

RUN/settings.json   the space's fingerprint and the data; marks the folder as a search
RUN/space.json      the space
RUN/step1/          a step: settings, checkpoints, metrics, alpha.jsonl, and what it found
RUN/joint/          the one-step search over the whole space
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tsdsl.data import open_dataset
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.progress import Progress
from tsdsl.errors import UsageError
from tsdsl.searching.settings import DataSettings, SearchSettings, StepSettings
from tsdsl.space.model import Space
from tsdsl.space.stored import Frozen

RUN_KIND, STEP_KIND = "search", "search step"


class RunRecord(Frozen):
    """What all steps of a run have in common.

    `data` is the absolute path of the data set; `clips` is a hash of its training clips' names below it and labels.
    """

    space: str
    fingerprint: str
    data: str
    clips: str


def step_directory(run: str | Path, step: int | None) -> RunDirectory:
    """The folder of a step in a run; None is the joint search."""
    return RunDirectory(Path(run) / ("joint" if step is None else f"step{step}"))


def recorded_settings(run: str | Path, space: Space, step: int | None) -> SearchSettings | None:
    """The settings that a step of a run has, or takes over from the step before; None where there are none.

    Raises:
        FileError: the recorded ones are damaged.
    """
    record = _recorded_step(run, space, step)
    if record is None:
        return None
    chosen, is_own = record
    return chosen.search_settings() if is_own else chosen.search_settings().model_copy(update={"epochs": None})


def recorded_data_settings(run: str | Path, space: Space, step: int | None) -> DataSettings | None:
    """The data settings that a step of a run has, or takes over from the step before it."""
    record = _recorded_step(run, space, step)
    return None if record is None else record[0].data_settings()


def recorded_classes(run: str | Path, step: int | None) -> tuple[str, ...] | None:
    """The classes of a step by label; None where its version of tsdsl did not record them."""
    return step_directory(run, step).read_settings(STEP_KIND, StepSettings).class_names


def _recorded_step(run: str | Path, space: Space, step: int | None) -> tuple[StepSettings, bool] | None:
    """The settings of the step itself (True) or of the one before it (False)."""
    for candidate in (step, None if step is None else step_before(space, step)):
        if candidate is None and step is not None:
            continue
        folder = step_directory(run, candidate)
        if folder.settings.exists():
            return folder.read_settings(STEP_KIND, StepSettings), candidate == step
    return None


def remedy(step: int | None) -> str:
    """What to do to search a step with other settings than those of the run."""
    other = "choose another --run folder for others"
    return other if step is None else f"{other}, or search the step again: `--redo {step} --force`"


def step_before(space: Space, step: int) -> int | None:
    """The step that comes before a step; None for the first."""
    return max((s.index for s in space.steps if s.index < step), default=None)


def settle_data(directory: RunDirectory, space: Space, data: Path | None, progress: Progress) -> Path:
    """The data set of the run; records space and data in a new one, and checks them in one that is there.

    Raises:
        UsageError: space or data are not those of the run, or a new run is given no data.
        FileError: there is no such data set.
    """
    if not directory.settings.exists():
        if data is None:
            raise UsageError(
                f"{directory.path}: no data set is given, and there is no run here that records one",
                help="give --data DIR; `tsdsl data demo DIR` writes a small one",
            )
        # Before it is recorded: a mistyped path must not stick to the run.
        record = RunRecord(
            space=space.name, fingerprint=space.fingerprint, data=str(data.absolute()), clips=_clips_hash(data)
        )
        # First of all files, for it marks the folder as a run to the command that resumes.
        directory.record_settings(RUN_KIND, record)
        directory.keep_json(directory.space, space.to_dict())
        return data
    record = directory.read_settings(RUN_KIND, RunRecord)
    if record.fingerprint != space.fingerprint:
        raise UsageError(
            f"{directory.path}: was searched in space {record.space} with fingerprint {record.fingerprint}; "
            f"{space.name} now has {space.fingerprint}",
            help="choose another --run folder, or restore the space",
        )
    if data is not None and str(data.absolute()) != record.data:
        record = _moved(directory, record, data)
    changed = directory.keep_json(directory.space, space.to_dict())
    if changed is not None:
        progress.warn(changed)
    return Path(record.data)


def _moved(directory: RunDirectory, record: RunRecord, data: Path) -> RunRecord:
    """The record with the folder to which its data set has moved."""
    if Path(record.data).exists():
        raise UsageError(
            f"{directory.path}: data is {data.absolute()}, was {record.data}",
            help="leave --data out to go on with the recorded one, or choose another --run folder",
        )
    if _clips_hash(data) != record.clips:
        raise UsageError(
            f"{directory.path}: {data.absolute()} does not hold the training clips that {record.data} held",
            help="give the folder to which that data set was moved, or choose another --run folder",
        )
    moved = record.model_copy(update={"data": str(data.absolute())})
    directory.replace_settings(RUN_KIND, moved)
    return moved


def _clips_hash(data: Path) -> str:
    """A hash of the training clips: their paths below the data set's folder, parts and labels."""
    root = str(data.absolute()) + "/"
    digest = hashlib.sha256()
    for clip in open_dataset(data, "train").records:
        name = str(clip.path.absolute()).removeprefix(root)
        rate = "" if clip.frames_fps is None else f"\t{clip.frames_fps}"
        digest.update(f"{name}\t{clip.start_s}\t{clip.end_s}\t{clip.label}{rate}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def refuse_changes(
    folder: RunDirectory, step: int | None, settings: SearchSettings | None, target_macs: int | None
) -> None:
    """Refuse other settings for a finished step: the caller would take its result for theirs.

    Raises:
        UsageError: it names every setting that differs.
    """
    recorded = folder.read_settings(STEP_KIND, StepSettings)
    names = SearchSettings.model_fields if settings is not None else ()
    changed = [
        f"{name} is {getattr(settings, name)!r}, was {getattr(recorded, name)!r}"
        for name in names
        if getattr(settings, name) != getattr(recorded, name)
    ]
    if target_macs != recorded.target_macs:
        changed.append(f"its target is {target_macs} FLOPs, was {recorded.target_macs}")
    if changed:
        raise UsageError(
            f"{folder.path}: is finished with other settings: {'; '.join(changed)}",
            help=f"give the same settings or none; {remedy(step)}",
        )
