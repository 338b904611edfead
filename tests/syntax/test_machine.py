"""The machine and its table say what Lark says of the grammar."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedToken

from tsdsl.syntax.grammar import machine
from tsdsl.syntax.grammar.compile_table import table_text
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.grammar.machine import Machine, Node, Unexpected, table

FOLDER = files("tsdsl.grammars")
GRAMMAR = FOLDER.joinpath("tsspace.lark").read_text(encoding="utf-8")
TEXTS = [
    path.read_text(encoding="utf-8")
    for folder in ("spaces", "tests/cases")
    for path in sorted((Path(__file__).parent.parent.parent / folder).glob("*.tsspace"))
]


@pytest.fixture(scope="module")
def lark() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=True)


def test_the_table_is_what_the_grammar_gives() -> None:
    written = FOLDER.joinpath("tsspace.json").read_text(encoding="utf-8")
    assert written == table_text(GRAMMAR), "run `python -m tsdsl.syntax.grammar.compile_table`"


def test_a_table_that_is_older_than_its_grammar_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tsspace.lark").write_text(GRAMMAR.replace('"space"', '"spaces"'), encoding="utf-8")
    (tmp_path / "tsspace.json").write_text(FOLDER.joinpath("tsspace.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(machine, "files", lambda _: tmp_path)
    assert "spaces" in machine.table.__wrapped__().keywords


def mutated(text: str, draw: random.Random) -> str:
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(text) + 1)
        text = (
            text[:start]
            + draw.choice(["", "=", "}", "{", "(", " x ", "1", ",", "9z", '"'])
            + text[start + draw.randint(0, 4) :]
        )
    return text


def shape(tree: object) -> object:
    """A tree without places, of either kind."""
    if isinstance(tree, Tree | Node):
        return str(tree.data), [shape(child) for child in tree.children]
    return None if tree is None else (tree.type, str(tree.value))  # type: ignore[attr-defined]


def both(lark: Lark, text: str) -> Iterator[tuple[object, object]]:
    """What Lark and the machine say after each token: what they accept, and in the end the tree."""
    theirs, ours = lark.parse_interactive(""), Machine(table())
    for token in lex(text):
        if token.type in ("WS", "COMMENT", "BAD"):
            continue
        try:
            theirs.feed_token(Token(token.type, token.value))
        except UnexpectedToken:
            with pytest.raises(Unexpected):
                ours.feed(token)
            yield theirs.accepts(), ours.accepts()
            return
        ours.feed(token)
    if "$END" in theirs.accepts():
        yield shape(theirs.feed_eof()), shape(ours.finish())


def test_tokens_are_those_of_lark(lark: Lark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lark, "_build_lexer", cache(lark._build_lexer))  # else each text has a lexer of its own
    draw = random.Random(0)
    for text in TEXTS:
        for one in (text, mutated(text, draw)):
            theirs = [(t.type, t.value, t.start_pos, t.end_pos) for t in lark.lex(one, dont_ignore=True)]
            assert [tuple(token) for token in lex(one)] == theirs


def test_trees_and_what_is_accepted_are_those_of_lark(lark: Lark) -> None:
    draw = random.Random(1)
    compared = 0
    for text in TEXTS:
        for one in (text, mutated(text, draw), mutated(text, draw)):
            for theirs, ours in both(lark, one):
                compared += 1
                assert ours == theirs
    assert compared > len(TEXTS)


def test_a_copy_goes_on_without_the_machine_that_it_was_made_of() -> None:
    tokens = [
        token for token in lex("tsspace 1 space a { classes = 2 size = 3 domain d = {1, 2}") if token.type != "WS"
    ]
    closing = next(lex("}"))
    first = Machine(table())
    for token in tokens:
        first.feed(token)
    second = first.copy()
    for token in tokens[5:8]:
        second.feed(token)
    for one in (first, second):
        one.feed(closing)
    assert len(first.finish().children[1].children) + 1 == len(second.finish().children[1].children)
