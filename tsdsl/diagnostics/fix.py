"""Fixes: edits of a text that remove what a diagnostic is about, and how edits are made together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tsdsl.records import dataclass
from tsdsl.source import Span

Applicability = Literal["safe", "suggested"]


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `text` in place of what `span` covers; an empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """One remedy: what it does, in the words of a button, and its edits, which do not overlap.

    A `safe` fix has no other reading: `tsdsl check --fix` makes it unasked. Of several `suggested` ones
    the first is the most likely; a reader picks.
    """

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability = "suggested"


def replacement(title: str, span: Span, text: str, *, safe: bool = False) -> Fix:
    """A fix of one edit."""
    return Fix(title, (Edit(span, text),), "safe" if safe else "suggested")


def collide(one: Fix, other: Fix) -> bool:
    """Whether two fixes edit the same text, or insert at the same place."""
    return any(
        a.span == b.span or (a.span.start < b.span.end and b.span.start < a.span.end)
        for a in one.edits
        for b in other.edits
    )


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made that do not overlap."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        parts += [text[position : edit.span.start], edit.text]
        position = edit.span.end
    return "".join([*parts, text[position:]])
