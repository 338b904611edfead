"""The lexer: one regular expression made of the grammar's terminals, every character in some token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tsdsl.syntax.grammar.machine import Token, table


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in table().patterns))


def lex(text: str) -> Iterator[Token]:
    """Every token of a text: space, comments and unknown characters (BAD) included, so nothing is lost."""
    keywords = table().keywords
    for match in _pattern().finditer(text):
        kind, value = match.lastgroup or "", match[0]
        if kind == "NAME":
            kind = keywords.get(value, kind)
        yield Token(kind, value, match.start(), match.end())


def lex_meaning(text: str) -> Iterator[Token]:
    """Every token but space and comments."""
    return (token for token in lex(text) if token.type not in ("WS", "COMMENT"))
