"""Reads the state dict in a checkpoint of anyone, without running any code in it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickletools import genops
from typing import Any

import torch
from torch import Tensor

from tsdsl.errors import FileError
from tsdsl.files import open_regular
from tsdsl.lowering.published.unreadable import SAVE_STATE, refuse_other_files
from tsdsl.lowering.weights import read_tensors

AVERAGES = ("model_ema", "ema", "ema_state", "ema_state_dict", "state_dict_ema")
STATE_KEYS = ("model_state", "state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
"""The keys of a state dict: in PySlowFast, the usual one, then rarer ones."""

OUTER_KEYS = ("checkpoint", "state")
OLD_PICKLES = 4
"""In a file of torch before 1.6: a number, a version, the machine, and the content."""

KNOWN_KINDS = ("torch", "collections OrderedDict")
"""What torch itself decides about."""

MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name; `key` is where they were, `averages` where averages of them are."""

    tensors: Mapping[str, Tensor]
    key: str = ""
    averages: str = ""


class Absent:
    """Takes the place of an object that is neither a tensor nor plain data. It keeps nothing and calls nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_checkpoint(path: Path) -> Checkpoint:
    """The state dict in a checkpoint of PyTorch, or the tensors of a safetensors file.

    Raises:
        FileError: the file is missing, is not a checkpoint of tensors, or has no state dict.
    """
    refuse_other_files(path)
    if path.suffix == ".safetensors":
        return Checkpoint(read_tensors(path))
    content = _loaded(path)
    states = dict(_states(content))
    if not states:
        raise FileError(f"{path}: holds no state dict{_objects_in(content)}", help=SAVE_STATE)
    key = next((key for key in states if key not in AVERAGES), next(iter(states)))
    for name, value in states[key].items():
        if isinstance(value, Absent):
            raise FileError(f"{path}: {name} is a {type(value).__name__}, expected a tensor", help=SAVE_STATE)
    tensors = {str(name): value for name, value in states[key].items() if isinstance(value, Tensor)}
    return Checkpoint(tensors, key, next((other for other in states if other in AVERAGES and other != key), ""))


def _states(content: object, key: str = "") -> Iterator[tuple[str, dict[Any, Any]]]:
    """The state dicts in a checkpoint under their keys, the likeliest first."""
    if not isinstance(content, dict):
        return
    for inner in (*STATE_KEYS, *OUTER_KEYS, *AVERAGES):
        yield from _states(content.get(inner), inner)
    if any(isinstance(value, Tensor) for value in content.values()) or _is_of_arrays(content):
        yield key, content


def _is_of_arrays(content: Mapping[Any, object]) -> bool:
    """Whether something else stands where the tensors of a state dict would be."""
    return any(
        isinstance(value, Absent) and str(name).endswith((".weight", ".bias")) for name, value in content.items()
    )


def _objects_in(content: object) -> str:
    values = content.values() if isinstance(content, dict) else [content]
    kinds = sorted({type(value).__name__ for value in values if isinstance(value, Absent)})
    more = f" and {len(kinds) - MAX_NAMED} more kinds" if len(kinds) > MAX_NAMED else ""
    return f"; it holds {', '.join(kinds[:MAX_NAMED])}{more}, which only code can build" if kinds else ""


def _loaded(path: Path) -> Any:
    """The content of a checkpoint, with `Absent` in place of what is neither a tensor nor plain data."""
    kinds = _foreign_kinds(path)
    absent: list[Any] = [(type(kind, (Absent,), {}), kind) for kind in kinds]
    try:
        with torch.serialization.safe_globals(absent):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help="check the path") from error
    except Exception as error:  # so does the unpickler
        if kinds:
            raise FileError(
                f"{path}: holds {', '.join(kinds[:MAX_NAMED])}, which would run code", help=SAVE_STATE
            ) from error
        raise FileError(f"{path}: is not a PyTorch checkpoint, or is incomplete", help="download it again") from error


def _foreign_kinds(path: Path) -> list[str]:
    """The dotted names of what a checkpoint would import and call beside tensors, sorted; nothing is imported."""
    try:
        if zipfile.is_zipfile(path):
            used = set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
        else:
            used = _kinds_in_old_file(path)
    except Exception:  # the scanners raise any kind of error on unknown content
        return []
    return sorted(name for name in used if name.isprintable())


def _kinds_in_old_file(path: Path) -> set[str]:
    with open_regular(path) as file:
        used = {str(name) for _ in range(OLD_PICKLES) for code, name, _ in genops(file) if code.name == "GLOBAL"}
    return {name.replace(" ", ".") for name in used if not name.startswith(KNOWN_KINDS)}
