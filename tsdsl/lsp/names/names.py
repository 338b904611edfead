"""The names of a file and their meanings."""

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
    """The meaning of a name: its kind, the declaring space (empty: the file), and its name or path there."""

    kind: Kind
    space: str
    name: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name in the text; in a selector it may have several meanings, as the name of a default none.

    If its span has a source, it is in that imported file.
    """

    span: Span
    kind: Kind
    keys: tuple[Key, ...]
    declares: bool = False


@dataclass(frozen=True)
class Names:
    """All occurrences of a file, sorted and without overlaps, and those in its imports.

    `chains` maps each space to its own name and those of its bases.
    """

    occurrences: tuple[Occurrence, ...]
    imported: tuple[Occurrence, ...] = ()
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def _starts(self) -> list[int]:
        return [occurrence.span.start for occurrence in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The occurrence that contains an offset or ends there."""
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
        """The occurrences of some keys in order, those of this file first."""
        found = {
            (o.span.source is not None, o.span.start, o.span.end): o for key in keys for o in self._by_key.get(key, ())
        }
        return [found[place] for place in sorted(found)]

    def declarations(self, keys: Iterable[Key]) -> list[Occurrence]:
        """The declarations of some keys."""
        return [occurrence for occurrence in self.of(keys) if occurrence.declares]

    def declared(self, space: str, *kinds: Kind) -> list[str]:
        """The names of some kinds visible in a space: its own, those of its bases, those of its file."""
        known = (*self.chains.get(space, (space,)), "")
        found: dict[str, None] = {}
        for occurrence in (*self.occurrences, *self.imported):
            for key in occurrence.keys if occurrence.declares else ():
                if key.kind in kinds and (key.space in known or key.kind == "space"):
                    found[key.name] = None
        return list(found)
