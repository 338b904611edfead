"""Group statements that are read once for each text they have, however often and wherever they stand.

A long file is mostly groups, and an edit changes few of them. So the lexer takes a group statement for one token where
it can, and the parser takes that token for the group that it is. Own design.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tsdsl.syntax import ast
from tsdsl.syntax.build import build_group
from tsdsl.syntax.lexer import lex_meaning
from tsdsl.syntax.machine import Machine, Node, Token, Unexpected, table

WHOLE_GROUP = "group"
MOST_BRACKETS = 2
MOST_REMEMBERED = 32768
_SPACE = r"[ \t\f\r\n]"
# No comment, string or call inside, so that its end is found without reading it. It ends where the tokens end that it
# is made of, whatever follows.
_GROUP = (
    rf"group{_SPACE}++[A-Za-z_][A-Za-z0-9_]*+{_SPACE}*+\([^()\"#]{{0,2000}}+\)"
    rf"(?:{_SPACE}*+\*{_SPACE}*+[0-9]++(?![A-Za-z0-9_.]))?"
)
_BEFORE = "space s { stream s { stage 0 {"


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a text but for space and comments; unknown characters are BAD, whole groups WHOLE_GROUP.

    With `parts` of each whole group in its place they are those of `lex_meaning`.
    """
    for token in lex_meaning(text, ((WHOLE_GROUP, _GROUP),)):
        if token.type == WHOLE_GROUP and group_text(token.value) is None:
            yield from parts(token)
        else:
            yield token


def parts(whole: Token) -> list[Token]:
    """The tokens that a whole group is made of."""
    by = whole.start_pos
    return [Token(kind, value, start + by, end + by) for kind, value, start, end in lex_meaning(whole.value)]


@lru_cache(maxsize=MOST_REMEMBERED)
def group_text(text: str) -> ast.GroupText | None:
    """A group statement with spans that count from its start; None where the text is not exactly one."""
    machine = Machine(table())
    machine.states, machine.values = list(_states_in_a_stage()), []
    try:
        for token in lex_meaning(text):
            machine.feed(token)
        machine.feed(Token("RBRACE", "}", len(text), len(text)))
    except Unexpected:
        return None
    groups = machine.values[0]
    assert isinstance(groups, Node)
    call, repeat = build_group(groups.children[0])
    return ast.GroupText(text, call, repeat)


@lru_cache(maxsize=1)
def _states_in_a_stage() -> tuple[int, ...]:
    machine = Machine(table())
    for token in lex_meaning(_BEFORE):
        machine.feed(token)
    return tuple(machine.states)
