"""Merges diagnostics that say the same about one text, which several groups use or several spaces derive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from tsdsl.diagnostics import Diagnostic
from tsdsl.source import Span
from tsdsl.space.parts import Value
from tsdsl.syntax.grammar.lexer import lex

Said: TypeAlias = tuple[str, Span, str]
_PLACE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.stage\d+\.group\d+")
_OPEN = frozenset({"LBRACE", "LPAR"})
_CLOSE = frozenset({"RBRACE", "RPAR"})


def merge_duplicates(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics; of those that say the same about one text, the first with a note that names the other places."""
    groups: dict[Said, list[Diagnostic]] = {}
    for diagnostic in found:
        groups.setdefault(said(diagnostic), []).append(diagnostic)
    return [_joined(group) for group in groups.values()]


def said(diagnostic: Diagnostic) -> Said:
    """What a diagnostic says, apart from the stage and group that it names."""
    return diagnostic.code, diagnostic.span, _PLACE.sub("", diagnostic.message)


def _joined(group: Sequence[Diagnostic]) -> Diagnostic:
    first, *others = group
    places = [found[0] for other in others if (found := _PLACE.search(other.message)) is not None]
    if not places:
        return first
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return replace(first, notes=(*first.notes, f"the same text causes this at `{places[0]}`{more}"))


def item_of(text: str, span: Span, value: Value) -> Span:
    """The span of `value` in a choice such as `{8, 16}`; that of the whole choice where a range holds it."""
    written = text[span.start : span.end]
    if not written.startswith("{"):
        return span
    depth, starts = 0, True
    found: tuple[int, int] | None = None
    for token in lex(written):
        if token.type in ("WS", "COMMENT"):
            continue
        if depth == 1 and (token.type == "COMMA" or (token.type == "RBRACE" and found is not None)):
            if found is not None:
                return Span(span.start + found[0], span.start + found[1], span.source)
            starts = True
            continue
        if depth == 1 and starts:
            starts = False
            found = (token.start_pos, token.end_pos) if _is(token.value, value) else None
        elif depth == 1 and token.type == "RANGE":
            found = None  # the value is one of those of a range
        depth += (token.type in _OPEN) - (token.type in _CLOSE)
        if found is not None:
            found = (found[0], token.end_pos)
    return span


def _is(text: str, value: Value) -> bool:
    if isinstance(value, str):
        return text == value
    try:
        return Decimal(text) == Decimal(str(value))
    except InvalidOperation:
        return False
