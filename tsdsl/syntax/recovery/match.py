"""Patterns over tokens: how an entry of the table of mistakes says what it looks like.

A pattern is a regular expression whose upper-case words match one token of that kind each, on the line of the token
before it. `~NUMBER` may also be on a later line, `^NUMBER` must be, and `&NUMBER` must touch the token before it.
`NAME/re/` also matches the token's text. `{low=NUMBER}` captures, and `<...>` marks the part that is wrong (default:
all of it); the rest is context. WORD is a name or a keyword, BALANCED any tokens whose brackets match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tsdsl.syntax.grammar.machine import Token

MAX_TOKENS_BEFORE = 40
MAX_TOKENS_AFTER = 250
_MAX_CHARACTERS = 64  # of a token's text that a pattern sees
_KIND_END, _TOKEN_END = "\x1f", "\x1e"
_HIDDEN = str.maketrans({"\x1f": " ", "\x1e": " ", "\n": " "})
_ATOM = re.compile(r"([~&^]?)([A-Z]+)(?:/([^/]+)/)?|\{(\w+)=|[<>}]|\s+")
_GAPS = {"": "[ ]?", "~": "[ \n]?", "&": "", "^": "\n"}
_ITEM_WORDS = "import space domain shared block stream stage group fusion attention head step model fix free require"
ITEMS = tuple(_ITEM_WORDS.upper().split())
JOINERS = ("AND", "OR", "IMPLIES")
_CLASSES = {
    "WORD": ["NAME", *ITEMS, "FROM", "BY", *JOINERS, "TSSPACE"],
    "KEYWORD": [*ITEMS, "FROM", "BY", *JOINERS, "TSSPACE"],
    "ITEM": ITEMS,
    "SCALAR": ["NAME", "NUMBER", "SIGNED", "KERNEL", "FACTOR", "STRING"],
    "OPEN": ["LPAR", "LBRACE", "LSQB"],
    "CLOSE": ["RPAR", "RBRACE", "RSQB"],
    "ANY": ["[A-Z]+"],
    "INNER": ["(?!LPAR|LBRACE|LSQB|RPAR|RBRACE|RSQB)[A-Z]+"],
}
_MACROS = {
    "SUM": r"(?:OPERAND (?:(?:STAR|PLUS|MINUS|BAD/[\x2f%^]+/)+ OPERAND|SIGNED)+)",
    "OPERAND": "(?:SIGNED|NUMBER (?:UNIT)?|FACTOR|KERNEL|LPAR BALANCED ~RPAR|PATH (?:LPAR BALANCED ~RPAR)?(?!EQUAL))",
    "PATHS": "(?:PATH (?:~COMMA ~PATH)*+)",
    "PATH": "(?:WORD (?:&DOT &WORD|&LSQB (?:~INNER)*+ ~RSQB)*+)",
    "BALANCED": "(?:~INNER|~OPEN (?:~INNER|~OPEN (?:~INNER|~OPEN (?:~INNER)*+ ~CLOSE)*+ ~CLOSE)*+ ~CLOSE)*+",
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression over encoded tokens that a pattern means."""
    for name, meaning in _MACROS.items():
        parts = re.split(rf"(~?)\b{name}\b", pattern)
        pattern = parts[0] + "".join(
            _placed(gap, meaning) + rest for gap, rest in zip(parts[1::2], parts[2::2], strict=True)
        )
    return re.compile(_atomic(_ATOM.sub(_expanded, pattern)))


def _atomic(pattern: str) -> str:
    """The pattern with each possessive group, `(...)*+`, as an atomic one.

    Before Python 3.11.5 a possessive group does not match where it has to go back within itself
    (https://github.com/python/cpython/issues/106052).
    """
    opened: list[int] = []
    written: list[str] = []
    for piece in re.split(r"(\\.|\[(?:\\.|[^\]])*\]|\(|\)\*\+|\))", pattern):
        if piece == "(":
            opened.append(len(written))
        elif piece in (")", ")*+"):
            begin = opened.pop()
            if piece == ")*+":
                written[begin] = "(?>("
                piece = ")*)"
        written.append(piece)
    return "".join(written)


