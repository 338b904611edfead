"""What runs there are in a folder, how far each is, and what may be removed of them; reads JSON only, no torch.

A run is a folder whose settings.json a command of tsdsl wrote. A search is one run whose steps are its parts; a
training run inside its folder is a run of its own.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tsdsl.engine.runs.directory import (
    EVALUATIONS_FOLDER,
    FORMAT,
    WRITTEN_FILES,
    WRITTEN_FOLDERS,
    RunDirectory,
    is_run_settings,
    is_unfinished,
)
from tsdsl.engine.runs.evaluations import RecordedEvaluation, current_evaluations, recorded_evaluations
from tsdsl.engine.runs.sealed import SEAL, read_sealed
from tsdsl.errors import FileError, UsageError
from tsdsl.files import LOCK_NAME, read_json

State = Literal["running", "finished", "unfinished"]

CHECKPOINT_NAME = re.compile(r"checkpoint-(\d{8,})")
RESTORE = "restore it from a copy, or remove the folder of its run"


@dataclass(frozen=True)
class RunPart:
    """A training run, or one step of a search: its settings, how far it is, its result once it is finished.

    `iteration` is that of the last checkpoint; `iterations` are those of the whole part, where the settings tell.
    `evaluations` are by name, of the weights that the part has.
    """

    name: str
    path: Path
    settings: Mapping[str, Any]
    state: State
    iteration: int
    iterations: int | None
    result: Mapping[str, Any] | None
    evaluations: Mapping[str, RecordedEvaluation] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run in its folder. `parts` are the steps of a search in order; a training run is its own one part.

    `size_bytes` counts everything in the folder but other runs in it; `modified_s` is when the newest file was
    written, in seconds since 1970.
    """

    path: Path
    kind: str
    space: str | None
    parts: Sequence[RunPart]
    state: State
    size_bytes: int
    modified_s: float

    @property
    def last_result(self) -> Mapping[str, Any] | None:
        """The result of the last finished part."""
        return next((part.result for part in reversed(self.parts) if part.result is not None), None)


