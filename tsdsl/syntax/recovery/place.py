"""Where a token cannot stand, and how a guess of what was meant there is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdsl.diagnostics import Fix
from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token

SELECTING = frozenset({"STAGE", "GROUP", "FUSION", "ATTENTION", "HEAD", "SHARED", "NAME"})
UNFINISHED = frozenset({"EQUAL", "COMMA", "DOT"})


@dataclass(frozen=True, slots=True)
class Place:
    """Tokens, the number of the one that cannot stand, and the types of those that may."""

    text: str
    tokens: Sequence[Token]
    position: int
    accepted: frozenset[str]

    @property
    def token(self) -> Token:
        """The one that cannot stand."""
        return self.tokens[self.position]

    def at(self, offset: int) -> Token | None:
        """The token so many before or after it."""
        number = self.position + offset
        return self.tokens[number] if 0 <= number < len(self.tokens) else None

    def kind(self, offset: int) -> str:
        """That token's type; empty where there is none."""
        token = self.at(offset)
        return token.type if token is not None else ""

    def is_on_one_line(self, first: Token, second: Token) -> bool:
        """Whether two tokens stand on one line."""
        return "\n" not in self.text[first.end_pos : second.start_pos]


@dataclass(frozen=True, slots=True)
class Guess:
    """How a mistake is told, and the tokens to read in place of those up to `last`; None: nothing can be read."""

    span: Span
    message: str
    label: str
    help: str
    fixes: tuple[Fix, ...]
    last: int = 0
    tokens: tuple[Token, ...] | None = None


def told(
    place: Place,
    span: Span,
    message: str,
    label: str,
    help_text: str,
    fixes: tuple[Fix, ...],
    last: int,
    tokens: Sequence[Token],
) -> Guess:
    return Guess(span, message, label, help_text, fixes, place.position + last, tuple(tokens))


def span_of(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)


def matching(tokens: Sequence[Token], start: int) -> int | None:
    """The number of the bracket that closes the one there; any kind of bracket closes any other."""
    depth = 0
    for number in range(start, len(tokens)):
        if tokens[number].type in ("LPAR", "LBRACE", "LSQB"):
            depth += 1
        elif tokens[number].type in ("RPAR", "RBRACE", "RSQB"):
            depth -= 1
            if depth == 0:
                return number
    return None


def ends_a_word(place: Place, offset: int, *, in_list: bool = False) -> bool:
    """Whether a word begins at that token behind another, or behind a bracket, on the same line."""
    before, token = place.at(offset - 1), place.at(offset)
    if before is None or token is None or token.type not in SELECTING or not place.is_on_one_line(before, token):
        return False
    earlier = place.kind(offset - 2)
    if before.type in SELECTING - {"NAME"}:
        return in_list or earlier in UNFINISHED
    return before.type == "RSQB" or (before.type == "NAME" and earlier not in ("GROUP", "SPACE", "MODEL", "FROM"))
