"""Where the parts of a space are written, by path; those of remembered groups are worked out when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass

from tsdsl.source import Span
from tsdsl.syntax import ast


@dataclass(frozen=True, slots=True)
class GroupOrigins:
    """Where a group and its attributes are written.

    `own` counts from the group's start, `inherited` are the numbers of the arguments of its block.
    """

    group: ast.Group
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
    """Spans by path."""

    def __init__(self) -> None:
        self._spans: dict[str, Span] = {}
        self._groups: dict[str, GroupOrigins] = {}

    def add_group(self, path: str, origins: GroupOrigins) -> None:
        """Add a group with all of its attributes."""
        self._groups[path] = origins

    def add(self, path: str, span: Span) -> None:
        """Add where a value is written, unless something that decides it has been added before."""
        if path not in self._spans:
            self._spans[path] = span

    def __getitem__(self, path: str) -> Span:
        span = self._spans.get(path) or self._in_group(path)
        if span is None:
            raise KeyError(path)
        return span

    def _in_group(self, path: str) -> Span | None:
        if path in self._groups:
            return self._groups[path].group.span
        group, _, attribute = path.rpartition(".")
        return self._groups[group].of(attribute) if group in self._groups else None

    def __setitem__(self, path: str, span: Span) -> None:
        self._spans[path] = span

    def __delitem__(self, path: str) -> None:
        del self._spans[path]

    def __iter__(self) -> Iterator[str]:
        yield from self._spans
        for path, origins in self._groups.items():
            yield path
            yield from (f"{path}.{attribute}" for attribute in (*origins.own, *origins.inherited))

    def __len__(self) -> int:
        return sum(1 for _ in self)
