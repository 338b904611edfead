"""One thing that is wrong in a file: code, place, message, labels, notes, help, fixes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tsdsl.diagnostics.codes import CODES, Severity
from tsdsl.diagnostics.fix import Fix
from tsdsl.records import dataclass
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
    """By file and place, without repetitions; what quotes a text of thousands of characters is cut."""
    unique = {(d.source.name, d.span.start, d.span.end, d.code, d.message): d for d in diagnostics}
    return [_cut(unique[key]) for key in sorted(unique)]


_LONGEST_TEXT = 400


def _cut(diagnostic: Diagnostic) -> Diagnostic:
    texts = (diagnostic.message, diagnostic.label, diagnostic.help or "", *diagnostic.notes)
    texts += tuple(label.message for label in diagnostic.labels)
    if max(map(len, texts)) <= _LONGEST_TEXT:
        return diagnostic
    return replace(
        diagnostic,
        message=_shortened(diagnostic.message),
        label=_shortened(diagnostic.label),
        labels=tuple(replace(label, message=_shortened(label.message)) for label in diagnostic.labels),
        notes=tuple(map(_shortened, diagnostic.notes)),
        help=None if diagnostic.help is None else _shortened(diagnostic.help),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
