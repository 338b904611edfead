"""Derivation, imports and shared decisions in the editor: names lead from space to space and from file to file."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, Text

BASE = """tsspace 1
domain wide = {8, 16}
space base {
  classes = 5
  size = 32
  shared depthwise = {3, 5}
  block mb = mbconv3d(t = 1, k = depthwise, expansion = 2)
  stream one {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = 8, stride = 2)
      group mb(channels = wide)
      group mb(channels = wide)
    }
  }
}
"""
DERIVED = """tsspace 1
# größe 𝒳
import "base.tsspace"
space narrow from base {
  fix one.stage[0].group[2].channels = 8
  step 1 "all" { search = one, shared.depthwise }
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.tsspace").write_text(BASE, encoding="utf-8")
    (tmp_path / "narrow.tsspace").write_text(DERIVED, encoding="utf-8")
    return tmp_path


def opened(editor: Editor, path: Path, before: str = "", after: str = "") -> Text:
    """A file, the mark between two texts that stand in it directly after each other."""
    text = path.read_text(encoding="utf-8")
    assert before + after in text
    return editor.open(text.replace(before + after, f"{before}|{after}", 1), path.as_uri())


def where(text: Text) -> dict[str, object]:
    return {"text_document": text.identifier, "position": text.position}


def test_a_file_that_imports_is_checked_with_what_it_imports(editor: Editor, folder: Path) -> None:
    assert editor.diagnostics(opened(editor, folder / "narrow.tsspace")) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("from ba", "se {", "base"),
        ("fix o", "ne.stage", "one"),
        ("search = o", "ne,", "one"),
        ("shared.dep", "thwise", "depthwise"),
        ("fix one.stage[0].gr", "oup[2]", "group"),
    ],
)
def test_definition_leads_into_the_imported_file(
    editor: Editor, folder: Path, before: str, after: str, expected: str
) -> None:
    text = opened(editor, folder / "narrow.tsspace", before, after)
    (found,) = editor.ask(types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams(**where(text)))
    assert found.uri == (folder / "base.tsspace").as_uri()
    assert Text(found.uri, BASE, text.position).covered(found.range) == expected


def test_rename_changes_both_files(editor: Editor, folder: Path) -> None:
    text = opened(editor, folder / "narrow.tsspace", "search = o", "ne,")
    edit = editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name="slow", **where(text)))
    base = (folder / "base.tsspace").as_uri()
    assert text.edited(edit.changes[text.uri]) == DERIVED.replace("one", "slow")
    assert Text(base, BASE, text.position).edited(edit.changes[base]) == BASE.replace("one", "slow")


def test_what_a_shipped_space_declares_is_not_renamed(editor: Editor, folder: Path) -> None:
    path = folder / "own.tsspace"
    path.write_text('tsspace 1\nimport "std:tiny"\nspace own from tiny { without = dense }\n', encoding="utf-8")
    text = opened(editor, path, "without = den", "se")
    (found,) = editor.ask(types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams(**where(text)))
    assert found.uri.endswith("/tiny.tsspace")
    with pytest.raises(JsonRpcException, match="shipped"):
        editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name="fast", **where(text)))


def test_typing_in_the_imported_file_is_seen_before_it_is_saved(editor: Editor, folder: Path) -> None:
    base = opened(editor, folder / "base.tsspace")
    assert editor.diagnostics(base) == []
    text = opened(editor, folder / "narrow.tsspace")
    assert editor.diagnostics(text) == []
    editor.forget(text)
    editor.change(base, BASE.replace("stream one", "stream two"), 2)
    assert {d.code for d in editor.diagnostics(text)} == {"TS306"}


def test_what_is_wrong_in_a_derived_space_is_told_with_the_place_in_the_base(editor: Editor, folder: Path) -> None:
    path = folder / "narrow.tsspace"
    path.write_text(
        DERIVED.replace("space narrow from base {", "space narrow from base {\n  size = 1"), encoding="utf-8"
    )
    (folder / "base.tsspace").write_text(BASE.replace("stride = 2", "stride = 4"), encoding="utf-8")
    found = editor.diagnostics(opened(editor, path))
    places = [place.location.uri for d in found for place in d.related_information or []]
    assert (folder / "base.tsspace").as_uri() in places


def test_a_shared_decision_is_hovered_and_renamed_wherever_it_stands(editor: Editor, folder: Path) -> None:
    text = opened(editor, folder / "base.tsspace", "k = dep", "thwise")
    answer = editor.ask(types.TEXT_DOCUMENT_HOVER, types.HoverParams(**where(text)))
    assert "shared depthwise = {3, 5}" in answer.contents.value
    edit = editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name="k", **where(text)))
    assert text.edited(edit.changes[text.uri]) == BASE.replace("depthwise", "k")


def test_declarations_outside_of_spaces_lead_to_their_uses(editor: Editor, folder: Path) -> None:
    text = opened(editor, folder / "base.tsspace", "domain wi", "de")
    context = types.ReferenceContext(include_declaration=False)
    found = editor.ask(types.TEXT_DOCUMENT_REFERENCES, types.ReferenceParams(context=context, **where(text)))
    assert [text.covered(location.range) for location in found] == ["wide", "wide"]


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        ("from ", "base {", {"base"}),
        ("import ", '"base', {'"std:tiny"'}),
        ("fix ", "one.", {"one", "fusion"}),
        ("fix one.", "stage", {"stage", "group"}),
        ("  ", "step 1", {"fix", "free", "without", "shared"}),
        ("space narrow ", "from", {"from"}),
    ],
)
def test_completion_in_a_derived_space_knows_its_base(
    editor: Editor, folder: Path, before: str, after: str, legal: set[str]
) -> None:
    text = opened(editor, folder / "narrow.tsspace", before, after)
    answer = editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(**where(text)))
    assert legal <= {item.label for item in answer.items}
