"""The folder of a run: where everything lies in it, whose it is, and that one process at a time writes it.

RUN/settings.json        the kind of run and its settings; marks the folder as a run of tsdsl
RUN/checkpoints/         see `checkpoint.py`
RUN/metrics.jsonl        see `metrics.py`; RUN/tensorboard/ beside it
RUN/space.json           the space it is of
RUN/architecture.json    the architecture trained or found
RUN/weights.safetensors  the final weights
RUN/best.safetensors     the weights of the best validation of a training run
RUN/result.json          the final numbers; there only once the run is finished
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tsdsl.errors import FileError, UsageError
from tsdsl.files import LOCK_NAME, exclusive, write_json

FORMAT = 1
WRITTEN_FILES = frozenset(
    {
        "settings.json",
        "space.json",
        "metrics.jsonl",
        "alpha.jsonl",
        "evaluations.jsonl",
        "architecture.json",
        "weights.safetensors",
        "best.safetensors",
        "result.json",
        "report.html",
        "architecture.svg",
        "figure.svg",
        "difference.svg",
        "alpha.svg",
        "landscape.svg",
    }
)
"""Files that commands write into the folder of a run, or of a step of a search."""

Settings = TypeVar("Settings", bound=BaseModel)


class RunDirectory:
    """The layout of a run's folder; constructing one touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
    def result(self) -> Path:
        """The final numbers."""
        return self.path / "result.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if need be and keep other processes from writing to it meanwhile; sweep it first.

        The kernel gives the lock back when the process ends, however it ends.

        Raises:
            UsageError: another process writes this run, or the folder holds something else than a run.
            FileError: the folder cannot be made or written.
        """
        self._refuse_foreign()
        with exclusive(self.path, "writing this run"):
            self.sweep()
            yield

    def sweep(self) -> None:
        """Remove half-written files that a killed process left; only whoever holds the run's lock may call it."""
        if self.path.is_dir():
            for path in [path for path in self.path.iterdir() if is_unfinished(path)]:
                path.unlink(missing_ok=True)

    def record_settings(self, kind: str, settings: BaseModel) -> bool:
        """Write the settings of a new run, or check that they are those of the run in the folder.

        Returns whether there was one.

        Raises:
            UsageError: the folder's run is of another kind or has other settings; every one is named.
        """
        if not self.settings.exists():
            self.replace_settings(kind, settings)
            return False
        recorded = dict(_flattened(self._recorded(kind)))
        given = dict(_flattened(settings.model_dump(mode="json")))
        changed = [
            f"{name} is {given.get(name)!r}, was {recorded.get(name)!r}"
            for name in sorted({*given, *recorded})
            if given.get(name) != recorded.get(name)
        ]
        if changed:
            raise UsageError(
                f"{self.path}: holds a run with other settings: {'; '.join(changed)}",
                help="give the same settings to go on with it, or another run folder to start a new one",
            )
        return True

    def replace_settings(self, kind: str, settings: BaseModel) -> None:
        """Write the settings in place of those that are there."""
        write_json(self.settings, {"format": FORMAT, "kind": kind, "settings": settings.model_dump(mode="json")})

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

    def _recorded(self, kind: str) -> dict[str, Any]:
        content = _read_json(self.settings)
        if not _is_run_settings(content):
            raise FileError(
                f"{self.settings}: is not the settings of a run in format {FORMAT}",
                help="choose another run folder, or the version of tsdsl that wrote it",
            )
        if content["kind"] != kind:
            raise UsageError(
                f"{self.path}: holds a {content['kind']} run, not a {kind} run",
                help="choose another run folder",
            )
        recorded: dict[str, Any] = content["settings"]
        return recorded

    def _refuse_foreign(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file, not a folder", help="choose another run folder")
        # A kill may leave the lock or a half-written settings file before there are settings.
        own = (LOCK_NAME, f".{self.settings.name}.")
        others = sorted(path.name for path in self.path.iterdir() if not path.name.startswith(own))
        if not others or _is_run_settings(_read_json(self.settings, missing_is_none=True)):
            return
        raise UsageError(
            f"{self.path}: is not empty and holds no run of tsdsl (it has {others[0]})",
            help="choose a new or an empty folder for the run",
        )


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a kill left of one of `WRITTEN_FILES`, under the hidden name it is first written to."""
    return path.name.startswith(tuple(f".{name}." for name in WRITTEN_FILES)) and path.is_file()


def _flattened(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings under dotted names."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_run_settings(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("format") == FORMAT
        and isinstance(content.get("kind"), str)
        and isinstance(content.get("settings"), dict)
    )


def _read_json(path: Path, *, missing_is_none: bool = False) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if missing_is_none:
            return None
        raise FileError(f"{path}: there is no such file", help="give the folder of a run") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})", help="check its permissions") from error
    except ValueError as error:
        raise FileError(f"{path}: is not JSON", help="restore it from a copy, or choose another folder") from error
