"""One thing that is wrong in a file: code, place, message, labels, notes, help, fixes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tsdsl.diagnostics.codes import CODES, Severity
from tsdsl.diagnostics.fix import Fix
from tsdsl.source import SourceFile, Span


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, with what it has to do with it."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong, and what to do about it."""

    code: str
    message: str
    source: SourceFile
    span: Span
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fixes: tuple[Fix, ...] = ()

    @property
    def severity(self) -> Severity:
        """Error or warning, as the code has it."""
        return CODES[self.code].severity


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file and place, without repetitions."""
    unique = {(d.source.name, d.span.start, d.span.end, d.code, d.message): d for d in diagnostics}
    return [unique[key] for key in sorted(unique)]
