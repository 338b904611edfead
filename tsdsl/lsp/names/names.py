"""Names of a file with what they stand for: what definition, references, rename and hover ask."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from tsdsl.source import Span

Kind: TypeAlias = Literal[
    "space",
    "domain",
    "shared",
    "block",
    "stream",
    "stage",
    "group",
    "fusion",
    "attention",
    "head",
    "step",
    "model",
    "operator",
    "attribute",
]


@dataclass(frozen=True, slots=True)
class Key:
    """What a name stands for: its kind, the space that declares it (none: the file), and its name or path there."""

    kind: Kind
    space: str
    name: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name in the text. One in a selector may stand for several things, one of a default for none.

    Where its span has a source, it is in that imported file.
    """

    span: Span
    kind: Kind
    keys: tuple[Key, ...]
    declares: bool = False


@dataclass(frozen=True)
class Names:
    """All occurrences of a file, by place, none of which overlap; and those in the files that it imports.

    `chains` has for each space its own name and those of the spaces it derives from.
    """

    occurrences: tuple[Occurrence, ...]
    imported: tuple[Occurrence, ...] = ()
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def _starts(self) -> list[int]:
        return [occurrence.span.start for occurrence in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The occurrence that an offset is in or directly behind; the one it is in goes first."""
        after = bisect_right(self._starts, offset)
        for occurrence in reversed(self.occurrences[max(0, after - 1) : after]):
            if occurrence.span.start <= offset <= occurrence.span.end:
                return occurrence
        return None

    @cached_property
    def _by_key(self) -> Mapping[Key, list[Occurrence]]:
        found: dict[Key, list[Occurrence]] = {}
        for occurrence in (*self.occurrences, *self.imported):
            for key in occurrence.keys:
                found.setdefault(key, []).append(occurrence)
        return found

    def of(self, keys: Iterable[Key]) -> list[Occurrence]:
        """The occurrences that stand for one of these: those of this file first, in order."""
        found = {
            (o.span.source is not None, o.span.start, o.span.end): o for key in keys for o in self._by_key.get(key, ())
        }
        return [found[place] for place in sorted(found)]

    def declarations(self, keys: Iterable[Key]) -> list[Occurrence]:
        """Where these are declared."""
        return [occurrence for occurrence in self.of(keys) if occurrence.declares]

    def declared(self, space: str, *kinds: Kind) -> list[str]:
        """The names of some kinds that can be used in a space: its own, those of its bases, those of its file."""
        known = (*self.chains.get(space, (space,)), "")
        found: dict[str, None] = {}
        for occurrence in (*self.occurrences, *self.imported):
            for key in occurrence.keys if occurrence.declares else ():
                if key.kind in kinds and (key.space in known or key.kind == "space"):
                    found[key.name] = None
        return list(found)
