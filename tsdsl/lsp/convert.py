"""Converts the types of the features to those of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from lsprotocol import types

from tsdsl.diagnostics import Diagnostic, Edit
from tsdsl.lsp.features import highlight, outline
from tsdsl.lsp.features.edits import QuickFix
from tsdsl.lsp.names.names import Occurrence
from tsdsl.lsp.positions import Place, Positions
from tsdsl.source import SourceFile, Span
from tsdsl.source_files import STANDARD

_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
_SYMBOLS = {
    "space": types.SymbolKind.Namespace,
    "stream": types.SymbolKind.Class,
    "stage": types.SymbolKind.Module,
    "group": types.SymbolKind.Method,
    "slot": types.SymbolKind.Interface,
    "step": types.SymbolKind.Event,
    "model": types.SymbolKind.Object,
    "value": types.SymbolKind.Constant,
}
SUGGESTIONS = {
    "keyword": types.CompletionItemKind.Keyword,
    "operator": types.CompletionItemKind.Function,
    "attribute": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.Value,
    "unit": types.CompletionItemKind.Unit,
    "domain": types.CompletionItemKind.Enum,
    "block": types.CompletionItemKind.Class,
    "part": types.CompletionItemKind.Module,
}


def token_data(positions: Positions, highlights: Iterable[highlight.Highlight]) -> list[int]:
    """Five numbers per token: line and column relative to the one before, length, type, modifiers."""
    data: list[int] = []
    before = Place(0, 0)
    for found in highlights:
        start, end = positions.place(found.span.start), positions.place(found.span.end)
        column = start.character - (before.character if start.line == before.line else 0)
        kind = highlight.TOKEN_TYPES.index(found.kind)
        data += [start.line - before.line, column, end.character - start.character, kind, int(found.declares)]
        before = start
    return data


def position_of(positions: Positions, offset: int) -> types.Position:
    """The position of an offset in the protocol."""
    place = positions.place(offset)
    return types.Position(place.line, place.character)


def range_of(positions: Positions, span: Span) -> types.Range:
    """The range of a span in the protocol."""
    return types.Range(position_of(positions, span.start), position_of(positions, span.end))


def span_of(positions: Positions, written: types.Range) -> Span:
    """The span of a range from the client."""
    start, end = written.start, written.end
    return Span(positions.offset(Place(start.line, start.character)), positions.offset(Place(end.line, end.character)))


def location_of(uri: str, positions: Positions, span: Span) -> types.Location:
    """The location of a span: in the text itself, or in an imported file."""
    if span.source is None:
        return types.Location(uri, range_of(positions, span))
    there = Positions(span.source.text, positions.encoding)
    return types.Location(uri_of(span.source), range_of(there, span))


def uri_of(source: SourceFile) -> str:
    """The URI of an imported file; shipped ones are in the installed package."""
    name = source.name
    if name.startswith(STANDARD):
        place = Path(str(files("tsdsl.spaces").joinpath(f"{name.removeprefix(STANDARD)}.tsspace")))
    else:
        place = Path(name)
    return place.resolve().as_uri()


def locations_of(uri: str, positions: Positions, found: Sequence[Occurrence]) -> list[types.Location]:
    """The locations of names."""
    return [location_of(uri, positions, occurrence.span) for occurrence in found]


def symbols_of(positions: Positions, found: Sequence[outline.Symbol]) -> list[types.DocumentSymbol]:
    """Symbols with their children."""
    return [
        types.DocumentSymbol(
            name=symbol.name,
            kind=_SYMBOLS[symbol.kind],
            range=range_of(positions, symbol.span),
            selection_range=range_of(positions, symbol.selection),
            detail=symbol.detail or None,
            children=symbols_of(positions, symbol.children),
        )
        for symbol in found
    ]


def diagnostic_of(uri: str, positions: Positions, diagnostic: Diagnostic) -> types.Diagnostic:
    """A diagnostic with notes and help in its message, and labels as related information."""
    lines = [diagnostic.message + (f" ({diagnostic.label})" if diagnostic.label else "")]
    lines += [f"note: {note}" for note in diagnostic.notes]
    lines += [f"help: {diagnostic.help}"] if diagnostic.help else []
    return types.Diagnostic(
        range=range_of(positions, diagnostic.span),
        message="\n".join(lines),
        severity=_SEVERITIES[diagnostic.severity],
        code=diagnostic.code,
        source="tsdsl",
        tags=[types.DiagnosticTag.Unnecessary] if diagnostic.code == "TS103" else None,
        related_information=[
            types.DiagnosticRelatedInformation(location_of(uri, positions, label.span), label.message)
            for label in diagnostic.labels
        ],
    )


def edits_of(positions: Positions, edits: Iterable[Edit]) -> list[types.TextEdit]:
    """Edits in positions of the client."""
    return [types.TextEdit(range_of(positions, edit.span), edit.text) for edit in edits]


def action_of(uri: str, positions: Positions, fix: QuickFix) -> types.CodeAction:
    """A fix with its diagnostic."""
    return types.CodeAction(
        fix.title,
        types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic_of(uri, positions, fix.diagnostic)],
        is_preferred=fix.is_safe,
        edit=types.WorkspaceEdit(changes={uri: edits_of(positions, fix.edits)}),
    )
