"""Random spaces, written from trees: they parse back, check clean, and keep their meaning when formatted."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.planted import plant
from support.printed import printed
from support.random_derivations import in_two_files, valid_derivation
from support.random_spaces import loose_space, valid_space
from support.shape_reference import fits
from tsdsl.check.check import check
from tsdsl.diagnostics.render import concise
from tsdsl.source import SourceFile
from tsdsl.space.resolve import resolve
from tsdsl.syntax.formatter import format_text
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.parser import parse

SHIPPED = sorted((Path(__file__).parent.parent.parent / "spaces").glob("*.tsspace"))
DRAWN = st.randoms(use_true_random=False, note_method_calls=False)
FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def without_places(node: object) -> object:
    """A tree as nested tuples, spans left out."""
    if isinstance(node, tuple):
        return tuple(without_places(part) for part in node)
    if is_dataclass(node) and not isinstance(node, type):
        parts = [without_places(getattr(node, field.name)) for field in fields(node) if field.name != "span"]
        return (type(node).__name__, *parts)
    return node


@FEW
@given(DRAWN)
def test_a_printed_tree_parses_back_and_checks_clean(draw: Random) -> None:
    tree = valid_space(draw)
    source = SourceFile("drawn.tsspace", printed(tree))
    parsed = parse(source)
    assert parsed.diagnostics == ()
    assert without_places(parsed.file) == without_places(tree)
    found = check(source).diagnostics
    # Ratios drawn at random may round alike, which is worth a warning and no mistake.
    assert [concise(d) for d in found if d.code != "TS410"] == []


@FEW
@given(DRAWN)
def test_a_derived_space_parses_back_and_checks_clean_with_its_base_in_one_file_or_two(draw: Random) -> None:
    tree = valid_derivation(draw)
    source = SourceFile("drawn.tsspace", printed(tree))
    assert without_places(parse(source).file) == without_places(tree)
    together = check(source)
    importing, base = map(printed, in_two_files(tree))
    apart = check(SourceFile("drawn.tsspace", importing), lambda name: SourceFile(name, base))
    assert [concise(d) for d in (*together.diagnostics, *apart.diagnostics)] == []
    assert together.spaces[1].space == apart.spaces[0].space


@FEW
@given(DRAWN)
def test_formatting_a_random_space_is_idempotent_and_keeps_its_meaning(draw: Random) -> None:
    text = printed(valid_derivation(draw))
    once = format_text(SourceFile("drawn.tsspace", text))
    assert format_text(SourceFile("drawn.tsspace", once)) == once
    assert [t[:2] for t in lex(once) if t.type != "WS"] == [t[:2] for t in lex(text) if t.type != "WS"]
    before, after = (resolve(SourceFile("drawn.tsspace", one)).spaces for one in (text, once))
    assert [one.space for one in before] == [one.space for one in after]
    assert len(before) == 2


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_formatting_a_shipped_space_keeps_its_meaning(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    squeezed = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    again = format_text(SourceFile(str(path), squeezed))
    before, after = (resolve(SourceFile(str(path), one)).spaces for one in (text, again))
    assert [one.space for one in before] == [one.space for one in after]


@pytest.mark.parametrize("seed", range(30))
def test_planted_mistakes_are_each_told_once_on_their_line(seed: int) -> None:
    draw = Random(seed)
    drawn = valid_space(draw) if seed % 3 else valid_derivation(draw)
    wrong = plant(printed(drawn), draw.randint(1, 5), draw)
    source = SourceFile("planted.tsspace", wrong.text)
    found = [(source.position(d.span.start).line, d.code) for d in check(source).diagnostics]
    assert found == sorted((line, kind.code) for line, kind in wrong.mistakes.items())


@pytest.mark.parametrize("seed", range(30))
def test_check_accepts_the_spaces_of_which_every_architecture_fits(seed: int) -> None:
    tree = loose_space(Random(seed))
    found = [d for d in check(SourceFile("drawn.tsspace", printed(tree))).diagnostics if d.severity == "error"]
    assert (not found) == fits(tree), [concise(d) for d in found]
