"""Semantic tokens: the kind of each word, which a grammar for colours cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tsdsl.lsp.names.names import Kind, Occurrence
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.source import Span

TOKEN_TYPES = ("keyword", "comment", "string", "number", "namespace", "type", "class", "function", "property", "macro")
TOKEN_MODIFIERS = ("declaration",)
_NAMED: Mapping[Kind, str] = MappingProxyType(
    {
        "space": "namespace",
        "domain": "type",
        "shared": "type",
        "block": "macro",
        "stream": "class",
        "model": "class",
        "operator": "function",
        "attribute": "property",
    }
)
_LEXED: Mapping[str, str] = MappingProxyType(
    {
        "COMMENT": "comment",
        "STRING": "string",
        "NUMBER": "number",
        "SIGNED": "number",
        "KERNEL": "number",
        "FACTOR": "number",
        "UNIT": "keyword",
    }
)


@dataclass(frozen=True, slots=True)
class Highlight:
    """The kind of one word, which is on one line."""

    span: Span
    kind: str
    declares: bool = False


def highlights(snapshot: Snapshot) -> Iterator[Highlight]:
    """The words of a text that have a kind, in order."""
    named: dict[int, Occurrence] = {
        occurrence.span.start: occurrence for occurrence in snapshot.names.occurrences if occurrence.kind in _NAMED
    }
    for token in snapshot.tokens:
        if token.type == "WS":
            continue
        start = token.start_pos or 0
        span = Span(start, start + len(token.value.rstrip("\r")))
        occurrence = named.get(start)
        if token.type == "NAME" and occurrence is not None:
            yield Highlight(occurrence.span, _NAMED[occurrence.kind], occurrence.declares)
        elif token.type in _LEXED:
            yield Highlight(span, _LEXED[token.type])
        elif token.type == str(token.value).upper():
            yield Highlight(span, "keyword")
