"""Names that were legal before a word was reserved: each is one mistake, and every use of it is read as the name."""

from __future__ import annotations

from collections.abc import Sequence

from tsdsl.diagnostics import Diagnostic, Edit, Fix
from tsdsl.source import SourceFile, Span
from tsdsl.syntax.grammar.machine import Token

RESERVED_LATER = ("EACH", "AND", "OR", "IMPLIES")
_LOCAL = frozenset({"DOMAIN", "BLOCK"})  # names that no path of a decision contains
_DECLARES = _LOCAL | {"SHARED", "STREAM", "MODEL", "SPACE"}
_BEFORE_NAMES = _DECLARES | {
    *("EQUAL", "LBRACE", "LPAR", "COMMA", "DOT", "GROUP", "FROM", "FUSION", "ATTENTION", "ARROW", "FIX", "FREE"),
    *("REQUIRE", "COMPARISON", "SIGN", "STAR", "PLUS", "MINUS"),
}


def read_as_names(source: SourceFile, tokens: Sequence[Token]) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens with names in place of words that the text declares as such, and a diagnostic for each word."""
    read, found = list(tokens), []
    for kind in RESERVED_LATER:
        places = [n for n in range(1, len(read)) if read[n].type == kind and read[n - 1].type in _BEFORE_NAMES]
        declared = [n for n in places if read[n - 1].type in _DECLARES]
        if not declared:
            continue
        word = read[declared[0]].value
        spans = [Span(read[n].start_pos, read[n].end_pos) for n in places]
        found.append(_renamed(source, word, declared[0], spans, tokens))
        for n in places:
            read[n] = read[n]._replace(type="NAME")
    return read, found


def _renamed(
    source: SourceFile, word: str, declared: int, spans: Sequence[Span], tokens: Sequence[Token]
) -> Diagnostic:
    taken = {token.value for token in tokens}
    new = f"{word}_"
    while new in taken:
        new += "_"
    is_local = tokens[declared - 1].type in _LOCAL
    edits = tuple(Edit(span, new) for span in spans)
    return Diagnostic(
        "TS002",
        f"`{word}` is a reserved word now and cannot be a name",
        source,
        Span(tokens[declared].start_pos, tokens[declared].end_pos),
        "reserved",
        help=f"choose another name, such as `{new}`",
        fixes=(Fix(f"rename it to `{new}` everywhere", edits, "safe" if is_local else "suggested"),),
    )
