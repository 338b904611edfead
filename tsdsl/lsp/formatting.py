"""Formatting: the canonical form of a text, as edits of the lines that change."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from tsdsl.source import SourceFile, Span
from tsdsl.syntax.formatter import format_text
from tsdsl.syntax.parser import parse


@dataclass(frozen=True, slots=True)
class Replacement:
    """A text in place of what `span` covers."""

    span: Span
    text: str


def formatting(source: SourceFile) -> list[Replacement]:
    """The edits that bring a text into its canonical form, its line endings kept; none while it has syntax errors."""
    if parse(source).diagnostics:
        return []
    text = source.text
    ending = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    before = text.splitlines(keepends=True) if "\r" not in text.replace("\r\n", "") else [text]
    after = [f"{line}{ending}" for line in format_text(source).split("\n")[:-1]]
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    return [
        Replacement(Span(starts[first], starts[last]), "".join(after[new_first:new_last]))
        for kind, first, last, new_first, new_last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if kind != "equal"
    ]
