"""Parsing: any text gives a tree and a list of diagnostics, and nothing is raised.

A text without mistakes is read by the machine alone. With one it is read again by `recovery`, which reports each
mistake and reads on.
"""

from __future__ import annotations

from collections.abc import Iterable

from tsdsl.diagnostics import Diagnostic
from tsdsl.records import dataclass
from tsdsl.source import SourceFile
from tsdsl.syntax import ast
from tsdsl.syntax.build import build_file
from tsdsl.syntax.grammar.lexer import lex_meaning
from tsdsl.syntax.grammar.machine import Machine, Node, Token, Unexpected, table

MAX_NESTED = 100
_CHANGES = {"LBRACE": 1, "LPAR": 1, "RBRACE": -1, "RPAR": -1}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A syntax tree and what was wrong with the text."""

    file: ast.File
    diagnostics: tuple[Diagnostic, ...]


def parse(source: SourceFile) -> Parsed:
    """The syntax tree of a text, with a diagnostic for each thing that could not be read."""
    tokens = list(lex_meaning(source.text))
    end = _readable_end(tokens, len(source.text))
    tree = _undisturbed(tokens) if end > len(source.text) else None
    recovery = None
    if tree is None:
        from tsdsl.syntax.recovery.driver import Recovery  # much code that a text without mistakes does not need

        recovery = Recovery(source)
        tree = recovery.tree(end)
    return Parsed(build_file(tree, len(source.text)), tuple(recovery.diagnostics) if recovery is not None else ())


def _undisturbed(tokens: Iterable[Token]) -> Node | None:
    """The tree of a text without mistakes; None of any other."""
    machine = Machine(table())
    try:
        for token in tokens:
            machine.feed(token)
        return machine.finish()
    except Unexpected:
        return None


def _readable_end(tokens: Iterable[Token], length: int) -> int:
    """Where the first token inside of more than MAX_NESTED brackets begins; past the end if there is none."""
    depth = 0
    for token in tokens:
        depth = max(0, depth + _CHANGES.get(token.type, 0))
        if depth > MAX_NESTED:
            return token.start_pos
    return length + 1
