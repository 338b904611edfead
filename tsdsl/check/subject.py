"""`Subject`: one resolved space as the passes of `check` see it."""

from __future__ import annotations

from collections.abc import Mapping

from tsdsl.network.layout import Blueprint
from tsdsl.records import dataclass
from tsdsl.source import SourceFile, Span
from tsdsl.space.model import Space
from tsdsl.space.resolve import ResolvedSpace


@dataclass(frozen=True, slots=True)
class Subject:
    """A space, where its parts are written, and its blueprint, which the passes share."""

    space: Space
    origins: Mapping[str, Span]
    source: SourceFile
    blueprint: Blueprint

    @classmethod
    def of(cls, resolved: ResolvedSpace, source: SourceFile) -> Subject:
        """The subject of a space that was resolved from a text."""
        return cls(resolved.space, resolved.origins, source, Blueprint(resolved.space))
