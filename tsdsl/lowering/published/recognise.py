"""Which family of published networks the names of tensors belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tsdsl.errors import FileError
from tsdsl.lowering.published.families import FAMILIES, Family
from tsdsl.lowering.published.others import CONVOLUTIONAL, OTHERS, UNKNOWN

INNER = ("backbone.", "base_model.")
"""What mmaction2 and TSN put before the names of a network without its head."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A family, its tensors under the family's own names, and the names of the other tensors of the file."""

    family: Family
    tensors: Mapping[str, Tensor]
    left_out: tuple[str, ...]

    @property
    def num_classes(self) -> int | None:
        """The number of classes, None if the weights have no classifier."""
        names = (name for name in self.tensors if re.fullmatch(rf"{self.family.classifier}\.bias", name))
        return next((self.tensors[name].shape[0] for name in names), None)


def recognise(tensors: Mapping[str, Tensor], path: Path) -> Recognised:
    """The family of a file's tensors. Prefixes such as `module.` may precede all its names.

    Raises:
        FileError: they are of no family that can be translated; the message says what they look like.
    """
    for other in OTHERS:
        if other.describes(tensors):
            raise FileError(f"{path}: looks like {other.name}: {other.reason}", help=other.instead)
    for family in FAMILIES:
        prefix = _prefix(family, tensors)
        if prefix is not None:
            return _without(prefix, family, tensors)
    first = next(iter(tensors), "nothing")
    origin = next((whose for pattern, whose in UNKNOWN if any(re.search(pattern, name) for name in tensors)), None)
    raise FileError(
        f"{path}: expected names of a known network, got {first}" + (f", as in {origin}" if origin else ""),
        help=CONVOLUTIONAL,
    )


def _prefix(family: Family, tensors: Mapping[str, Tensor]) -> str | None:
    """The shortest prefix with which all marks of a family are among the names; None if there is none."""
    first = family.marks[0]
    prefixes = (name.removesuffix(first) for name in sorted(tensors, key=len) if name.endswith(first))
    whole = (prefix for prefix in prefixes if not prefix or prefix.endswith("."))
    return next((prefix for prefix in whole if all(f"{prefix}{mark}" in tensors for mark in family.marks)), None)


def _without(prefix: str, family: Family, tensors: Mapping[str, Tensor]) -> Recognised:
    outer = next((prefix.removesuffix(inner) for inner in INNER if prefix.endswith(inner)), prefix)
    found = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = tensor
        elif name.startswith(outer):
            found[name.removeprefix(outer)] = tensor
    left_out = tuple(name for name in tensors if not name.startswith(outer))
    return Recognised(family, found, left_out)
