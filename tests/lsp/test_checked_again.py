"""A text that is edited and checked again: what is remembered of groups that did not change tells the same."""

from __future__ import annotations

import random
import re

import pytest

from support.printed import printed
from support.random_derivations import valid_derivation
from tsdsl.analysis.tables import group_tables
from tsdsl.lsp.snapshot import take
from tsdsl.network import group
from tsdsl.source import SourceFile


def edited(draw: random.Random, text: str) -> str:
    """A text with one of its numbers changed, or one of its lines gone or doubled."""
    lines = text.split("\n")
    place = draw.randrange(len(lines))
    match draw.randrange(4):
        case 0:
            return "\n".join(lines[:place] + lines[place + 1 :])
        case 1:
            return "\n".join(lines[:place] + lines[place : place + 1] + lines[place:])
        case _:
            numbers = list(re.finditer(r"\b\d+\b", text))
            found = draw.choice(numbers)
            return f"{text[: found.start()]}{draw.choice([1, 2, 3, 5, 8, 16])}{text[found.end() :]}"


@pytest.mark.parametrize("seed", range(6))
def test_a_check_after_edits_tells_what_a_fresh_one_tells(seed: int) -> None:
    draw = random.Random(seed)
    right = printed(valid_derivation(draw)).replace("search = ", "target = 1 MFLOPs\n    search = ", 1)
    snapshot = take(SourceFile("edited.tsspace", right))
    for _ in range(12):
        source = SourceFile("edited.tsspace", edited(draw, right))
        snapshot = take(source, snapshot)
        group_tables._first_tables.cache_clear()
        group._first.cache_clear()
        assert take(source).diagnostics == snapshot.diagnostics
