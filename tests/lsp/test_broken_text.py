"""Texts that are broken, strange or odd in their characters: the server answers, from what it last understood."""

from __future__ import annotations

import random

import pytest
from lsprotocol import types

from support.editor import Editor, Text
from tsdsl.lsp.features.completion import complete
from tsdsl.lsp.features.edits import formatting, quick_fixes
from tsdsl.lsp.features.highlight import highlights
from tsdsl.lsp.features.hover import hover
from tsdsl.lsp.features.inlay import inlay_hints
from tsdsl.lsp.features.navigation import definitions, references, renamable
from tsdsl.lsp.features.outline import folds, symbols
from tsdsl.lsp.positions import Positions
from tsdsl.lsp.snapshot import Snapshot, take
from tsdsl.source import SourceFile, Span

SPACE = """tsspace 1
# größe 𝒳
space tiny {
  classes = 5  # größe 𝒳
  size = 32
  domain widths = {8, 16}  stream one {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = widths, stride = 2)
      group mbconv3d(t = 1, k = 3, expansion = 2, channels = widths)
    }
  }
  step 1 "größe 𝒳" { search = one  target = 1.26 MFLOPs }
}
"""
WHOLE = types.Range(types.Position(0, 0), types.Position(999, 0))
STRANGE = [
    "",
    "\x00",
    "\ufeff" + SPACE,
    "}" * 200,
    "{" * 2000,
    "space " * 500,
    SPACE.replace("8", "8" * 10_000),
    SPACE.replace("\n", "\r"),
    '"' + SPACE,
    "tsspace 2\n" + SPACE,
    SPACE * 3,
    "\U0010ffff\ud800",
]


def everything(snapshot: Snapshot, offset: int) -> None:
    """Ask every feature."""
    positions = Positions(snapshot.source.text)
    for diagnostic in snapshot.diagnostics:
        positions.place(diagnostic.span.end)
    complete(snapshot, offset)
    hover(snapshot, offset)
    list(inlay_hints(snapshot, Span(0, len(snapshot.source.text))))
    definitions(snapshot.names, offset)
    references(snapshot.names, offset, with_declarations=True)
    renamable(snapshot.names, offset)
    symbols(snapshot.file)
    folds(snapshot.tokens)
    list(highlights(snapshot))
    list(quick_fixes(snapshot, Span(offset, offset)))
    formatting(snapshot.source)


def mutated(draw: random.Random, text: str) -> str:
    """A text with one to three pieces cut out, doubled or put elsewhere."""
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.randint(1, 30))
        piece, rest = text[start:end], text[:start] + text[end:]
        place = draw.randrange(len(rest) + 1)
        text = draw.choice([rest, text[:end] + piece + text[end:], rest[:place] + piece + rest[place:]])
    return text


def test_every_feature_answers_on_mutated_texts() -> None:
    draw = random.Random(0)
    good = take(SourceFile("a", SPACE))
    for _ in range(150):
        text = mutated(draw, SPACE)
        everything(take(SourceFile("a", text), good), draw.randrange(len(text) + 1))


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_every_feature_answers_on_strange_texts(text: str) -> None:
    for offset in (0, len(text) // 2, len(text)):
        everything(take(SourceFile("a", text)), offset)


def hints(editor: Editor, text: Text) -> list[str]:
    answer = editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintParams(text.identifier, WHOLE))
    return [hint.label for hint in answer or []]


def test_a_broken_text_keeps_the_hints_of_groups_that_are_as_they_were(editor: Editor) -> None:
    text = editor.open(SPACE)
    before = hints(editor, text)
    assert len(before) == 2
    text = editor.change(text, SPACE.replace("expansion = 2, channels", "expansion = , channels"), 2)
    assert editor.diagnostics(text, 2) != []
    assert hints(editor, text) == before[:1]
    text = editor.change(text, SPACE + "space {", 3)
    assert editor.diagnostics(text, 3) != []
    assert hints(editor, text) == before


def test_hover_in_a_broken_text_tells_of_the_space_as_it_last_was(editor: Editor) -> None:
    text = editor.open(SPACE)
    editor.diagnostics(text)
    text = editor.change(text, SPACE.replace("search = one", "search = "), 2)
    line = next(i for i, line in enumerate(text.text.split("\n")) if "group conv3d" in line)
    answer = editor.ask(types.TEXT_DOCUMENT_HOVER, types.HoverParams(text.identifier, types.Position(line, 7)))
    assert "group `one.stage0.group1`: conv3d, output 8..16 x 2 x 16 x 16" in answer.contents.value


def test_the_server_lives_through_a_text_of_one_brace_typed_and_taken_back(editor: Editor) -> None:
    text = editor.open(SPACE)
    draw = random.Random(1)
    for version in range(2, 20):
        broken = mutated(draw, SPACE)
        text = editor.change(text, broken, version)
        editor.ask(types.TEXT_DOCUMENT_HOVER, types.HoverParams(text.identifier, types.Position(5, 10)))
        editor.ask(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, types.DocumentSymbolParams(text.identifier))
    text = editor.change(text, SPACE, 20)
    assert editor.diagnostics(text, 20) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_places_behind_characters_of_two_units_and_in_crlf_texts_are_right(editor: Editor, end: str) -> None:
    wrong = SPACE.replace("search = one  target", "search = one  targe").replace("\n", end)
    text = editor.open(wrong)
    (found,) = editor.diagnostics(text)
    assert text.covered(found.range) == "targe"
    assert found.range.start.line == 12
    line = wrong.split("\n")[12]
    assert found.range.start.character == line.index("targe") + 1  # the 𝒳 before it is two units


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_formatting_keeps_the_line_ends_of_the_text(editor: Editor, end: str) -> None:
    text = editor.open(
        SPACE.replace("  domain widths = {8, 16}  stream", "  stream").replace("widths", "{8,  16}").replace("\n", end)
    )
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = editor.ask(types.TEXT_DOCUMENT_FORMATTING, types.DocumentFormattingParams(text.identifier, options))
    after = text.edited(edits)
    assert f"channels = {{8, 16}}, stride = 2){end}" in after
    assert after.count("\r\n") == (after.count("\n") if end == "\r\n" else 0)


def test_rename_in_a_crlf_text_with_wide_characters_changes_just_the_names(editor: Editor) -> None:
    text = editor.open(SPACE.replace("\n", "\r\n"))
    line = next(i for i, line in enumerate(text.text.split("\r\n")) if "domain widths" in line)
    where = {"text_document": text.identifier, "position": types.Position(line, 10)}
    edit = editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name="w", **where))
    assert text.edited(edit.changes[text.uri]) == text.text.replace("widths", "w")
