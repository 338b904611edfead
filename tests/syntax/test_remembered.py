"""Group statements that were read before: the tree and the diagnostics are those of a text that is read in full."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from support.printed import printed
from support.random_derivations import valid_derivation
from support.random_edits import edited
from tsdsl.source import SourceFile
from tsdsl.syntax import ast, parser, remembered
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.parser import MOST_NESTED, Parsed, parse

SPACES = Path(__file__).parent.parent.parent / "spaces"
STAGE = "tsspace 1\nspace s {{ classes = 2 size = 8 stream a {{ frames = 1 stage 0 {{\n{}\n}} }} }}\n"


def read_in_full(source: SourceFile) -> Parsed:
    """What is parsed where no group is taken as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser._Driver, "undisturbed", lambda driver: None)
        patch.setattr(remembered, "group_text", lambda text: None)
        return parse(source)


def groups_of(parsed: Parsed) -> list[ast.Group]:
    items = [item for space in parsed.file.spaces for item in space.items]
    return [group for item in items if isinstance(item, ast.Stream) for stage in item.stages for group in stage.groups]


@pytest.mark.parametrize("seed", range(40))
def test_a_text_that_is_edited_again_and_again_is_read_as_one_that_was_never_seen(seed: int) -> None:
    draw = Random(seed)
    shipped = sorted(SPACES.glob("*.tsspace"))
    text = shipped[seed].read_text(encoding="utf-8") if seed < len(shipped) else printed(valid_derivation(draw))
    right = text
    for _ in range(12):
        text = edited(draw, text if draw.random() < 0.7 else right)
        source = SourceFile("edited.tsspace", text)
        assert parse(source) == read_in_full(source)


@pytest.mark.parametrize(
    "statement",
    [
        "group mb(channels = 8)",
        "group mb(channels = 8) * 2",
        "group\tmb (channels = {1,\r\n 2})\n * 2",
        "group mb()",
        "group mb(stride = wide, channels = 8 .. 16 by 4, x = 3.5 GFLOPs, y = {1x1x1, no}, z = -2) * 12",
    ],
)
def test_the_parts_of_a_group_are_the_tokens_it_is_written_with(statement: str) -> None:
    source = SourceFile("x", STAGE.format(f"{statement}\n# between\n{statement}"))
    whole = [token for token in remembered.tokens_of(source.text) if token.type == remembered.WHOLE_GROUP]
    assert [token.value for token in whole] == [statement, statement]
    parts = [part for token in remembered.tokens_of(source.text) for part in remembered.parts(token) or [token]]
    assert [part for token in whole for part in remembered.parts(token)] == [
        token
        for token in lex(source.text)
        if token.type not in ("WS", "COMMENT") and any(w.start_pos <= token.start_pos < w.end_pos for w in whole)
    ]
    assert len(parts) > len(whole)
    one, other = groups_of(parse(source))
    assert one.written is other.written is not None
    assert one.call != other.call
    assert parse(source) == read_in_full(source)


@pytest.mark.parametrize(
    "groups",
    [
        "group mb(channels = 8)\n* 2\ngroup mb(channels = 8)",
        "group mb(channels = 8) * 2 * 2\ngroup mb(channels = 8)",
        "group mb(channels = 8) * 2.5\ngroup mb(channels = 8)",
        "group mb(channels = 8) * 2x\ngroup mb(channels = 8)",
        "group mb(channels = 8) * 1x1x1\ngroup mb(channels = 8)",
        "group mb(channels = 8), stride = 2\ngroup mb(channels = 8)",
        "group mb(channels = 8))\ngroup mb(channels = 8)",
        "group mb(channels = 8\ngroup mb(channels = 8)",
        "group mb(channels = 8 } group mb(channels = 8)",
        "group mb(channels = a(b = 8))\ngroup mb(channels = 8)",
        "group mb(channels = 8 # why (\n) group mb(channels = 8)",
        "group mb(channels = 8) // group mb(channels = 8)\n group mb(channels = 8)",
        "group mb(channels = 8) // group mb(channels =\n 8) * 2 group mb(channels = 8)",
        "group mb(channels = ;) group mb(channels = 8)",
        "group group(channels = 8) group mb(channels = 8)",
        "after = group mb(channels = 8) group mb(channels = 8)",
        "} group mb(channels = 8) group mb(channels = 8)",
        "group mb(channels = 8) group",
        "groups mb(channels = 8) group mb(channels = 8)",
        "group mb(channels = \"8\") group mb(channels = '8')",
        "group mb(channels\u00a0= 8) group mb(channels = 8)",
        *("group " + "a(b = " * (MOST_NESTED - n) + "group mb(c = {8}) group mb(c = 8)" for n in range(7)),
    ],
)
def test_what_is_next_to_a_group_or_wrong_in_it_is_read_as_ever(groups: str) -> None:
    for text in (STAGE.format(groups), STAGE.format(groups).split("} }")[0], groups):
        source = SourceFile("x", text)
        assert parse(source) == read_in_full(source)


def test_a_mistake_elsewhere_leaves_a_group_remembered() -> None:
    statement = "group mb(channels = 8 .. 16 by 8, t = {1, 3})"
    right = groups_of(parse(SourceFile("x", STAGE.format(statement))))
    before, after = STAGE.format("|").split("|")
    for mistake in ("= 2 size", "classes = = 2 size", "classes = 2 size ;", "classes = 2 size"):
        wrong = before.replace("classes = 2 size", mistake)
        source = SourceFile("x", f"{wrong}{statement}\ngroup mb(channels = ,)\n{statement} # why\n{after}")
        parsed = parse(source)
        assert parsed.diagnostics
        assert parsed == read_in_full(source)
        found = groups_of(parsed)
        assert [group.written is right[0].written for group in found].count(True) == 2


def test_a_group_that_says_something_else_than_its_text_is_left_as_it_was_read() -> None:
    text = STAGE.format("group mb(channels = 8) * 2")
    source = SourceFile("x", text)
    read = read_in_full(source).file
    (group,) = groups_of(Parsed(read, ()))
    assert remembered.with_remembered(read, text) == read
    assert groups_of(Parsed(remembered.with_remembered(read, text), ()))[0].written is not None
    for other in (text.replace("= 8", "= 9"), text.replace("* 2", "* 3"), text.replace("(c", "(d"), text[1:] + " "):
        assert groups_of(Parsed(remembered.with_remembered(read, other), ())) == [group]
        assert groups_of(Parsed(remembered.with_remembered(read, other), ()))[0].written is None


def test_the_parts_of_a_group_are_placed_where_it_stands_in_its_file() -> None:
    source = SourceFile("x", STAGE.format("group mb(channels = 8)\n  group mb(channels = 8) * 2"))
    first, second = groups_of(parse(source))
    assert [source.text[g.call.arguments[0].value.span.start :][:1] for g in (first, second)] == ["8", "8"]
    elsewhere = ast.in_source(second, source)
    assert elsewhere.written is second.written
    assert elsewhere.call.span == second.call.span.__class__(second.call.span.start, second.call.span.end, source)
    assert elsewhere.repeat is not None
    assert elsewhere.repeat.span.source is source
    with pytest.raises(AttributeError, match="caller"):
        elsewhere.caller  # type: ignore[attr-defined]  # noqa: B018