def _placed(gap: str, meaning: str) -> str:
    """A macro whose first token has this gap before it."""
    return re.sub(r"(?<![~&^])\b([A-Z]+)", rf"{gap}\1", meaning, count=1)


def _expanded(atom: re.Match[str]) -> str:
    gap, kind, value, captured = atom.groups()
    if kind is not None:
        kinds = "|".join(_CLASSES.get(kind, [kind]))
        text = f"[^{_TOKEN_END}]*+"
        if value is not None:
            text = "(?:" + re.sub(r"(?<!\\)\.", f"[^{_TOKEN_END}]", value) + ")"
        return f"(?:{_GAPS[gap]}(?:{kinds}){_KIND_END}{text}{_TOKEN_END})"
    if captured is not None:
        return f"(?P<{captured}>"
    return {"<": "(?P<begin_>)", ">": "(?P<end_>)", "}": ")"}.get(atom[0], "")


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern that matches: the wrong part as token numbers, and what was captured."""

    text: str
    tokens: Sequence[Token]
    begin: int
    end: int
    captured: dict[str, tuple[int, int]]

    def source(self, begin: int, end: int) -> str:
        """The text of the tokens in this range of numbers, with what was meant by those that are corrected."""
        written = ""
        for number in range(begin, end):
            token, before = self.tokens[number], self.tokens[number - 1]
            if number > begin:
                was_missing = token.start_pos == token.end_pos or before.start_pos == before.end_pos
                written += self.text[before.end_pos : token.start_pos] or " " * was_missing
            written += token.value
        return written

    @property
    def found(self) -> str:
        """The text that is wrong."""
        return self.source(self.begin, self.end)

    @property
    def parts(self) -> dict[str, str]:
        """The captured texts, and `found`."""
        return {"found": self.found} | {name: self.source(*part) for name, part in self.captured.items()}


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens around one that was not expected, encoded for patterns."""

    text: str
    tokens: Sequence[Token]
    cursor: int
    first: int = field(init=False)
    encoded: str = field(init=False)
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        first = max(0, self.cursor - MAX_TOKENS_BEFORE)
        pieces: list[str] = []
        starts: list[int] = []
        length = 0
        end = self.tokens[first].start_pos if self.tokens else 0
        for token in self.tokens[first : self.cursor + MAX_TOKENS_AFTER]:
            between = self.text[end : token.start_pos]
            gap = "\n" if "\n" in between else " " if between else ""
            starts.append(length + len(gap))
            value = token.value[:_MAX_CHARACTERS].translate(_HIDDEN)
            pieces.append(f"{gap}{token.type}{_KIND_END}{value}{_TOKEN_END}")
            length += len(pieces[-1])
            end = max(end, token.end_pos)
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "encoded", "".join(pieces))
        object.__setattr__(self, "starts", [*starts, length])

    def matches(self, pattern: str) -> list[Found]:
        """Each place where a pattern matches tokens that the cursor is among, the nearest first."""
        expression = compiled(pattern)
        cursor = self.cursor - self.first
        found: list[Found] = []
        for start in range(cursor, -1, -1):
            match = expression.match(self.encoded, self.starts[start])
            if match is not None and match.end() > self.starts[cursor]:
                found.append(self._found(match))
        return found

    def _found(self, match: re.Match[str]) -> Found:
        groups = match.re.groupindex
        begin = match.start("begin_") if "begin_" in groups else match.start()
        end = match.start("end_") if "end_" in groups else match.end()
        captured = {
            name: (self._number(match.start(name)), self._number(match.end(name)))
            for name in groups
            if name not in ("begin_", "end_") and match[name] is not None
        }
        return Found(self.text, self.tokens, self._number(begin), self._number(end), captured)

    def _number(self, offset: int) -> int:
        """The number of the first token at or behind an offset of the encoded text."""
        low = next((n for n, start in enumerate(self.starts) if start >= offset), len(self.starts) - 1)
        return self.first + low
