"""Where the parts of a space are written, by path; those of remembered groups are worked out when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from tsdsl.source import Span
from tsdsl.syntax import ast


@dataclass(frozen=True, slots=True)
class GroupOrigins:
    """Where a group and its attributes are written.

    `order` are the group (empty), its attributes (`.stride`) and shared decisions in the order in which they are met.
    `own` counts from the group's start, `inherited` are the numbers of the arguments of its block.
    """

    group: ast.Group
    order: Sequence[str]
    own: Mapping[str, Span]
    inherited: Mapping[str, int]
    block: ast.BlockAlias | None

    def of(self, attribute: str) -> Span | None:
        """Where the group's attribute is written."""
        if attribute in self.own:
            start, span = self.group.span.start, self.own[attribute]
            return Span(start + span.start, start + span.end, self.group.span.source)
        if self.block is not None and attribute in self.inherited:
            return self.block.call.arguments[self.inherited[attribute]].value.span
        return None


class Origins(MutableMapping[str, Span]):
    """Spans by path, in the order in which the paths are met."""

    def __init__(self) -> None:
        self._places: dict[str, Span | GroupOrigins] = {}

    def add_group(self, path: str, origins: GroupOrigins) -> None:
        """Add a group with all of its attributes."""
        self._places[path] = origins

    def add(self, path: str, span: Span) -> None:
        """Add where a value is written, unless something that decides it has been added before."""
        if path not in self._places:
            self._places[path] = span

    def __getitem__(self, path: str) -> Span:
        place = self._places.get(path)
        if isinstance(place, Span):
            return place
        if place is not None:
            return place.group.span
        group, _, attribute = path.rpartition(".")
        around = self._places.get(group)
        span = around.of(attribute) if isinstance(around, GroupOrigins) else None
        if span is None:
            raise KeyError(path)
        return span

    def __setitem__(self, path: str, span: Span) -> None:
        self._places[path] = span

    def __delitem__(self, path: str) -> None:
        del self._places[path]

    def __iter__(self) -> Iterator[str]:
        found: dict[str, None] = {}
        for path, place in self._places.items():
            if isinstance(place, GroupOrigins):
                found.update((f"{path}{key}" if key[:1] in ("", ".") else key, None) for key in place.order)
            else:
                found[path] = None
        return iter(found)

    def __len__(self) -> int:
        return sum(1 for _ in self)
