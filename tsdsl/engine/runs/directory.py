"""The folder of a run: where everything lies in it, whose it is, and that one process at a time writes it.

RUN/settings.json        the kind of run and its settings; marks the folder as a run of tsdsl
RUN/checkpoints/         see `checkpoint.py`
RUN/metrics.jsonl        see `metrics.py`; RUN/tensorboard/ beside it
RUN/space.json           the space it is of
RUN/architecture.json    the architecture trained or found
RUN/weights.safetensors  the final weights
RUN/best.safetensors     the weights of the best validation of a training run
RUN/posterior.safetensors  what Thompson sampling learned about scores in a step of a search
RUN/result.json          the final numbers; there only once the run is finished
RUN/eval/                evaluations of a finished training run, see `evaluations.py`

settings.json and result.json carry their own hashes, and result.json those of all other files of the finished run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tsdsl.engine.runs.sealed import measured, read_sealed, write_sealed
from tsdsl.errors import FileError, UsageError
from tsdsl.files import LOCK_NAME, changes, exclusive, read_json, write_json

FORMAT = 2
RECORDED_FILES = (
    "settings.json",
    "space.json",
    "metrics.jsonl",
    "alpha.jsonl",
    "evaluations.jsonl",
    "architecture.json",
    "weights.safetensors",
    "best.safetensors",
    "posterior.safetensors",
)
DRAWN_FILES = ("report.html", "architecture.svg", "figure.svg", "difference.svg", "alpha.svg", "landscape.svg")
WRITTEN_FILES = frozenset({*RECORDED_FILES, "result.json", *DRAWN_FILES})
"""Files that commands write into the folder of a run, or of a step of a search."""
WRITTEN_FOLDERS = frozenset({"checkpoints", "tensorboard"})
EVALUATIONS_FOLDER = "eval"
"""The folder of what `evaluations.py` adds to a finished run."""
RESTORE = "restore it from a copy, or choose another run folder"
LEFT = "was left by a process that was killed; it is removed"

Settings = TypeVar("Settings", bound=BaseModel)


class RunDirectory:
    """The layout of a run's folder; constructing one touches nothing."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def settings(self) -> Path:
        """The settings."""
        return self.path / "settings.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def space(self) -> Path:
        """The space searched, or that of the architecture trained."""
        return self.path / "space.json"

    @property
    def architecture(self) -> Path:
        """The architecture trained or found."""
        return self.path / "architecture.json"

    @property
    def weights(self) -> Path:
        """The final weights."""
        return self.path / "weights.safetensors"

    @property
    def best_weights(self) -> Path:
        """The weights of the best validation."""
        return self.path / "best.safetensors"

    @property
    def posterior(self) -> Path:
        """What Thompson sampling learned about scores."""
        return self.path / "posterior.safetensors"

    @property
    def result(self) -> Path:
        """The final numbers."""
        return self.path / "result.json"

    @contextmanager
    def locked(self) -> Iterator[list[str]]:
        """Make the folder if need be and keep other processes from writing to it meanwhile; `sweep` it first.

        The context's value is what `sweep` returned. The kernel gives the lock back when the process ends, however it
        ends.

        Raises:
            UsageError: another process writes this run, or the folder holds something else than a run.
            FileError: the folder cannot be made or written.
        """
        self._refuse_foreign()
        with exclusive(self.path, "writing this run"):
            yield self.sweep()

    def sweep(self) -> list[str]:
        """Remove half-written files that a killed process left; what to tell the user of each.

        Only whoever holds the run's lock may call it.
        """
        left = sorted(path for path in self.path.iterdir() if is_unfinished(path)) if self.path.is_dir() else []
        for path in left:
            path.unlink(missing_ok=True)
        return [f"{path}: {LEFT}" for path in left]

    def written_before(self, *paths: Path) -> list[str]:
        """What to tell the user of files that the end of a run writes, and that are there before it comes."""
        return [f"{path}: is of an earlier end of this run; it is written again" for path in paths if path.exists()]

    def record_settings(
        self,
        kind: str,
        settings: BaseModel,
        newer: Collection[str] = (),
        remedy: str = "give the same settings to go on with it, or another run folder to start a new one",
    ) -> bool:
        """Write the settings of a new run, or check that they are those of the run in the folder.

        Returns whether there was one. `newer` are settings that runs of older versions did not record;
        `remedy` is what to do where other settings differ.

        Raises:
            UsageError: the folder's run is of another kind or has other settings; every one is named.
        """
        if not self.settings.exists():
            self.replace_settings(kind, settings)
            return False
        given, recorded = settings.model_dump(mode="json"), self._recorded(kind)
        given |= {name: recorded[name] for name in newer if recorded.setdefault(name, None) is None}
        changed = changes(given, recorded)
        if changed:
            raise UsageError(
                f"{self.path}: holds a run with other settings: {'; '.join(changed)}",
                help=remedy,
            )
        return True

    def replace_settings(self, kind: str, settings: BaseModel) -> None:
        """Write the settings in place of those that are there."""
        write_sealed(self.settings, {"format": FORMAT, "kind": kind, "settings": settings.model_dump(mode="json")})

    def keep_json(self, path: Path, content: Any) -> str | None:
        """Write a file whose content follows from the run; what to tell the user where another one was there."""
        existed, before = path.exists(), path.read_bytes() if path.is_file() else None
        write_json(path, content)
        is_same = not existed or before == path.read_bytes()
        return None if is_same else f"{path}: was changed after it was written; it is written again"

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result, which says that the run is finished, with the hash of every file of the run."""
        write_sealed(self.result, {**result, "files": {name: measured(path)["sha256"] for name, path in self._files()}})

    def read_result(self) -> dict[str, Any] | None:
        """The result of the run; None if it is not finished.

        Raises:
            FileError: it is damaged.
        """
        result = self._sealed_result()
        return None if result is None else {name: value for name, value in result.items() if name != "files"}

    def require_unchanged(self, name: str | None = None) -> None:
        """Check one file of a finished run, or all, against the hashes in its result.

        Raises:
            FileError: the result or a file is not what was written.
        """
        for problem in self.problems(name):
            raise FileError(
                problem,
                help="restore it from a copy; checkpoints may be removed by `tsdsl runs clean`; else remove "
                f"{self.result}: the same command then finishes the run again from its last checkpoint",
            )

    def file_hashes(self) -> dict[str, str]:
        """The hashes of the files of a finished run by name; none of an unfinished one."""
        return dict((self._sealed_result() or {"files": {}})["files"])

    def problems(self, name: str | None = None) -> Iterator[str]:
        """What is wrong with one file of a finished run, or with any. Checkpoints and event files may be removed.

        Raises:
            FileError: the result is damaged.
        """
        for recorded, digest in self.file_hashes().items():
            path = self.path / recorded
            if name not in (None, recorded) or (recorded.startswith(tuple(WRITTEN_FOLDERS)) and not path.exists()):
                continue
            if not path.exists():
                yield f"{path}: is missing, but was there when the run was finished"
            elif measured(path)["sha256"] != digest:
                yield f"{path}: was changed after the run was finished (its hash differs)"

    def _sealed_result(self) -> dict[str, Any] | None:
        if not self.result.exists():
            return None
        help = "restore it from a copy, or remove it: the same command then finishes the run again"
        result, known = read_sealed(self.result, help), {*RECORDED_FILES, *WRITTEN_FOLDERS}
        files = result.get("files")
        if not isinstance(files, dict) or any(name.split("/")[0] not in known or "\0" in name for name in files):
            raise FileError(f"{self.result}: does not list the files of the run", help=help)
        return result

    def _files(self) -> Iterator[tuple[str, Path]]:
        """What the run is made of, by name below its folder; not what is drawn of it."""
        for name in RECORDED_FILES:
            if (self.path / name).exists():
                yield name, self.path / name
        for folder in sorted(WRITTEN_FOLDERS):
            for path in sorted((self.path / folder).rglob("*")):
                if path.is_file():
                    yield str(path.relative_to(self.path)), path

    def read_settings(self, kind: str, settings_class: type[Settings]) -> Settings:
        """The settings of the run in the folder.

        Raises:
            FileError: there is none, or it is damaged.
            UsageError: it is of another kind.
        """
        recorded = self._recorded(kind)
        try:
            return settings_class.model_validate(recorded)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise FileError(
                f"{self.settings}: {place}: {first['msg']}",
                help="the file was changed or comes from another version of tsdsl",
            ) from error

    def kind(self) -> str:
        """The kind of the run in the folder; FileError as `read_settings`."""
        return str(self._content()["kind"])

    def _recorded(self, kind: str) -> dict[str, Any]:
        content = self._content()
        if content["kind"] != kind:
            raise UsageError(
                f"{self.path}: holds a {content['kind']} run, not a {kind} run",
                help="choose another run folder",
            )
        recorded: dict[str, Any] = content["settings"]
        return recorded

    def _content(self) -> dict[str, Any]:
        content = read_json(self.settings, RESTORE if self.settings.exists() else "give the folder of a run")
        if not is_run_settings(content) or content["format"] != FORMAT:
            found = f"in format {content['format']}" if is_run_settings(content) else "something else"
            raise FileError(
                f"{self.settings}: is {found}, expected the settings of a run in format {FORMAT}",
                help="choose another run folder, or use the version of tsdsl that wrote it",
            )
        return read_sealed(self.settings, RESTORE)

    def _refuse_foreign(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file, not a folder", help="choose another run folder")
        # A kill may leave the lock or a half-written settings file before there are settings.
        own = (LOCK_NAME, f".{self.settings.name}.")
        others = sorted(path.name for path in self.path.iterdir() if not path.name.startswith(own))
        if not others or (self.settings.exists() and is_run_settings(read_json(self.settings, RESTORE))):
            return
        found = f"{self.settings.name} is not of one" if self.settings.exists() else f"it has {others[0]}"
        raise UsageError(
            f"{self.path}: is not empty and holds no run of tsdsl ({found})",
            help="choose a new or an empty folder for the run, or restore a damaged one from a copy",
        )


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a kill left of one of `WRITTEN_FILES`, under the hidden name it is first written to."""
    return path.name.startswith(tuple(f".{name}." for name in WRITTEN_FILES)) and path.is_file()


def require_unchanged(path: Path) -> None:
    """Check a file that may lie in the folder of a finished run, as `RunDirectory.require_unchanged`."""
    run = RunDirectory(path.parent)
    if run.result.is_file() and run.settings.is_file() and is_run_settings(read_json(run.settings, RESTORE)):
        run.require_unchanged(path.name)


def is_run_settings(content: Any) -> bool:
    """Whether JSON has the parts of the settings of a run, in whatever format."""
    return (
        isinstance(content, dict)
        and isinstance(content.get("format"), int)
        and isinstance(content.get("kind"), str)
        and isinstance(content.get("settings"), dict)
    )
