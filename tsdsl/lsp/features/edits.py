"""Edits: formatting, the fixes of diagnostics, and all safe fixes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from tsdsl.check.apply_fixes import apply_fixes
from tsdsl.diagnostics import Diagnostic, Edit
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.source import SourceFile, Span, split_lines
from tsdsl.syntax.formatter import formatted
from tsdsl.syntax.parser import parse


@dataclass(frozen=True, slots=True)
class QuickFix:
    """A fix of a diagnostic with its title; a safe one is preferred."""

    title: str
    diagnostic: Diagnostic
    edits: tuple[Edit, ...]
    is_safe: bool


def quick_fixes(snapshot: Snapshot, selected: Span) -> Iterator[QuickFix]:
    """The fixes of the diagnostics that touch a selection."""
    for diagnostic in snapshot.diagnostics:
        if diagnostic.source.name != snapshot.source.name:
            continue
        if diagnostic.span.start <= selected.end and selected.start <= diagnostic.span.end:
            for fix in diagnostic.fixes:
                yield QuickFix(fix.title, diagnostic, fix.edits, fix.applicability == "safe")


def all_safe_fixes(source: SourceFile) -> list[Edit]:
    """The changes of `tsdsl check --fix`."""
    return line_edits(source.text, apply_fixes(source).source.text)


def formatting(source: SourceFile) -> list[Edit]:
    """The changes of `tsdsl fmt`; empty if there are syntax errors."""
    if parse(source).diagnostics:
        return []
    return line_edits(source.text, formatted(source))


def line_edits(before: str, after: str) -> list[Edit]:
    """Edits of whole lines that turn one text into another, so the editor keeps its cursor."""
    old, new = split_lines(before), split_lines(after)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        Edit(Span(starts[first], starts[last]), "".join(new[new_first:new_last]))
        for kind, first, last, new_first, new_last in matcher.get_opcodes()
        if kind != "equal"
    ]
