"""Renderers of diagnostics: rich with the source underlined, one line each, JSON and SARIF."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from tsdsl.diagnostics.codes import CODES
from tsdsl.diagnostics.diagnostic import Diagnostic, Label
from tsdsl.diagnostics.fix import Fix
from tsdsl.printable import printable
from tsdsl.source import SourceFile, Span

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {"error": "bold red", "warning": "bold yellow"}
_TAB = "    "
_LONGEST_LINE_SHOWN = 240
_NARROWEST = 20


def render_rich(diagnostics: Sequence[Diagnostic], console: Console) -> None:
    """Print each with its source line underlined, in the manner of rustc; notes fold at the width of a terminal."""
    for diagnostic in diagnostics:
        console.print(rich_text(diagnostic, console.width if console.is_terminal else None), soft_wrap=True)


def rich_text(diagnostic: Diagnostic, columns: int | None = None) -> Text:
    """One diagnostic with its source lines underlined, notes folded to so many columns."""
    from rich.text import Text

    style = _STYLES[diagnostic.severity]
    source = diagnostic.source
    start = source.position(diagnostic.span.start)
    places = [(diagnostic.span, diagnostic.label, style, "^")]
    near = [label for label in diagnostic.labels if label.span.source in (None, source)]
    places += [(label.span, label.message, "bold blue", "-") for label in near]
    lines = [(span.source or source).position(span.start).line for span in _spans(diagnostic)]
    gutter = max(len(str(line)) for line in lines)
    text = Text()
    text.append(f"{diagnostic.severity}[{diagnostic.code}]", style)
    text.append(f": {printable(diagnostic.message)}\n", "bold")
    text.append(f"{' ' * gutter}--> ", "blue")
    text.append(f"{printable(source.name)}:{start.line}:{start.column}\n")
    text.append(f"{' ' * gutter} |\n", "blue")
    previous = None
    for span, message, place_style, mark in sorted(places, key=lambda place: place[0].start):
        line = source.position(span.start).line
        if previous is not None and line > previous + 1:
            text.append(f"{'.' * min(3, gutter + 1)}\n", "blue")
        if line != previous:
            text.append(f"{line:>{gutter}} | ", "blue")
            text.append(f"{_shown(source.line(line))}\n")
        before, width = _underline(source, span)
        text.append(f"{' ' * gutter} | ", "blue")
        text.append(f"{' ' * before}{mark * width} {message}".rstrip() + "\n", place_style)
        previous = line
    for label in diagnostic.labels:
        if label not in near:
            _append_elsewhere(text, label, gutter)
    for note in diagnostic.notes:
        text.append(f"{' ' * gutter} = ", "blue")
        text.append("note: ", "bold")
        text.append(_folded(printable(note), columns, gutter))
    if diagnostic.help:
        text.append(f"{' ' * gutter} = ", "blue")
        text.append("help: ", "bold green")
        text.append(_folded(printable(diagnostic.help), columns, gutter))
    return text


def _spans(diagnostic: Diagnostic) -> list[Span]:
    return [diagnostic.span, *(label.span for label in diagnostic.labels)]


def _append_elsewhere(text: Text, label: Label, gutter: int) -> None:
    """A label in another file, in the manner of rustc."""
    source = label.span.source
    if source is None:
        return
    place = source.position(label.span.start)
    text.append(f"{' ' * gutter}::: ", "blue")
    text.append(f"{printable(source.name)}:{place.line}:{place.column}\n")
    text.append(f"{place.line:>{gutter}} | ", "blue")
    text.append(f"{_shown(source.line(place.line))}\n")
    before, width = _underline(source, label.span)
    text.append(f"{' ' * gutter} | ", "blue")
    text.append(f"{' ' * before}{'-' * width} {label.message}".rstrip() + "\n", "bold blue")


def _folded(note: str, columns: int | None, gutter: int) -> str:
    """A note as lines, those after the first under its beginning."""
    indent = gutter + len(" = note: ")
    if columns is None or columns < indent + _NARROWEST:
        return f"{note}\n"
    lines = wrap(note, columns - indent, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines) + "\n"


def _shown(line: str) -> str:
    shown = line.replace("\t", _TAB)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return shown if len(shown) <= _LONGEST_LINE_SHOWN else shown[:_LONGEST_LINE_SHOWN] + " ..."


def _underline(source: SourceFile, span: Span) -> tuple[int, int]:
    """(cells before, cells underlined) on the first line of a span."""
    start = source.position(span.start)
    line = source.line(start.line)
    before = line[: start.column - 1].replace("\t", _TAB)
    end = min(start.column - 1 + max(1, span.end - span.start), max(len(line), start.column))
    marked = line[start.column - 1 : end].replace("\t", _TAB)
    return min(len(before), _LONGEST_LINE_SHOWN), max(1, min(len(marked), _LONGEST_LINE_SHOWN))


def concise(diagnostic: Diagnostic) -> str:
    """One line: `file:line:column: severity[code] message (help)`."""
    position = diagnostic.source.position(diagnostic.span.start)
    help_text = f" (help: {diagnostic.help})" if diagnostic.help else ""
    return printable(
        f"{diagnostic.source.name}:{position.line}:{position.column}: "
        f"{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}{help_text}"
    )


def as_json(diagnostics: Sequence[Diagnostic], files: Sequence[str]) -> dict[str, Any]:
    """The JSON contract of `tsdsl check --format json`; lines and columns count from 1."""
    errors = sum(d.severity == "error" for d in diagnostics)
    return {
        "files": list(files),
        "diagnostics": [_one(d) for d in diagnostics],
        "summary": {"errors": errors, "warnings": len(diagnostics) - errors},
    }


def _one(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": diagnostic.source.name,
        "span": _span(diagnostic.source, diagnostic.span),
        "label": diagnostic.label,
        "labels": [
            {
                "file": (label.span.source or diagnostic.source).name,
                "span": _span(label.span.source or diagnostic.source, label.span),
                "message": label.message,
            }
            for label in diagnostic.labels
        ],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fixes": [_fix(diagnostic.source, fix) for fix in diagnostic.fixes],
    }


def _fix(source: SourceFile, fix: Fix) -> dict[str, Any]:
    edits = [{"span": _span(source, edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "applicability": fix.applicability, "edits": edits}


def _span(source: SourceFile, span: Span) -> dict[str, dict[str, int]]:
    start, end = source.position(span.start), source.position(span.end)
    return {
        "start": {"line": start.line, "column": start.column},
        "end": {"line": end.line, "column": end.column},
    }


def as_sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """SARIF 2.1.0, as code-scanning services read it."""
    used = sorted({d.code for d in diagnostics})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "columnKind": "unicodeCodePoints",
                "tool": {
                    "driver": {
                        "name": "tsdsl",
                        "rules": [{"id": code, "shortDescription": {"text": CODES[code].title}} for code in used],
                    }
                },
                "results": [_sarif_result(d) for d in diagnostics],
            }
        ],
    }


def _sarif_result(diagnostic: Diagnostic) -> dict[str, Any]:
    source = diagnostic.source
    text = diagnostic.message + (f" Help: {diagnostic.help}" if diagnostic.help else "")
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [_sarif_location(source, diagnostic.span)],
    }
    if diagnostic.labels:
        result["relatedLocations"] = [
            _sarif_location(source, label.span) | {"message": {"text": label.message}} for label in diagnostic.labels
        ]
    if diagnostic.fixes:
        result["fixes"] = [_sarif_fix(source, fix) for fix in diagnostic.fixes]
    return result


def _sarif_location(source: SourceFile, span: Span) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": source.name}, "region": _sarif_region(source, span)}
    return {"physicalLocation": place}


def _sarif_region(source: SourceFile, span: Span) -> dict[str, int]:
    start, end = source.position(span.start), source.position(span.end)
    return {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}


def _sarif_fix(source: SourceFile, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _sarif_region(source, edit.span), "insertedContent": {"text": edit.text}}
        for edit in fix.edits
    ]
    return {
        "description": {"text": fix.title},
        "artifactChanges": [{"artifactLocation": {"uri": source.name}, "replacements": replacements}],
    }
