"""Checkpoints: folders of tensors and state that appear whole or not at all, and survive a broken newest one.

    FOLDER/checkpoint-00000123/tensors.safetensors    weights, optimiser state
    FOLDER/checkpoint-00000123/state.json             everything else, and hashes of all: see `_content`

A checkpoint is written under a hidden name, synchronised and renamed. It names the run that it is of, and is used for
no other. It also has the sizes and hashes of the run's logs, so that a run that goes on from it cuts them back to where
they were, and notices where they are not what they were. Loading runs no code.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tsdsl.engine.runs.directory import LEFT
from tsdsl.engine.runs.sealed import measured, read_sealed, sealed
from tsdsl.errors import FileError
from tsdsl.files import read_json
from tsdsl.space.stored import Frozen, record_of

FORMAT = 3
TENSORS, STATE = "tensors.safetensors", "state.json"
UNFINISHED, REPLACED, REMOVED = ".unfinished-", ".replaced-", ".removed-"
START_AGAIN = "remove this checkpoint to go on from an older one"
NAME = re.compile(r"checkpoint-(\d{8,})")


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds.

    `log_bytes` is how much of each log was there when it was written. `notes` are what the user must know: broken
    checkpoints, lost logs, another number of threads.
    """

    path: Path
    iteration: int
    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]
    log_bytes: Mapping[str, int]
    notes: tuple[str, ...] = ()


class _Measured(Frozen):
    size_bytes: NonNegativeInt
    sha256: str


