"""A text that somebody types: after each edit the server knows what it would know if it had never seen a group."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from random import Random

import pytest

from support.printed import printed
from support.random_derivations import valid_derivation
from support.random_edits import edited
from tsdsl.lsp.features.inlay import inlay_hints
from tsdsl.lsp.snapshot import Snapshot, take
from tsdsl.source import SourceFile, Span

SPACES = Path(__file__).parent.parent.parent / "spaces"
REMEMBERING = type(functools.lru_cache(len))


def forget() -> None:
    """Empty everything that tsdsl remembers."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tsdsl."):
            for value in vars(module).values():
                if isinstance(value, REMEMBERING):
                    value.cache_clear()


def taken_in_full(source: SourceFile, before: Snapshot | None) -> Snapshot:
    """The snapshot of a text by a program that has seen no other."""
    forget()
    return take(source, before)


def knowledge(snapshot: Snapshot) -> list[object]:
    """All that a snapshot tells."""
    hints = list(inlay_hints(snapshot, Span(0, len(snapshot.source.text))))
    spaces = [(name, repr(valid.space), dict(valid.group_texts)) for name, valid in snapshot.last_valid.items()]
    return [snapshot.file, snapshot.diagnostics, spaces, hints, snapshot.sites, snapshot.names.occurrences]


@pytest.mark.parametrize("seed", range(8))
def test_the_server_knows_of_an_edited_text_what_it_knows_of_a_new_one(seed: int) -> None:
    draw = Random(seed)
    if seed < 2:
        right = (SPACES / f"{('tiny', 'auto_tsnet')[seed]}.tsspace").read_text(encoding="utf-8")
    else:
        right = printed(valid_derivation(draw)).replace("search = ", "target = 1 MFLOPs\n    search = ", 1)
    texts = [right]
    for _ in range(7):
        texts.append(edited(draw, texts[-1] if draw.random() < 0.5 else right))
    snapshot, reference = None, None
    references = []
    for text in texts:
        reference = taken_in_full(SourceFile("typed.tsspace", text), reference)
        references.append(reference)
    for text, reference in zip(texts, references, strict=True):
        snapshot = take(SourceFile("typed.tsspace", text), snapshot)
        assert knowledge(snapshot) == knowledge(reference)
