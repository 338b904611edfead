"""Group statements that are read once for each text they have, however often and wherever they stand.

A long file is mostly groups, and an edit changes few of them. So the lexer takes a group statement for one token, and
the parser takes that token for the group that it is. Where anything in a text is wrong its tokens are read one by one
around that, as recovery looks at tokens far and near, and groups as a whole elsewhere. Own design.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tsdsl.syntax import ast
from tsdsl.syntax.build import build_group
from tsdsl.syntax.grammar.lexer import lex_meaning
from tsdsl.syntax.grammar.machine import Machine, Node, Token, Unexpected, table

WHOLE_GROUP = "group"
MOST_BRACKETS = 2
MOST_REMEMBERED = 32768
LONGEST_REMEMBERED = 2000
_SPACE = r"[ \t\f\r\n]"
# No comment, string or call inside, so that its end is found without reading it. It ends where the tokens end that it
# is made of, whatever follows.
_GROUP = (
    rf"group{_SPACE}++[A-Za-z_][A-Za-z0-9_]*+{_SPACE}*+\([^()\"#]{{0,{LONGEST_REMEMBERED}}}+\)"
    rf"(?:{_SPACE}*+\*{_SPACE}*+[0-9]++(?![A-Za-z0-9_.]))?"
)
_BEFORE = "space s { stream s { stage 0 {"
# Between these a name is an operator, an attribute or a value, and never taken for anything else that it may be like.
_BEFORE_A_NAME = frozenset({"GROUP", "LPAR", "COMMA", "EQUAL", "LBRACE"})
_AFTER_A_NAME = frozenset({"LPAR", "EQUAL", "COMMA", "RBRACE", "RPAR"})
_NEVER_INSIDE = frozenset({"DOT", "LSQB", "GROUP"})


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a text but for space and comments, with what looks like a group as one.

    With `parts` of each group in its place they are those of `lex_meaning`.
    """
    return lex_meaning(text, ((WHOLE_GROUP, _GROUP),))


def parts(whole: Token) -> list[Token]:
    """The tokens that a group is made of."""
    by = whole.start_pos
    return [Token(kind, value, start + by, end + by) for kind, value, start, end in _parts(whole.value)]


@lru_cache(maxsize=MOST_REMEMBERED)
def _parts(text: str) -> tuple[Token, ...]:
    return tuple(lex_meaning(text))


@dataclass(frozen=True, slots=True)
class Whole:
    """A group that can be taken as a whole, and the tokens that it is made of."""

    group: Token
    parts: list[Token]


def single_tokens_of(text: str) -> tuple[list[Token], dict[int, Whole]]:
    """The tokens of a text but for space and comments, and where what looks like a group begins among them."""
    tokens: list[Token] = []
    groups: dict[int, Whole] = {}
    for token in tokens_of(text):
        if token.type == WHOLE_GROUP:
            groups[token.start_pos] = Whole(token, parts(token))
            tokens += groups[token.start_pos].parts
        else:
            tokens.append(token)
    return tokens, groups


def whole_group(token: Token) -> Node | None:
    """What the parser would make of the parts of a group; None where that takes reading them."""
    written = group_text(token.value)
    return Node(WHOLE_GROUP, [written], token.start_pos, token.end_pos) if written is not None else None


@lru_cache(maxsize=MOST_REMEMBERED)
def group_text(text: str) -> ast.GroupText | None:
    """A group statement with spans that count from its start; None where the text is not one beyond doubt."""
    tokens = _parts(text)
    machine = Machine(table())
    machine.states, machine.values = list(_states_in_a_stage()), []
    try:
        for token in tokens:
            machine.feed(token)
        machine.feed(Token("RBRACE", "}", len(text), len(text)))
    except Unexpected:
        return None
    groups = machine.values[0]
    assert isinstance(groups, Node)
    if len(groups.children) != 1 or not _is_beyond_doubt(tokens):
        return None
    call, repeat = build_group(groups.children[0])
    return ast.GroupText(text, call, repeat)


def _is_beyond_doubt(tokens: Sequence[Token]) -> bool:
    """Whether the parser would not take any name in it for something else that it is like."""
    kinds = [token.type for token in tokens]
    return _NEVER_INSIDE.isdisjoint(kinds[1:]) and all(
        before in _BEFORE_A_NAME and after in _AFTER_A_NAME
        for before, kind, after in zip(kinds, kinds[1:], kinds[2:], strict=False)
        if kind == "NAME"
    )


@lru_cache(maxsize=1)
def _states_in_a_stage() -> tuple[int, ...]:
    machine = Machine(table())
    for token in lex_meaning(_BEFORE):
        machine.feed(token)
    return tuple(machine.states)


def with_remembered(file: ast.File, text: str) -> ast.File:
    """The same tree, where each group that says what its text says alone is the remembered one."""
    return replace(file, spaces=tuple([_space(space, text) for space in file.spaces]))


def _space(space: ast.Space, text: str) -> ast.Space:
    items = [_stream(item, text) if isinstance(item, ast.Stream) else item for item in space.items]
    return replace(space, items=tuple(items))


def _stream(stream: ast.Stream, text: str) -> ast.Stream:
    if all(group.written is not None for stage in stream.stages for group in stage.groups):
        return stream
    stages = [replace(s, groups=tuple([_group(group, text) for group in s.groups])) for s in stream.stages]
    return replace(stream, stages=tuple(stages))


def _group(group: ast.Group, text: str) -> ast.Group:
    span = group.span
    if group.written is not None or span.end - span.start > LONGEST_REMEMBERED:
        return group
    written = group_text(text[span.start : span.end])
    if written is None:
        return group
    is_alike = ast.is_moved(group.call, written.call, span.start) and ast.is_moved(
        group.repeat, written.repeat, span.start
    )
    return ast.Group.placed(written, span) if is_alike else group