class _Content(Frozen):
    """What `state.json` holds beside its own hash."""

    format: int
    of: dict[str, Any]
    iteration: NonNegativeInt
    threads: PositiveInt
    tensors: _Measured
    logs: dict[str, _Measured]
    state: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run, in one folder; the newest `keep` are kept.

    `of` says what they are of, such as the space's fingerprint and the step, in plain JSON; a checkpoint that says
    something else is not taken; None takes any. `logs` are files beside the folder that the run appends to. One
    process at a time may save; any may read.
    """

    def __init__(
        self, folder: Path, keep: int = 2, of: Mapping[str, Any] | None = None, logs: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.keep = max(1, keep)
        self.of = of
        self.logs = {name: folder.parent / name for name in logs}

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any], iteration: int) -> Path:
        """Write a checkpoint, then remove those it makes superfluous. Returns its folder.

        Superfluous are older ones beyond `keep`, and any of a later iteration: a run goes on from before
        such a one only if it was broken. `state` is plain JSON.

        Raises:
            FileError: it cannot be written, as on a full disk; the checkpoints there before are untouched.
        """
        final = self.folder / f"checkpoint-{iteration:08d}"
        unfinished = self.folder / f"{UNFINISHED}{final.name}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clean_up()
            unfinished.mkdir()
            self._write(unfinished, tensors, state, iteration)
            self._put_in_place(unfinished, final)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise FileError(
                f"{final}: the checkpoint cannot be written ({reason})",
                help="make room or choose another run folder; the run goes on from the checkpoint before",
            ) from error
        self._remove_superfluous(iteration)
        return final

    def tidy(self, iteration: int) -> list[str]:
        """Remove what a kill left, and what is superfluous beside the checkpoint of `iteration`, as `save` does.

        Returns what to tell the user of what a kill left. A run that goes on from its last checkpoint may never save
        another one.

        Raises:
            FileError: something cannot be removed.
        """
        try:
            told = self._clean_up() if self.folder.is_dir() else []
        except OSError as error:
            raise FileError(
                f"{self.folder}: cannot be tidied ({error.strerror})", help="check the permissions of the run's folder"
            ) from error
        self._remove_superfluous(iteration)
        return told

    def latest(self, device: torch.device | str = "cpu") -> Checkpoint | None:
        """The newest valid checkpoint, its tensors on `device`; None if there is none at all. All are checked.

        Raises:
            FileError: there are checkpoints, and every one is broken.
        """
        found: Checkpoint | None = None
        broken: list[str] = []
        notes: list[str] = []
        for _, path in sorted(self._found().items(), reverse=True):
            try:
                content, log_bytes, lost = self._checked(path)
                if found is None:
                    tensors = load_file(path / TENSORS, device=str(torch.device(device)))
                    found = Checkpoint(path, content.iteration, tensors, content.state, log_bytes)
                    notes = lost + _threads_note(content.threads)
            except (_BrokenError, SafetensorError) as error:
                broken.append(f"{path}: {error}")
        if broken and found is None:
            raise FileError(
                f"no checkpoint of this run is usable: {'; '.join(broken)}",
                help=f"restore what is damaged from a copy, or remove {self.folder} to start again",
            )
        notes += [f"a broken checkpoint is not used: {reason}" for reason in broken]
        return None if found is None else replace(found, notes=tuple(notes))

    def problems(self) -> Iterator[str]:
        """What is wrong with each checkpoint, and with the logs as they were when it was written."""
        for path in self._found().values():
            try:
                yield from self._checked(path)[2]
            except _BrokenError as error:
                yield f"{path}: {error}"

    def _found(self) -> dict[int, Path]:
        """Checkpoints by iteration, whole or broken; one set aside counts until its successor is in place."""
        if not self.folder.is_dir():
            return {}
        found: dict[int, Path] = {}
        for path in sorted(self.folder.iterdir()):
            match = NAME.fullmatch(path.name.removeprefix(REPLACED))
            if match is not None and (path.name == match[0] or int(match[1]) not in found):
                found[int(match[1])] = path
        return found

    def _put_in_place(self, unfinished: Path, final: Path) -> None:
        aside = self.folder / f"{REPLACED}{final.name}"
        if final.exists():
            final.rename(aside)
        unfinished.rename(final)
        _synchronise(self.folder)
        if aside.exists():
            self._remove(aside)

    def _remove_superfluous(self, iteration: int) -> None:
        found = self._found()
        later = [number for number in found if number > iteration]
        older = sorted(number for number in found if number <= iteration)[: -self.keep]
        for number in (*later, *older):
            try:
                self._remove(found[number])
            except OSError as error:
                raise FileError(
                    f"{found[number]}: a superfluous checkpoint cannot be removed ({error.strerror})",
                    help="check the permissions of the run's folder",
                ) from error

    def _clean_up(self) -> list[str]:
        """Remove what killed processes left, and tell of it; bring back a checkpoint whose replacement never came."""
        told = []
        for path in sorted(self.folder.iterdir()):
            final = self.folder / path.name.removeprefix(REPLACED)
            if path.name.startswith(REPLACED) and not final.exists():
                path.rename(final)
            elif path.name.startswith((UNFINISHED, REMOVED, REPLACED)):
                shutil.rmtree(path)
                told.append(f"{path}: {LEFT}")
        return told

    def _remove(self, path: Path) -> None:
        # Renamed first, so that a half-removed folder is never taken for a checkpoint.
        doomed = self.folder / f"{REMOVED}{path.name.removeprefix(REPLACED)}"
        path.rename(doomed)
        shutil.rmtree(doomed)

    def _write(self, folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], iteration: int) -> None:
        path = folder / TENSORS
        save_file(_independent(tensors), path)
        content = {
            "format": FORMAT,
            "of": dict(self.of or {}),
            "iteration": iteration,
            "threads": torch.get_num_threads(),
            "tensors": measured(path),
            "logs": {name: measured(log) for name, log in self.logs.items() if log.exists()},
            "state": dict(state),
        }
        with path.open("rb") as file:
            os.fsync(file.fileno())
        with (folder / STATE).open("w", encoding="utf-8") as text_file:
            text_file.write(sealed(content))
            text_file.flush()
            os.fsync(text_file.fileno())
        # safetensors makes files that their owner alone can read.
        path.chmod(stat.S_IMODE((folder / STATE).stat().st_mode))
        _synchronise(folder)

    def _checked(self, path: Path) -> tuple[_Content, dict[str, int], list[str]]:
        """A checkpoint's content without its tensors, how much of each log is of it, and which logs are lost.

        Raises:
            _BrokenError: it or a log is not what was written.
        """
        try:
            version = read_json(path / STATE)["format"]
            if version != FORMAT:
                raise _BrokenError(f"its format is {version}, this version of tsdsl reads {FORMAT}")
            content = record_of(read_sealed(path / STATE, ""), _Content, f"{STATE} is not that of a checkpoint", "")
            if path.name.removeprefix(REPLACED) != f"checkpoint-{content.iteration:08d}":
                raise _BrokenError(f"it is of iteration {content.iteration}")
            if measured(path / TENSORS) != content.tensors.model_dump():
                raise _BrokenError(f"{TENSORS} was changed after it was written (its size or hash differs)")
            other, recorded = content.of, content.logs
            of = other if self.of is None else self.of
            differing = [name for name in sorted({*of, *other}) if of.get(name) != other.get(name)]
            if differing:
                told = "; ".join(f"{name} is {other.get(name)!r}, here {of.get(name)!r}" for name in differing)
                raise _BrokenError(f"it is of another run: {told}")
            lost, log_bytes = [], {}
            for name, log in self.logs.items():
                log_bytes[name] = recorded[name].size_bytes if name in recorded and log.exists() else 0
                if name in recorded and not log.exists():
                    lost.append(f"{log}: is missing; what it said up to iteration {content.iteration} is lost")
                elif name in recorded and measured(log, log_bytes[name]) != recorded[name].model_dump():
                    raise _BrokenError(f"{log} was changed after it was written (its size or hash differs)")
        except FileError as error:
            raise _BrokenError(error.message.removeprefix(f"{path}/")) from error
        except OSError as error:
            raise _BrokenError(f"{error.filename} cannot be read ({error.strerror})") from error
        except (KeyError, TypeError) as error:
            raise _BrokenError(f"{STATE} is not that of a checkpoint") from error
        return content, log_bytes, lost


class _BrokenError(Exception):
    """Why a checkpoint is not usable."""


def _independent(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors contiguous on the CPU, each with memory of its own, as safetensors demands."""
    result: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        storage = own.untyped_storage()
        if storage.nbytes() != own.numel() * own.element_size() or storage.data_ptr() in seen:
            own = own.clone()
        seen.add(own.untyped_storage().data_ptr())
        result[name] = own
    return result


def _threads_note(threads: int) -> list[str]:
    now = torch.get_num_threads()
    if threads == now:
        return []
    return [
        f"this run was computed with {threads} threads and goes on with {now}: on the CPU the last bits of its numbers "
        "differ from those of a run with one number of threads"
    ]


def _synchronise(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
