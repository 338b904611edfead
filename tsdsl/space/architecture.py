"""A found or sampled architecture: a value for every decision, by name, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tsdsl.errors import FileError
from tsdsl.space.decided import decided_paths
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.stored import Frozen, FrozenDict, read_record
from tsdsl.units import counted, giga, parameters


class StepRecord(Frozen):
    """One step of the lineage: which step decided, from which seed, with what entropy in the end (nats)."""

    step: int | str
    seed: int
    epochs: int
    entropy: float


class Architecture(Frozen):
    """A value for every decision that exists, the space it belongs to, and its cost; nothing in it can be changed.

    `space_file` is the name of the file with the space's text, or `std:NAME`, where it is known. `step` is the
    progressive step up to which it is decided; None means the whole space. `flops` are
    multiply-adds of one clip at the space's size; `params` are trainable parameters.
    """

    space: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    space_file: str | None = None
    fingerprint: str
    decisions: Annotated[Mapping[str, Value], AfterValidator(FrozenDict)]
    flops: int | None = None
    params: int | None = None
    step: int | None = None
    seed: int | None = None
    lineage: tuple[StepRecord, ...] = ()
    versions: Annotated[Mapping[str, str], AfterValidator(FrozenDict)] = FrozenDict()

    @model_serializer(mode="wrap")
    def _without_unknown_file(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What records of versions that did not know the file have, where it is not known."""
        found: dict[str, Any] = write(self)
        if found.get("space_file", "") is None:
            del found["space_file"]
        return found

    def __repr__(self) -> str:
        """Its space and costs on one line; `model_dump` has all of it."""
        facts = [counted(len(self.decisions), "decision")]
        facts += [giga(self.flops)] if self.flops is not None else []
        facts += [parameters(self.params)] if self.params is not None else []
        facts += [f"step {self.step}"] if self.step is not None else []
        return f"<Architecture of {self.space}: {', '.join(facts)}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, Architecture) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.fingerprint, self.decisions, self.step))


def problems(space: Space, architecture: Architecture) -> list[str]:
    """Everything that keeps `architecture` from being one of `space`; empty when it is one."""
    found = []
    if architecture.fingerprint != space.fingerprint:
        found.append(
            f"it belongs to space {architecture.space} with fingerprint {architecture.fingerprint}; "
            f"{space.name} now has {space.fingerprint}"
        )
    if architecture.step is not None and all(step.index != architecture.step for step in space.steps):
        return [*found, f"its step {architecture.step} is not a step of {space.name}"]
    wanted = decided_paths(space, architecture.decisions, architecture.step)
    for path in wanted:
        values = space.decision_by_path[path].values
        if path not in architecture.decisions:
            found.append(f"decision {path} is missing")
            continue
        value = architecture.decisions[path]
        if not any(value == one and type(value) is type(one) for one in values):  # neither true nor 1.0 is 1
            found.append(f"{path} = {value!r} is not one of its choices ({', '.join(map(str, values))})")
    for path in architecture.decisions:
        if path not in space.decision_by_path:
            found.append(f"{path} is not a decision of space {space.name}")
        elif path not in wanted:
            found.append(f"{path} is given, but does not exist under the other decisions")
    return found


def read_architecture(path: str | Path, space: Space | None = None) -> Architecture:
    """The architecture in a JSON file, which must be one of `space` if that is given.

    Raises:
        FileError: the file cannot be read, is not JSON, or is not an architecture, or not one of `space`.
    """
    help = "architecture files are written by `tsdsl search` and `tsdsl sample --json`"
    architecture = read_record(path, Architecture, "an architecture", help)
    if space is not None and (found := problems(space, architecture)):
        raise FileError(f"{path}: is not an architecture of {space.name}: {found[0]}", help="restore it from a copy")
    return architecture
