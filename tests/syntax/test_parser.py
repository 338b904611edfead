"""Parsing: positions, recovery, and that nothing is ever raised."""

from __future__ import annotations

import random
from importlib.resources import files

import pytest
from lark import Lark

from tsdsl.source import SourceFile
from tsdsl.syntax import ast
from tsdsl.syntax.parser import parse

GRAMMAR = files("tsdsl.grammars").joinpath("tsspace.lark").read_text(encoding="utf-8")
AUTO = files("tsdsl.spaces").joinpath("auto_tsnet.tsspace").read_text(encoding="utf-8")


def test_the_grammar_has_no_conflicts_or_colliding_terminals() -> None:
    Lark(GRAMMAR, parser="lalr", lexer="basic", strict=True)


def test_spans_cover_exactly_what_was_written() -> None:
    parsed = parse(SourceFile("auto", AUTO))
    assert parsed.diagnostics == ()
    space = parsed.file.spaces[0]
    sparse = next(item for item in space.items if isinstance(item, ast.Stream))
    group = sparse.stages[1].groups[0]
    assert AUTO[group.span.start : group.span.end] == "group mb(channels = 32 .. 48 by 8, stride = 2)"
    channels = group.call.arguments[0].value
    assert AUTO[channels.span.start : channels.span.end] == "32 .. 48 by 8"


@pytest.mark.parametrize("text", ["spacefoo {}", "tsspace 1 spacefoo { }"])
def test_a_keyword_does_not_split_a_longer_name(text: str) -> None:
    assert parse(SourceFile("x", text)).diagnostics


def test_items_after_a_mistake_are_still_read() -> None:
    parsed = parse(SourceFile("x", AUTO.replace("classes = 400", "classes = = 400")))
    assert [d.code for d in parsed.diagnostics] == ["TS002"]
    kinds = [type(item).__name__ for item in parsed.file.spaces[0].items]
    assert kinds.count("Stream") == 2
    assert kinds.count("Step") == 3


def test_mistakes_on_separate_lines_are_separate_diagnostics() -> None:
    text = AUTO.replace("size    = 160", "size    = = 160").replace("frames = 32", "frames == 32")
    text = text.replace("merge = concat", "merge concat").replace("epochs = 400", "epochs = , 400")
    assert len(parse(SourceFile("x", text)).diagnostics) == 4


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00", "\ufeff", "}", "{" * 500, "(" * 500, '"', "tsspace", "space", "tsspace 1 space x {", "🙂" * 50],
    ids=lambda text: repr(text)[:12],
)
def test_odd_texts_give_a_tree_and_no_exception(text: str) -> None:
    assert isinstance(parse(SourceFile("x", text)).file, ast.File)


def test_spans_are_whole_after_a_recovery() -> None:
    text = 'tsspace 1\nspace s {\n  classes = "three {\n  size = = 3\n  step 1 "b" { search = a }\n}\n'
    parsed = parse(SourceFile("x", text))
    assert [d.code for d in parsed.diagnostics][:1] == ["TS001"]
    for space in parsed.file.spaces:
        for item in space.items:
            assert 0 <= item.span.start <= item.span.end <= len(text)


def test_a_file_of_nothing_but_mistakes_ends_in_bounded_time() -> None:
    parsed = parse(SourceFile("x", "tsspace 1\n" + "space x { " * 3000))
    assert len(parsed.diagnostics) <= 103
    assert any("the rest of the file is not read" in d.message for d in parsed.diagnostics)


def test_random_token_edits_never_raise() -> None:
    generator = random.Random(0)
    words = AUTO.split(" ")
    for _ in range(60):
        mutated = list(words)
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(mutated))
            match generator.randrange(3):
                case 0:
                    del mutated[place]
                case 1:
                    mutated.insert(place, generator.choice(["}", "{", "=", "group", "..", "(", "stage", "x", "7"]))
                case _:
                    other = generator.randrange(len(mutated))
                    mutated[place], mutated[other] = mutated[other], mutated[place]
        assert isinstance(parse(SourceFile("x", " ".join(mutated))).file, ast.File)
