"""Finds the path of an import at a place."""

from __future__ import annotations

from collections.abc import Sequence

from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token

_SILENT = frozenset({"WS", "COMMENT"})


def import_path_at(tokens: Sequence[Token], offset: int) -> Span | None:
    """The span between the quotes of an import around an offset, even if unclosed."""
    previous = ""
    for token in tokens:
        start = token.start_pos or 0
        end = start + len(token.value)
        if start >= offset:
            return None
        is_closed = token.type == "STRING"
        is_path = is_closed or (token.type == "BAD" and token.value.startswith('"'))
        if is_path and previous == "IMPORT" and offset < end + (not is_closed):
            return Span(start + 1, end - 1 if is_closed else start + len(token.value.rstrip()))
        if token.type not in _SILENT:
            previous = token.type
    return None
