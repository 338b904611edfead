"""A found or sampled architecture: a value for every decision, by name, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from tsdsl.errors import FileError
from tsdsl.space.decided import decided_paths
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.stored import Frozen


class StepRecord(Frozen):
    """One step of the lineage: which step decided, from which seed, with what entropy in the end (nats)."""

    step: int | str
    seed: int
    epochs: int
    entropy: float


class Architecture(Frozen):
    """A value for every decision that exists, the space it belongs to, and its cost.

    `step` is the progressive step up to which it is decided; None means the whole space. `flops` are
    multiply-adds of one clip at the space's size; `params` are trainable parameters.
    """

    space: str
    fingerprint: str
    decisions: Mapping[str, Value]
    flops: int | None = None
    params: int | None = None
    step: int | None = None
    seed: int | None = None
    lineage: tuple[StepRecord, ...] = ()
    versions: Mapping[str, str] = {}


def problems(space: Space, architecture: Architecture) -> list[str]:
    """Everything that keeps `architecture` from being one of `space`; empty when it is one."""
    found = []
    if architecture.fingerprint != space.fingerprint:
        found.append(
            f"it belongs to space {architecture.space} with fingerprint {architecture.fingerprint}; "
            f"{space.name} now has {space.fingerprint}"
        )
    wanted = decided_paths(space, architecture.decisions, architecture.step)
    for path in wanted:
        decision = space.decision_by_path[path]
        if path not in architecture.decisions:
            found.append(f"decision {path} is missing")
        elif architecture.decisions[path] not in decision.values:
            choices = ", ".join(str(value) for value in decision.values)
            found.append(f"{path} = {architecture.decisions[path]!r} is not one of its choices ({choices})")
    for path in architecture.decisions:
        if path not in space.decision_by_path:
            found.append(f"{path} is no decision of space {space.name}")
        elif path not in wanted:
            found.append(f"{path} is given, but does not exist under the other decisions")
    return found


def read_architecture(path: Path) -> Architecture:
    """The architecture in a JSON file.

    Raises:
        FileError: the file is missing, is not JSON, or is not an architecture.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{path}: cannot be read ({error.strerror})", help="give the path of an architecture file"
        ) from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not a text file", help="give the path of an architecture file") from error
    try:
        return Architecture.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise FileError(
            f"{path}:{error.lineno}:{error.colno}: is not JSON ({error.msg})",
            help="architecture files are written by `tsdsl search` and `tsdsl sample --json`",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the top level"
        raise FileError(
            f"{path}: is not an architecture ({place}: {first['msg']})",
            help="architecture files are written by `tsdsl search` and `tsdsl sample --json`",
        ) from error
