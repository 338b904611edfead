"""Colours for the language in the documentation: a lexer for Pygments, from the terminals of the grammar."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace, _TokenType

from tsdsl.syntax.grammar.machine import table

__all__ = ["TsspaceLexer"]

TOKENS: dict[str, _TokenType] = {
    "WS": Whitespace,
    "COMMENT": Comment.Single,
    "STRING": String,
    "KERNEL": Number,
    "FACTOR": Number,
    "SIGNED": Number,
    "NUMBER": Number,
    "UNIT": Keyword.Type,
}
SIGNS = ("COMPARISON", "ARROW", "RANGE", "EQUAL", "STAR", "PLUS", "MINUS")


def rules() -> list[tuple[str, _TokenType]]:
    """What is tried at each place, in this order."""
    terminals, words = dict(table().patterns), "|".join(sorted(table().keywords))
    return [
        *((terminals[terminal], token) for terminal, token in TOKENS.items()),
        (rf"\b(?:{words})\b", Keyword),
        (rf"{terminals['NAME']}(?=\s*\()", Name.Function),
        (rf"{terminals['NAME']}(?=\s*=)", Name.Attribute),
        (terminals["NAME"], Name),
        ("|".join(terminals[sign] for sign in SIGNS), Operator),
        (r".", Punctuation),
    ]


class TsspaceLexer(RegexLexer):
    """Tokens of a `.tsspace` text."""

    name = "tsspace"
    aliases: ClassVar[list[str]] = ["tsspace"]
    filenames: ClassVar[list[str]] = ["*.tsspace"]
    tokens: ClassVar[dict[str, list[tuple[str, _TokenType]]]] = {"root": rules()}
