"""Checkpoints: folders of tensors and state that appear whole or not at all, and survive a broken newest one.

    FOLDER/checkpoint-00000123/tensors.safetensors    weights, optimiser state
    FOLDER/checkpoint-00000123/state.json             format, run, iteration, size and hash of the tensors, state

A checkpoint is written under a hidden name, synchronised and renamed. It names the run that it is of, and is used for
no other. Loading runs no code.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tsdsl.errors import FileError

FORMAT = 2
TENSORS, STATE = "tensors.safetensors", "state.json"
UNFINISHED, REPLACED, REMOVED = ".unfinished-", ".replaced-", ".removed-"
NAME = re.compile(r"checkpoint-(\d{8,})")


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds; `rejected` tells which newer ones were broken, and how."""

    path: Path
    iteration: int
    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]
    rejected: tuple[str, ...] = ()


class CheckpointStore:
    """The checkpoints of one run, in one folder; the newest `keep` are kept.

    `of` says what they are of, such as the space's fingerprint and the step, in plain JSON; a checkpoint that says
    something else is not taken. One process at a time may save; any may read.
    """

    def __init__(self, folder: Path, keep: int = 2, of: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.keep = max(1, keep)
        self.of = dict(of or {})

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
            _write(unfinished, tensors, state, iteration, self.of)
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

    def tidy(self, iteration: int) -> None:
        """Remove what a kill left, and what is superfluous beside the checkpoint of `iteration`, as `save` does.

        A run that goes on from its last checkpoint may never save another one.

        Raises:
            FileError: something cannot be removed.
        """
        try:
            if self.folder.is_dir():
                self._clean_up()
        except OSError as error:
            raise FileError(
                f"{self.folder}: cannot be tidied ({error.strerror})", help="check the permissions of the run's folder"
            ) from error
        self._remove_superfluous(iteration)

    def latest(self, device: torch.device | str = "cpu") -> Checkpoint | None:
        """The newest valid checkpoint, its tensors on `device`; None if there is none at all.

        Raises:
            FileError: there are checkpoints, and every one is broken.
        """
        rejected: list[str] = []
        for _, path in sorted(self._found().items(), reverse=True):
            try:
                return _read(path, torch.device(device), self.of, tuple(rejected))
            except _BrokenError as error:
                rejected.append(f"{path}: {error}")
        if rejected:
            raise FileError(
                "no checkpoint of this run is usable: " + "; ".join(rejected),
                help=f"remove {self.folder} to start again, or restore it from a copy",
            )
        return None

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

    def _clean_up(self) -> None:
        """Remove what killed processes left; bring back a checkpoint whose replacement never came."""
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith((UNFINISHED, REMOVED)):
                shutil.rmtree(path)
            elif path.name.startswith(REPLACED):
                final = self.folder / path.name.removeprefix(REPLACED)
                if final.exists():
                    shutil.rmtree(path)
                else:
                    path.rename(final)

    def _remove(self, path: Path) -> None:
        # Renamed first, so that a half-removed folder is never taken for a checkpoint.
        doomed = self.folder / f"{REMOVED}{path.name.removeprefix(REPLACED)}"
        path.rename(doomed)
        shutil.rmtree(doomed)


class _BrokenError(Exception):
    """Why a checkpoint is not usable."""


def _write(
    folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], iteration: int, of: Mapping[str, Any]
) -> None:
    path = folder / TENSORS
    save_file(_independent(tensors), path)
    digest, size_bytes = _digest(path)
    content = {
        "format": FORMAT,
        "of": dict(of),
        "iteration": iteration,
        "tensors": {"sha256": digest, "size_bytes": size_bytes},
        "state": dict(state),
    }
    with path.open("rb") as file:
        os.fsync(file.fileno())
    with (folder / STATE).open("w", encoding="utf-8") as text_file:
        json.dump(content, text_file)
        text_file.flush()
        os.fsync(text_file.fileno())
    # safetensors makes files that their owner alone can read.
    path.chmod(stat.S_IMODE((folder / STATE).stat().st_mode))
    _synchronise(folder)


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


def _read(path: Path, device: torch.device, of: Mapping[str, Any], rejected: tuple[str, ...]) -> Checkpoint:
    try:
        content = json.loads((path / STATE).read_text(encoding="utf-8"))
        version = content["format"]
        if version != FORMAT:
            raise _BrokenError(f"its format is {version}, this version of tsdsl reads {FORMAT}")
        expected = content["tensors"]["sha256"], content["tensors"]["size_bytes"]
        iteration, state, other = content["iteration"], content["state"], content["of"]
    except OSError as error:
        raise _BrokenError(f"{STATE} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _BrokenError(f"{STATE} is damaged") from error
    differing = [name for name in sorted({*of, *other}) if of.get(name) != other.get(name)]
    if differing:
        told = "; ".join(f"{name} is {other.get(name)!r}, here {of.get(name)!r}" for name in differing)
        raise _BrokenError(f"it is of another run: {told}")
    tensors_path = path / TENSORS
    try:
        size_bytes = tensors_path.stat().st_size
        if size_bytes != expected[1]:
            raise _BrokenError(f"{TENSORS} has {size_bytes} bytes, not the {expected[1]} written")
        if _digest(tensors_path)[0] != expected[0]:
            raise _BrokenError(f"{TENSORS} is not what was written (its hash differs)")
        tensors = load_file(tensors_path, device=str(device))
    except OSError as error:
        raise _BrokenError(f"{TENSORS} cannot be read ({error.strerror})") from error
    except SafetensorError as error:
        raise _BrokenError(f"{TENSORS} is damaged ({error})") from error
    return Checkpoint(path, int(iteration), tensors, state, rejected)


def _digest(path: Path) -> tuple[str, int]:
    """The sha256 of a file and its size in bytes."""
    digest, size_bytes = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size_bytes += len(block)
    return digest.hexdigest(), size_bytes


def _synchronise(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