def find_runs(folder: str | Path) -> tuple[list[Run], list[FileError]]:
    """The runs in a folder and below, itself included, by path, and what is damaged in them. Other folders are ignored.

    Raises:
        FileError: there is no such folder, or it cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder", help="give the folder that holds the runs")
    damaged: list[FileError] = []
    runs = [read_run(path) for path in _run_folders(folder, damaged)]
    return runs, [*damaged, *(error for run in runs for error in damage(run))]


def damage(run: Run) -> Iterator[FileError]:
    """What is wrong with the settings, results and evaluations of a run, which `read_run` leaves out."""
    for name in ("settings.json", "result.json"):
        for path in sorted([*run.path.glob(name), *run.path.glob(f"*/{name}")]):
            try:
                _require_sealed(path)
            except FileError as error:
                yield error
    try:
        recorded_evaluations(run.path)
    except FileError as error:
        yield error


def read_run(path: str | Path) -> Run:
    """The run in a folder.

    Raises:
        UsageError: it is neither a run nor a part of one.
    """
    path = Path(path)
    recorded = _recorded(path)
    if recorded is None:
        raise UsageError(f"{path}: is not a run of tsdsl", help="`tsdsl runs list DIR` names those in a folder")
    if _is_part(path, recorded):
        raise UsageError(f"{path}: is a step of the search in {path.parent}", help=f"give {path.parent}")
    is_running = _is_locked(path)
    folders = sorted((f for f in _subfolders(path) if _is_part_of(f, recorded)), key=_natural)
    if not folders and recorded["kind"] != "search":
        folders = [path]
    parts = [_part(folder, folder.name, is_running) for folder in folders]
    settings = recorded["settings"]
    others = {str(folder) for folder in _subfolders(path) if folder not in folders and _recorded(folder) is not None}
    files = [entry for entry in _files(path, others) if entry.name != LOCK_NAME]
    states = {part.state for part in parts}
    return Run(
        path=path,
        kind=recorded["kind"],
        space=str(settings["space"]) if "space" in settings else None,
        parts=parts,
        state="running" if is_running else "finished" if states == {"finished"} else "unfinished",
        size_bytes=sum(entry.stat(follow_symlinks=False).st_size for entry in files),
        modified_s=max((entry.stat(follow_symlinks=False).st_mtime for entry in files), default=0.0),
    )


@dataclass(frozen=True)
class Removal:
    """What removing a run, or its checkpoints, would do."""

    run: Run
    paths: Sequence[Path]
    kept: Sequence[Path]
    size_bytes: int


def plan_removal(run: Run, checkpoints_only: bool) -> Removal:
    """What to remove: the checkpoints of finished parts, or all that tsdsl wrote into the run's folder.

    Anything else in the folder, links included, is `kept`.

    Raises:
        UsageError: a process is writing the run.
    """
    if run.state == "running":
        raise UsageError(f"{run.path}: a process is writing this run", help="wait until it ends, or end it")
    if checkpoints_only:
        found = [part.path / "checkpoints" for part in run.parts if part.state == "finished"]
        paths = [path for path in found if path.is_dir() and not path.is_symlink()]
        kept: list[Path] = []
    else:
        paths, kept = [], []
        for folder in [*(part.path for part in run.parts if part.path != run.path), run.path]:
            for entry in sorted(folder.iterdir()):
                if entry in [part.path for part in run.parts]:
                    continue
                (paths if _is_written(entry) else kept).append(entry)
    return Removal(run, paths, kept, sum(_size_bytes(path) for path in paths))


def plan_part_removal(run: Run, names: Collection[str]) -> Removal:
    """What to remove of some steps of a search: all that tsdsl wrote into their folders.

    The last step goes first, and of each the result, then the checkpoints: a kill leaves no step damaged.

    Raises:
        UsageError: a process is writing the run.
    """
    if run.state == "running":
        raise UsageError(f"{run.path}: a process is writing this run", help="wait until it ends, or end it")
    paths: list[Path] = []
    kept: list[Path] = []
    for part in reversed([part for part in run.parts if part.name in names]):
        first = {"result.json": 0, "checkpoints": 1}
        entries = sorted(part.path.iterdir(), key=lambda entry: (first.get(entry.name, 2), entry.name))
        paths += [entry for entry in entries if _is_written(entry)]
        kept += [entry for entry in entries if not _is_written(entry)]
    return Removal(run, paths, kept, sum(_size_bytes(path) for path in paths))


def remove(removal: Removal) -> None:
    """Remove what the plan names, then the folders that are empty; the settings go last, so that it can be repeated.

    Raises:
        UsageError: a process has begun to write the run since.
        FileError: something cannot be removed.
    """
    run = removal.run
    own = [run.path / "settings.json", run.path / LOCK_NAME]
    try:
        with RunDirectory(run.path).locked():
            for path in [path for path in removal.paths if path not in own]:
                _remove(path)
            for part in run.parts:
                if part.path != run.path and part.path.is_dir() and not any(part.path.iterdir()):
                    part.path.rmdir()
            if own[0] in removal.paths:
                # The lock is there by now, planned or not: this process has taken it.
                for path in own:
                    _remove(path)
        if run.path.is_dir() and not any(run.path.iterdir()):
            run.path.rmdir()
    except OSError as error:
        raise FileError(
            f"{error.filename}: cannot be removed ({error.strerror})", help="check the permissions of the run's folder"
        ) from error


def _run_folders(folder: Path, damaged: list[FileError]) -> Iterator[Path]:
    """Runs, and those below; what tsdsl keeps in a run is not looked into, and links are not followed."""
    recorded = _recorded(folder)
    path = folder / "settings.json"
    if recorded is None and path.exists() and (folder / LOCK_NAME).exists():
        try:
            read_json(path, RESTORE)
            damaged.append(FileError(f"{path}: is not the settings of a run", help=RESTORE))
        except FileError as error:
            damaged.append(error)
        return
    if recorded is not None and not _is_part(folder, recorded):
        yield folder
    for below in sorted(_subfolders(folder), key=_natural):
        if recorded is None or below.name not in {*WRITTEN_FOLDERS, EVALUATIONS_FOLDER}:
            yield from _run_folders(below, damaged)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [Path(e.path) for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise FileError(f"{folder}: cannot be read ({error.strerror})", help="check its permissions") from error


def _recorded(folder: Path) -> Mapping[str, Any] | None:
    """The content of settings.json if a command of tsdsl wrote it."""
    content = _content(folder / "settings.json")
    return content if is_run_settings(content) else None


def _content(path: Path) -> Any:
    """The value in a JSON file; None where there is none, or it is damaged, which the commands on one run report."""
    try:
        return read_json(path)
    except FileError:
        return None


def _require_sealed(path: Path) -> None:
    """Check a file against its own hash; one of an older version has none."""
    content = read_json(path, RESTORE)
    if isinstance(content, dict) and (not {SEAL, "files"}.isdisjoint(content) or content.get("format") == FORMAT):
        read_sealed(path, RESTORE)


def _is_part(folder: Path, recorded: Mapping[str, Any]) -> bool:
    """Whether the folder above is the run that it belongs to, as `search` is to `search step`."""
    above = _recorded(folder.absolute().parent)
    return above is not None and str(recorded["kind"]).startswith(f"{above['kind']} ")


def _is_part_of(folder: Path, run: Mapping[str, Any]) -> bool:
    recorded = _recorded(folder)
    return recorded is not None and str(recorded["kind"]).startswith(f"{run['kind']} ")


def _part(folder: Path, name: str, is_running: bool) -> RunPart:
    recorded = _recorded(folder)
    settings = {} if recorded is None else recorded["settings"]
    result = _content(folder / "result.json")
    iterations = [int(m[1]) for f in (folder / "checkpoints").glob("*") if (m := CHECKPOINT_NAME.fullmatch(f.name))]
    state: State = "finished" if isinstance(result, dict) else "running" if is_running else "unfinished"
    return RunPart(
        name,
        folder,
        settings,
        state,
        max(iterations, default=0),
        _iterations(settings),
        {n: v for n, v in result.items() if n not in ("files", SEAL)} if isinstance(result, dict) else None,
        _evaluations(folder),
    )


def _evaluations(folder: Path) -> Mapping[str, RecordedEvaluation]:
    try:
        return current_evaluations(folder) if (folder / EVALUATIONS_FOLDER).is_dir() else {}
    except FileError:  # which the list of runs reports beside them
        return {}


def _iterations(settings: Mapping[str, Any]) -> int | None:
    """How many iterations a part has; None where its settings do not tell."""
    inner = settings.get("settings")
    numbers: Sequence[Any]
    if isinstance(inner, dict) and "iterations_per_epoch" in settings:
        numbers = (inner.get("epochs"), settings["iterations_per_epoch"], 1)
    else:
        numbers = [settings.get(name) for name in ("step_epochs", "training_clips", "batch_size")]
    epochs, clips, batch_size = numbers
    if type(epochs) is not int or type(clips) is not int or type(batch_size) is not int or batch_size < 1:
        return None
    return int(epochs * max(1, clips // batch_size))


def _is_locked(folder: Path) -> bool:
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _is_written(entry: Path) -> bool:
    """Whether tsdsl wrote an entry of a run's folder, or a kill left it half-written under a hidden name."""
    if entry.is_symlink():
        return False
    if entry.is_dir():
        return entry.name in {*WRITTEN_FOLDERS, EVALUATIONS_FOLDER}
    return entry.name in (*WRITTEN_FILES, LOCK_NAME) or is_unfinished(entry)


def _files(folder: Path, left_out: Collection[str] = ()) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.path not in left_out:
                yield from _files(Path(entry.path))
        else:
            yield entry


def _size_bytes(path: Path) -> int:
    if path.is_dir():
        return sum(entry.stat(follow_symlinks=False).st_size for entry in _files(path))
    return path.stat().st_size


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _natural(path: Path) -> tuple[int, str, int]:
    """step2 before step10; the joint search first."""
    match = re.fullmatch(r"(\D*)(\d+)", path.name)
    return (0, path.name, 0) if match is None else (1, match[1], int(match[2]))
