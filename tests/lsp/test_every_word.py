"""Every word, sign and value that a reader may ask about has a hover; imports and selectors lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from support.editor import Editor
from tsdsl.lsp.features.hover import hover
from tsdsl.lsp.snapshot import Snapshot, take
from tsdsl.source import SourceFile

SPACES = sorted((Path(__file__).parents[2] / "spaces").glob("*.tsspace"))
SELF_EVIDENT = frozenset({"WS", "COMMENT", "NUMBER", "LBRACE", "RBRACE", "LPAR", "RPAR", "LSQB", "RSQB"})
DERIVED = """tsspace 1
import "std:tiny"
import "parts/wide.tsspace"
space narrow from tiny {
  without = attention.sparse
  shared width = {16, 24}
  shared slot = {none, glore(nodes = 4)}
  fix fusion.stage[1] = time_strided_conv
  fix fusion.stage[2].op.time_strided_conv.kernel = 5x1x1
  fix sparse.stage[*].group[*].t = 1
  free dense.stage[1].group[1].channels = 4 .. 8 by 2
  free sparse.stage[1].group[1].channels = width
  free dense.stage[2].group[1].channels = wide
  attention sparse { after = stage[1]  op = slot }
  require flops <= 2 * 14 MFLOPs + 0.5 * sparse.flops - head.flops
  require params <= 1 Mparams
  require sparse.stage[2].group[1].k == dense.stage[2].group[1].k
  require fusion.stage[2].group[1].op != none
  head { kind = pooled  dropout = 0.3 }
  model T { size = 40  frames = 16  depth = 2x  width = 0.5x  without = attention.dense, dense }
  model U from T { size = 10 }
  step 1 "one" { search = sparse, shared.width, sparse.stage[1].group[1].k  target = 24 MFLOPs }
  step 2 "two" { search = dense, fusion, attention }
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("words")
    (place / "parts").mkdir()
    (place / "parts" / "wide.tsspace").write_text("tsspace 1\ndomain wide = {4, 8}\n", encoding="utf-8")
    (place / "narrow.tsspace").write_text(DERIVED, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def snapshot(folder: Path) -> Snapshot:
    made = take(SourceFile(str(folder / "narrow.tsspace"), DERIVED))
    assert [d.message for d in made.diagnostics if d.severity == "error"] == []
    return made


def silent_words(snapshot: Snapshot) -> list[str]:
    """The words of a text of which hover says nothing, though they are no numbers and no brackets."""
    asked = (t for t in snapshot.tokens if t.type not in SELF_EVIDENT | {"EQUAL", "COMMA", "DOT"})
    return [str(token.value) for token in asked if hover(snapshot, token.start_pos) is None]


def test_hover_explains_every_word_of_a_derived_space(snapshot: Snapshot) -> None:
    assert silent_words(snapshot) == []


def test_hover_explains_every_word_of_a_space_with_errors(folder: Path) -> None:
    wrong = DERIVED.replace("dropout = 0.3", "dropout = 3")
    assert silent_words(take(SourceFile(str(folder / "wrong.tsspace"), wrong))) == []


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_hover_explains_every_word_of_the_shipped_spaces(path: Path) -> None:
    assert silent_words(take(SourceFile(str(path), path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('import "std', ":tiny", ["shipped with tsdsl", "spaces: `tiny`"]),
        ('import "par', "ts/wide", ["beside this one", "domains: `wide`"]),
        ("narrow fr", "om tiny", ["derives from another"]),
        ("from ti", "ny {", ["space `tiny` of std:tiny", "streams: `sparse`, `dense`"]),
        ("with", "out = attention.sparse", ["removed parts of the base"]),
        ("require flo", "ps <=", ["`flops`: multiply-adds", "of the whole network", "MFLOPs over all"]),
        ("sparse.flo", "ps -", ["`sparse.flops`", "of `sparse`", "from "]),
        ("- he", "ad.flops", ["pooling"]),
        ("require par", "ams <=", ["trainable parameters", "Kparams"]),
        ("<", "= 1 Mparams", ["at most"]),
        ("1 Mpar", "ams", ["1,000,000 parameters"]),
        ("stage[2].group[1].", "k ==", ["spatial kernel size", "**sparse.stage2.group1.k**: {3, 5}"]),
        ("group[1].o", "p !=", ["**fusion.stage2.group1.op**: {none,"]),
        ("!= no", "ne", ["no operator"]),
        ("kind = po", "oled", ["`kind = pooled`"]),
        ("depth = 2", "x", ["repeats"]),
        ("4 .", ". 8 by", ["3 values: 4, 6, 8"]),
        ("8 b", "y 2", ["3 values: 4, 6, 8"]),
        ("kernel = 5", "x1x1", ["5 in time, 1 high, 1 wide"]),
        ('step 1 "o', 'ne"', ["ways to make them"]),
        ("fix fu", "sion.stage[1]", ["`dense -> sparse`", "all `fusion`: "]),
        ("search = spa", "rse,", ["stream `sparse`: 4 frames", "Kparams"]),
        ("fix sparse.stage[", "*", ["all of them"]),
        ("= time_strided", "_conv", ["convolution with temporal stride"]),
        ("slot = {none, gl", "ore", ["global reasoning"]),
        ("dropout = ", "0.3", ["`dropout`: dropout before the classifier"]),
    ],
)
def test_hover_tells_what_a_word_means_here(snapshot: Snapshot, before: str, after: str, expected: list[str]) -> None:
    assert DERIVED.count(before + after) == 1
    told = hover(snapshot, DERIVED.index(before + after) + len(before))
    assert told is not None
    for part in expected:
        assert part in told.markdown


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('import "par', "ts/wide", "/parts/wide.tsspace"),
        ('import "std', ":tiny", "/tiny.tsspace"),
        ("from ti", "ny {", "/tiny.tsspace"),
        ("- he", "ad.flops", "/narrow.tsspace"),
        ("stage[2].group[1].", "k ==", "/tiny.tsspace"),
    ],
)
def test_definition_leads_to_the_file_or_the_attribute(
    editor: Editor, folder: Path, before: str, after: str, expected: str
) -> None:
    marked = DERIVED.replace(before + after, f"{before}|{after}", 1)
    text = editor.open(marked, (folder / "narrow.tsspace").as_uri())
    where = {"text_document": text.identifier, "position": text.position}
    found = editor.ask(types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams(**where))
    assert [location.uri.endswith(expected) for location in found] == [True]


@pytest.mark.parametrize(
    ("old", "new", "legal"),
    [
        ('"parts/wide.tsspace"', '"|"', {"std:tiny", "parts/wide.tsspace"}),
        ('"parts/wide.tsspace"', '"pa|', {"std:tiny", "parts/wide.tsspace"}),
        ('"parts/wide.tsspace"', "|", {'"std:tiny"', '"parts/wide.tsspace"'}),
        ("require params <= 1 Mparams", "fix dense.stage[2].group[1].k = |", {"3", "5"}),
        ("!= none", "!= |", {"none", "time_to_channel"}),
    ],
)
def test_completion_knows_files_and_the_values_of_decisions(
    editor: Editor, folder: Path, old: str, new: str, legal: set[str]
) -> None:
    uri = (folder / "narrow.tsspace").as_uri()
    text = editor.change(editor.open(DERIVED, uri), DERIVED.replace(old, new, 1), 2)
    where = {"text_document": text.identifier, "position": text.position}
    answer = editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(**where))
    found = {item.label for item in answer.items}
    assert legal <= found
    assert not any("narrow.tsspace" in label for label in found)
