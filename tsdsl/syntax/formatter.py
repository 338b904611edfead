"""The canonical layout of a file: lines of tokens; only the white space between them changes.

Lines stay where their author broke them. Within a line the space between tokens is fixed; a line is
indented by what is open before it; the `=` of consecutive attribute lines are aligned; runs of empty
lines become one. Before a result is given out it is proved to have the same tokens and comments, and
to be its own canonical form.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, zip_longest

from tsdsl.source import SourceFile
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.grammar.machine import Token
from tsdsl.syntax.parser import parse

_OPEN = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSE = frozenset({"RBRACE", "RPAR", "RSQB"})
_DECLARES = frozenset({"DOMAIN", "SHARED", "BLOCK"})
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its tokens (comment last), the depth before it, and the open brackets."""

    tokens: tuple[Token, ...]
    depth: int
    opened: tuple[str, ...]


def format_text(source: SourceFile) -> str:
    """The canonical form of a text that parses without errors.

    Raises:
        ValueError: the text has syntax errors, so that its layout means nothing yet.
        RuntimeError: the result would change a token; nothing is given out (this is a defect).
    """
    if parse(source).diagnostics:
        raise ValueError(f"{source.name} has syntax errors")
    result = _layout(source.text)
    if _significant(result) != _significant(source.text) or _layout(result) != result:
        raise RuntimeError(f"{source.name}: formatting would change more than white space")
    return result


def formatted(source: SourceFile) -> str:
    """The canonical form with the line ends that most lines of the text have.

    Raises:
        ValueError: the text has syntax errors, so that its layout means nothing yet.
        RuntimeError: the result would change a token; nothing is given out (this is a defect).
    """
    result = format_text(source)
    return result.replace("\n", "\r\n") if source.text.count("\r\n") * 2 > source.text.count("\n") else result


def _significant(text: str) -> list[tuple[str, str]]:
    return [(t.type, t.value.rstrip() if t.type == "COMMENT" else t.value) for t in lex(text) if t.type != "WS"]


def _layout(text: str) -> str:
    lines = _without_needless(_lines(text))
    columns = _equal_columns(lines)
    rendered = [
        _INDENT * line.depth + _line(line, column) if line.tokens else ""
        for line, column in zip(lines, columns, strict=True)
    ]
    return "\n".join(rendered) + "\n" if rendered else ""


def _without_needless(lines: list[Line]) -> list[Line]:
    """The lines but for empty ones after an opening bracket or before a closing one."""
    kept: list[Line] = []
    for line, following in zip_longest(lines, lines[1:]):
        is_first = not kept or (kept[-1].tokens and kept[-1].tokens[-1].type in _OPEN)
        is_last = following is None or (following.tokens and following.tokens[0].type in _CLOSE)
        if line.tokens or not (is_first or is_last):
            kept.append(line)
    return kept


def _lines(text: str) -> list[Line]:
    """The lines with their tokens; several empty ones in a row are one."""
    rows: list[list[Token]] = [[]]
    for token in lex(text):
        if token.type == "WS":
            rows += [[] for _ in range(token.value.count("\n"))]
        else:
            rows[-1].append(token)
    lines: list[Line] = []
    stack: list[str] = []
    for row in rows:
        if not row and (not lines or not lines[-1].tokens):
            continue
        closing = 0
        while closing < len(row) and row[closing].type in _CLOSE:
            closing += 1
        lines.append(Line(tuple(row), max(0, len(stack) - closing), tuple(stack)))
        previous: Token | None = None
        for token in row:
            if token.type in _OPEN:
                stack.append("choice" if token.type == "LBRACE" and _begins_choice(previous) else token.type)
            elif token.type in _CLOSE and stack:
                stack.pop()
            previous = token
    while lines and not lines[-1].tokens:
        lines.pop()
    return lines


def _begins_choice(previous: Token | None) -> bool:
    return previous is not None and previous.type in ("EQUAL", "COMMA", "GROUP", "STAR")


def _key(line: Line) -> str | None:
    """What kind of `... =` a line begins with, for alignment: an attribute or a declaration."""
    kinds = [token.type for token in line.tokens[:3]]
    if kinds[:2] == ["NAME", "EQUAL"]:
        return "attribute"
    return kinds[0] if len(kinds) == 3 and kinds[0] in _DECLARES and kinds[2] == "EQUAL" else None


def _left_width(line: Line) -> int:
    equal = next(i for i, token in enumerate(line.tokens) if token.type == "EQUAL")
    return len(" ".join(token.value for token in line.tokens[:equal]))


def _equal_columns(lines: list[Line]) -> list[int]:
    """For each line the width to pad its left side to, so that a run of lines has its `=` in one column."""
    columns: list[int] = []
    for (key, _), run in groupby(lines, key=lambda line: (_key(line), line.depth)):
        alike = list(run)
        columns += [0 if key is None else max(map(_left_width, alike))] * len(alike)
    return columns


def _line(line: Line, equal_column: int) -> str:
    text = ""
    stack = list(line.opened)
    previous: Token | None = None
    aligned = equal_column == 0
    for position, token in enumerate(line.tokens):
        inside = stack[-1] if stack else ""
        if token.type in _CLOSE and stack:
            stack.pop()
        if token.type == "EQUAL" and not aligned:
            text = text.ljust(equal_column)
            aligned = True
        following = _follows_attribute(line.tokens, position, inside)
        text += ("  " if following else _gap(previous, token, inside)) + token.value.rstrip()
        if token.type in _OPEN:
            stack.append("choice" if token.type == "LBRACE" and _begins_choice(previous) else token.type)
        previous = token
    return text


def _follows_attribute(tokens: tuple[Token, ...], position: int, inside: str) -> bool:
    """Whether this begins a second attribute on one line of a block."""
    if inside != "LBRACE" or position == 0 or tokens[position].type != "NAME":
        return False
    begins = position + 1 < len(tokens) and tokens[position + 1].type == "EQUAL"
    return begins and tokens[position - 1].type not in ("COMMA", "LBRACE", "DOT", "FIX", "FREE", *_DECLARES)


def _gap(previous: Token | None, token: Token, inside: str) -> str:
    """The space between two tokens of a line."""
    if previous is None:
        return ""
    if token.type == "COMMENT":
        return "  "
    before, after = previous.type, token.type
    if after == "LPAR" and before not in ("NAME", "RBRACE"):
        return "" if before == "LPAR" else " "
    if after in ("COMMA", "DOT", "LPAR", "LSQB", "RPAR", "RSQB") or before in ("DOT", "LPAR", "LSQB"):
        return ""
    if inside == "LSQB" and ".." in (previous.value, token.value):
        return ""
    if inside == "choice" and (before == "LBRACE" or after == "RBRACE"):
        return ""
    return "" if (before, after) == ("LBRACE", "RBRACE") else " "
