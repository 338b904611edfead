"""The lexer: one regular expression made of the grammar's terminals, every character in some token.

Lark's own lexer builds itself anew for each text that is to be lexed without loss, counts lines, and proves its
terminals disjoint where `interegular` is installed; a test does that once instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token
from lark.common import LexerConf
from lark.lexer import Lexer


class TerminalLexer(Lexer):
    """Tokens in Lark's order of terminals: by priority, then width, then length; keywords are names set apart."""

    def __init__(self, conf: LexerConf) -> None:
        terminals = sorted(
            conf.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
        )
        name = re.compile(conf.terminals_by_name["NAME"].pattern.to_regexp())
        words = [t for t in terminals if t.pattern.type == "str" and name.fullmatch(t.pattern.value)]
        self.keywords = {terminal.pattern.value: terminal.name for terminal in words}
        self.pattern = re.compile(
            "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in terminals if t not in words)
        )

    def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Token]:
        """The tokens of a text, those that the grammar ignores included."""
        keywords = self.keywords
        for match in self.pattern.finditer(str(lexer_state)):
            kind, value = match.lastgroup or "", match[0]
            if kind == "NAME":
                kind = keywords.get(value, kind)
            yield Token(kind, value, match.start(), end_pos=match.end())


@lru_cache(maxsize=1)
def language() -> Lark:
    """The grammar's parser, which is fed token by token, and its terminals."""
    grammar = files("tsdsl.grammars").joinpath("tsspace.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=TerminalLexer, propagate_positions=True, maybe_placeholders=True)


@lru_cache(maxsize=1)
def _lexer() -> TerminalLexer:
    return TerminalLexer(language().lexer_conf)


def lex(text: str) -> Iterator[Token]:
    """Every token of a text: space, comments and unknown characters (BAD) included, so nothing is lost."""
    return _lexer().lex(text)
