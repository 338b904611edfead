"""Every feature of the language server, asked for over stdio by a client."""

from __future__ import annotations

import logging

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import Editor, Text
from tsdsl.lsp.server import build_server

SPACE = """tsspace 1
# 𝒳 two streams: größe
space tiny {
  classes = 5
  size    = 32
  domain widths = 8 .. 24 by 8
  domain odd    = {1, 3}
  block mb = mbconv3d(t = odd, k = 3, expansion = {1, 3})
  stream sparse {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = 8, stride = 2)
      group mb(channels = widths) * 2
    }
  }
  stream dense {
    frames = 4
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = 8, stride = 2)
      group mb(channels = {8, 16})
    }
  }
  fusion dense -> sparse {
    after = stage[0].group[1]
    op    = {none, time_strided_conv}
  }
  attention sparse {
    after = stage[0].group[2]
    op    = {none, glore(nodes = {4, 8})}
  }
  step 1 "𝒳 sparse" { search = sparse }
  step 2 "rest" { search = dense, fusion, attention }
  model S { size = 64 }
  model L from S { depth = 2x }
}
"""

PRODUCT = SPACE.replace("  domain odd", "  shared w = {4, 5}\n  domain odd").replace(
    "channels = {8, 16}", "channels = 2 * w"
)
RULE = SPACE.replace(
    "  step 1", "  require max(sparse.flops, head.flops) <= 2 MFLOPs implies dense.flops <= 1 MFLOPs\n  step 1"
)


def at(before: str, after: str = "") -> str:
    """The space with the mark between two texts that stand in it directly after each other."""
    assert SPACE.count(before + after) >= 1, before + after
    return SPACE.replace(before + after, f"{before}|{after}", 1)


def where(text: Text) -> dict[str, object]:
    return {"text_document": text.identifier, "position": text.position}


def hover(editor: Editor, marked: str) -> str:
    answer = editor.ask(types.TEXT_DOCUMENT_HOVER, types.HoverParams(**where(editor.open(marked))))
    return answer.contents.value if answer is not None else ""


def completed(editor: Editor, marked: str) -> dict[str, types.CompletionItem]:
    text = editor.open(SPACE)
    editor.diagnostics(text)
    text = editor.change(text, marked, 2)
    answer = editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(**where(text)))
    return {item.label: item for item in answer.items}


def test_diagnostics_are_published_with_their_code_place_and_help(editor: Editor) -> None:
    text = editor.open(SPACE.replace("classes", "clases"))
    found = {d.code: d for d in editor.diagnostics(text)}
    assert text.covered(found["TS105"].range) == "clases"
    assert "did you mean `classes`?" in found["TS105"].message
    assert found["TS105"].severity == types.DiagnosticSeverity.Error


def test_diagnostics_follow_what_is_typed_and_end_with_the_document(editor: Editor) -> None:
    text = editor.open(SPACE)
    assert editor.diagnostics(text) == []
    editor.change(text, SPACE.replace("frames = 4", "frames = 3"), 2)
    assert {d.code for d in editor.diagnostics(text, 2)} == {"TS303"}
    editor.change(text, SPACE, 3)
    assert editor.diagnostics(text, 3) == []
    editor.change(text, SPACE.replace("frames = 4", "frames = 3"), 4)
    editor.diagnostics(text, 4)
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(text.identifier))
    assert editor.diagnostics(text, None) == []  # type: ignore[arg-type]


def test_labels_are_related_places(editor: Editor) -> None:
    text = editor.open(SPACE.replace("  model L from S", "  model S {}\n  model L from S"))
    (found,) = editor.diagnostics(text)
    assert found.related_information is not None
    assert text.covered(found.related_information[0].location.range) == "S"


def test_hover_tells_a_decisions_path_values_share_and_the_cost_of_its_group(editor: Editor) -> None:
    shown = hover(editor, at("group mb(chan", "nels = widths"))
    assert "**sparse.stage0.group2.channels**: {8, 16, 24}" in shown
    assert "3 values; exists in all" in shown
    assert "each value in 33.3 %" in shown
    assert "8..24 x 2 x 16 x 16" in shown
    assert "FLOPs" in shown
    assert 'step 1 "𝒳 sparse"' in shown


def test_hover_on_a_blocks_attribute_counts_the_decisions_that_take_it_over(editor: Editor) -> None:
    assert "2 decisions: `sparse.stage0.group2.expansion`, `dense.stage0.group2.expansion`" in hover(
        editor, at("expan", "sion = {1")
    )


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (at("mb", "conv3d(t"), "inverted residual"),
        (at("domain wid", "ths"), "used 1 time"),
        (at("space ti", "ny"), "architectures"),
        (at("ste", "p 1"), "ways to make them"),
        (at("stream den", "se {"), "input 3 x 4 x 32 x 32"),
        (at("glo", "re(nodes"), "global reasoning"),
        (at("cla", "sses"), "number of classes"),
        (at("no", "des = {4"), "nodes of the graph"),
        (at("do", "main odd"), "a named set of values"),
        (at("(channels = wid", "ths) * 2"), "domain widths = 8 .. 24 by 8"),
    ],
)
def test_hover_explains_each_kind_of_name(editor: Editor, marked: str, expected: str) -> None:
    assert expected in hover(editor, marked)


def test_hover_explains_the_attribute_of_a_number(editor: Editor) -> None:
    assert "number of classes" in hover(editor, at("classes = ", "5"))
    assert "nodes of the graph" in hover(editor, at("nodes = {", "4"))


def test_hover_at_a_searched_stride_shows_its_decision_and_all_sizes(editor: Editor) -> None:
    shown = hover(editor, SPACE.replace("channels = widths", "channels = widths, stri|de = {1, 2}"))
    assert "**sparse.stage0.group2.stride**: {1, 2}" in shown
    assert "8..24 x 2 x 8..16 x 8..16" in shown


def test_hover_at_a_product_lists_its_results(editor: Editor) -> None:
    assert "`2.5 * w`: 10 where `w` is 4; 13 where `w` is 5" in hover(editor, PRODUCT.replace("2 * w", "2.5 |* w"))
    assert "used 1 time" in hover(editor, PRODUCT.replace("2 * w", "2.5 * |w"))


def test_hover_at_an_attribute_of_the_head_shows_its_decision(editor: Editor) -> None:
    text = SPACE.replace("  step 1", "  head { fea|tures = {16, 32} }\n  step 1").replace(
        "search = d", "search = head, d"
    )
    assert "**head.features**: {16, 32}" in hover(editor, text)


def test_hover_explains_the_words_of_a_rule(editor: Editor) -> None:
    assert "the largest of the sums" in hover(editor, RULE.replace("max(", "m|ax("))
    assert "the right one must hold too" in hover(editor, RULE.replace("implies", "imp|lies"))
    assert "of `head`" in hover(editor, RULE.replace("head.flops", "head.fl|ops"))


def test_hover_says_nothing_of_an_empty_place(editor: Editor) -> None:
    assert hover(editor, SPACE + "|") == ""


def test_inlay_hints_show_shape_and_cost_at_the_end_of_each_group(editor: Editor) -> None:
    text = editor.open(SPACE)
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    hints = editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintParams(text.identifier, whole))
    labels = [hint.label for hint in hints]
    assert labels[0] == "8 x 2 x 16 x 16, 110.6 KFLOPs"
    assert labels[1].startswith("8..24 x 2 x 16 x 16, ")
    assert len(labels) == 4
    line = text.text.split("\n")[hints[1].position.line]
    assert line[: hints[1].position.character].endswith("group mb(channels = widths) * 2")


def test_inlay_hints_are_given_for_the_visible_lines_only(editor: Editor) -> None:
    text = editor.open(SPACE)
    line = text.text.split("\n").index("      group mb(channels = widths) * 2")
    visible = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
    hints = editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintParams(text.identifier, visible))
    assert [hint.position.line for hint in hints] == [line]


@pytest.mark.parametrize(
    ("marked", "legal", "illegal"),
    [
        ("|", {"tsspace", "space"}, {"stream"}),
        ("tsspace |", {"1"}, {"space"}),
        (at("  size    = 32\n", "  domain"), {"stream", "domain", "fusion", "model"}, {"size", "classes", "group"}),
        (at("frames = 2\n    ", "stage 0"), {"stage"}, {"frames", "group", "stream"}),
        (at("stage 0 {\n      ", "group"), {"group"}, {"stage", "frames"}),
        (at("group ", "mb(channels = widths"), {"mb", "conv3d", "mbconv3d"}, {"glore", "widths"}),
        (at("group mb(", "channels = widths"), {"t", "k", "stride"}, {"kernel", "channels"}),
        (at("channels = ", "widths"), {"widths", "odd"}, {"mb", "relu"}),
        (SPACE.replace("group mb(channels = widths)", "group {|}"), {"none", "mb", "conv3d"}, {"glore", "widths"}),
        (SPACE.replace("group mb(channels = widths)", "group {mb, none}(|)"), {"channels", "t"}, {"kernel", "mb"}),
        (SPACE.replace("mb(channels = widths)", "mb(channels = widths) |"), {"*", "group"}, {"each", "mb"}),
        (SPACE.replace("mb(channels = widths)", "mb(channels = widths) * |"), {"odd"}, {"mb", "channels"}),
        (SPACE.replace("mb(channels = widths)", "mb(channels = widths) * 2 |"), {"each", "group"}, {"*"}),
        (at("k = ", "3, expansion"), {"odd"}, {"widths"}),
        (SPACE.replace("stride = 2", "stride = |", 1), {"odd"}, {"mb", "relu"}),
        (PRODUCT.replace("2 * w", "2 * |"), {"w"}, {"widths", "kind", "t"}),
        (at("fusion ", "dense"), {"sparse", "dense"}, {"tiny"}),
        (at("op    = {none, ", "time"), {"time_strided_conv", "time_to_channel"}, {"glore", "mbconv3d"}),
        (at("op    = {none, ", "glore"), {"glore", "nonlocal", "se"}, {"time_strided_conv"}),
        (at("glore(", "nodes"), {"normalize"}, {"nodes", "channels"}),
        (at("after = ", "stage[0].group[1]"), {"stage", "group", "sparse"}, {"fusion"}),
        (at("search = ", "sparse"), {"sparse", "dense", "fusion", "attention", "head"}, {"widths"}),
        (at("  model L from ", "S"), {"S"}, {"sparse"}),
        (SPACE.replace("search = sparse }", "search = sparse.|"), {"stage", "group", "channels"}, {"sparse", "frames"}),
        (SPACE.replace("search = sparse }", "search = sparse.stage[0].group[2].|"), {"t", "channels"}, {"stage"}),
        (SPACE.replace("search = sparse }", "search = sparse target = 2 | }"), {"GFLOPs", "epochs"}, {"search"}),
        (SPACE.replace("search = sparse }", "search = sparse\n | }"), {"target", "epochs"}, {"search", "frames"}),
        (SPACE.replace("group[1]\n", "group[1]\n    merge = |\n"), {"concat", "sum"}, {"sparse"}),
        (SPACE.replace("group[1]\n", "group[1]\n    merge = {concat, |}\n"), {"concat", "sum"}, {"sparse", "none"}),
        (SPACE + "space t from two { fix fusion.merge = | }", {"concat", "sum"}, {"none", "time_strided_conv"}),
        (SPACE + "space t from two { free fusion.stage[0].merge = {|} }", {"concat", "sum"}, {"none"}),
        (SPACE.replace("(channels = widths)", "(act = |)"), {"relu", "swish", "none"}, {"odd"}),
        (SPACE.replace("  model S", "  step |\n  model S"), {"3"}, {"1"}),
        (SPACE.replace("  model S", "  head { kind = | }\n  model S"), {"projected", "pooled"}, {"widths"}),
        (SPACE.replace("  model S", "  head { kind = pooled | }\n  model S"), {"dropout"}, {"features", "kind"}),
        (SPACE.replace("  model S", "  head { | }\n  model S"), {"kind", "features", "expansion"}, {"size"}),
        (SPACE.replace("  model S", "  require |\n  model S"), {"flops", "params", "sparse"}, {"widths"}),
        (SPACE.replace("  model S", "  require sparse.|\n  model S"), {"stage", "group", "flops"}, {"sparse"}),
        (SPACE.replace("  model S", "  require flops <= 2 |\n  model S"), {"GFLOPs", "Mparams"}, {"sparse"}),
        (RULE.replace("max(sparse", "max(|sparse"), {"flops", "sparse", "min"}, {"kernel", "and"}),
        (RULE.replace("require ", "require (flops <= 9 GFLOPs or |)\n  require "), {"flops", "sparse"}, {"model"}),
        (RULE.replace("require ", "require (flops <= 9 GFLOPs |)\n  require "), {"and", "or"}, {"model"}),
        (RULE.replace("require ", "require 2 * flops <= 9 * |\n  require "), {"flops", "params"}, {"widths"}),
        (RULE.replace("require ", "require flops <= 9 GFLOPs or attention.|\n  require "), {"flops"}, {"model"}),
        (RULE.replace("require ", "shared slot = {|}\n  require "), {"none", "glore", "time_to_channel"}, {"mbconv3d"}),
        (RULE.replace("require ", "require |\n  require "), {"shared", "head"}, {"model"}),
        (SPACE.replace("attention sparse", "attention sparse, |"), {"dense", "sparse"}, {"widths", "odd"}),
        (RULE.replace("implies dense", "|implies dense"), {"and", "or", "implies"}, {"sparse"}),
        (RULE.replace("dense.flops", "dense.|flops"), {"flops", "params"}, {"and"}),
    ],
)
def test_completion_knows_what_is_legal(editor: Editor, marked: str, legal: set[str], illegal: set[str]) -> None:
    found = set(completed(editor, marked))
    assert legal <= found
    assert not illegal & found


def test_completion_replaces_the_word_that_was_begun(editor: Editor) -> None:
    text = editor.open(at("group mb(chan", "nels = widths").replace("chan|nels = widths", "chan|"))
    answer = editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(**where(text)))
    item = next(item for item in answer.items if item.label == "channels")
    assert "group mb(channels = ) * 2" in text.edited([item.text_edit])
    assert item.detail == "output channels"


def test_completion_offers_nothing_in_a_comment_or_a_title(editor: Editor) -> None:
    assert completed(editor, at("# 𝒳 two ", "streams")) == {}
    assert completed(editor, at('step 2 "re', 'st"')) == {}


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (at("(channels = wid", "ths) * 2"), ["widths"]),
        (at("group m", "b(channels = widths"), ["mb"]),
        (at("fusion den", "se"), ["dense"]),
        (at("model L from ", "S"), ["S"]),
        (at("search = spa", "rse }"), ["sparse"]),
        (at("after = sta", "ge[0].group[1]"), ["stage 0", "stage 0"]),
        (at("after = stage[0].gro", "up[1]"), ["group", "group"]),
        (at("search = dense, fus", "ion"), ["fusion"]),
        (SPACE.replace("  model S", "  require 2 * (spa|rse.flops + 1 GFLOPs) <= 9 * flops\n  model S"), ["sparse"]),
    ],
)
def test_definition_leads_to_the_declaration(editor: Editor, marked: str, expected: list[str]) -> None:
    text = editor.open(marked)
    found = editor.ask(types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams(**where(text)))
    assert [text.covered(location.range) for location in found] == expected
    assert all(location.uri == text.uri for location in found)


def test_references_find_every_use_with_or_without_the_declaration(editor: Editor) -> None:
    text = editor.open(at("stream spa", "rse"))
    for with_declaration, count in ((True, 4), (False, 3)):
        context = types.ReferenceContext(include_declaration=with_declaration)
        found = editor.ask(types.TEXT_DOCUMENT_REFERENCES, types.ReferenceParams(context=context, **where(text)))
        assert [text.covered(location.range) for location in found] == ["sparse"] * count


@pytest.mark.parametrize(
    ("marked", "old", "new"),
    [
        (at("domain wid", "ths"), "widths", "channels_of_sparse"),
        (at("group m", "b(channels = widths"), "mb", "inverted"),
        (at("stream den", "se {"), "dense", "fast"),
        (at("model ", "S {"), "S", "small"),
        (PRODUCT.replace("2 * w", "2 * |w"), "w", "base_width"),
        (RULE.replace("stream dense", "stream den|se"), "dense", "fast"),
    ],
)
def test_rename_changes_every_occurrence_and_the_space_stays_right(
    editor: Editor, marked: str, old: str, new: str
) -> None:
    text = editor.open(marked)
    assert text.covered(editor.ask(types.TEXT_DOCUMENT_PREPARE_RENAME, types.PrepareRenameParams(**where(text)))) == old
    edit = editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name=new, **where(text)))
    after = text.edited(edit.changes[text.uri])
    assert new in after
    assert editor.diagnostics(editor.open(after)) == []


@pytest.mark.parametrize(
    ("new", "message"),
    [("odd", "already"), ("stage", "keyword"), ("1x", "not a name"), ("mb", "already"), ("", "name")],
)
def test_rename_refuses_a_name_that_is_taken_or_none(editor: Editor, new: str, message: str) -> None:
    text = editor.open(at("domain wid", "ths"))
    with pytest.raises(JsonRpcException, match=message):
        editor.ask(types.TEXT_DOCUMENT_RENAME, types.RenameParams(new_name=new, **where(text)))


def test_an_operator_cannot_be_renamed(editor: Editor) -> None:
    text = editor.open(at("mb", "conv3d(t"))
    assert editor.ask(types.TEXT_DOCUMENT_PREPARE_RENAME, types.PrepareRenameParams(**where(text))) is None


def test_symbols_are_the_outline(editor: Editor) -> None:
    text = editor.open(SPACE)
    (space,) = editor.ask(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, types.DocumentSymbolParams(text.identifier))
    assert space.name == "tiny"
    children = {child.name: child for child in space.children}
    assert list(children)[:6] == ["widths", "odd", "mb", "sparse", "dense", "fusion dense -> sparse"]
    (stage,) = children["sparse"].children
    assert [(group.name, group.detail) for group in stage.children] == [("group1", "conv3d"), ("group2", "mb * 2")]
    assert text.covered(children["step 1"].selection_range) == "1"


def test_formatting_gives_the_canonical_form_as_edits_of_changed_lines(editor: Editor) -> None:
    text = editor.open(SPACE.replace("  size    = 32", "    size =   32"))
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = editor.ask(types.TEXT_DOCUMENT_FORMATTING, types.DocumentFormattingParams(text.identifier, options))
    assert text.edited(edits) == SPACE
    assert len(edits) == 1


def test_formatting_leaves_a_broken_text_alone(editor: Editor) -> None:
    text = editor.open(SPACE.replace("}", "", 1))
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = editor.ask(types.TEXT_DOCUMENT_FORMATTING, types.DocumentFormattingParams(text.identifier, options))
    assert not edits


def test_semantic_tokens_tell_domains_operators_and_streams_apart(editor: Editor) -> None:
    text = editor.open(SPACE)
    tokens = editor.ask(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, types.SemanticTokensParams(text.identifier))
    legend = editor.ready.capabilities.semantic_tokens_provider.legend.token_types
    found = set()
    line = column = 0
    for start in range(0, len(tokens.data), 5):
        lines, columns, length, kind, _ = tokens.data[start : start + 5]
        line, column = line + lines, columns if lines else column + columns
        span = types.Range(types.Position(line, column), types.Position(line, column + length))
        found.add((text.covered(span), legend[kind]))
    assert {
        ("widths", "type"),
        ("mb", "macro"),
        ("mbconv3d", "function"),
        ("sparse", "class"),
        ("channels", "property"),
        ('"𝒳 sparse"', "string"),
        ("# 𝒳 two streams: größe", "comment"),
        ("1x3x3", "number"),
        ("group", "keyword"),
    } <= found


def test_blocks_and_runs_of_comments_fold(editor: Editor) -> None:
    text = editor.open("tsspace 1\n# one\n# two\nspace s {\n  classes = 5\n}\n")
    found = editor.ask(types.TEXT_DOCUMENT_FOLDING_RANGE, types.FoldingRangeParams(text.identifier))
    assert {(fold.start_line, fold.end_line, fold.kind) for fold in found} == {(1, 2, "comment"), (3, 5, "region")}


def actions(editor: Editor, text: Text, only: types.CodeActionKind | None = None) -> list[types.CodeAction]:
    context = types.CodeActionContext(diagnostics=[], only=[only] if only else None)
    at_mark = types.Range(text.position, text.position)
    return editor.ask(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionParams(text.identifier, at_mark, context)) or []


def test_a_quick_fix_mends_what_its_diagnostic_is_about(editor: Editor) -> None:
    text = editor.open(at("cla", "sses").replace("cla|sses", "cla|ses"))
    (action,) = actions(editor, text)
    assert text.edited(action.edit.changes[text.uri]) == SPACE
    assert [d.code for d in action.diagnostics] == ["TS105"]


def test_no_quick_fix_is_offered_elsewhere(editor: Editor) -> None:
    text = editor.open(at("model ", "S {").replace("classes", "clases"))
    assert actions(editor, text) == []


def test_all_sure_fixes_are_one_action_that_is_made_on_request(editor: Editor) -> None:
    wrong = SPACE.replace("{none, time_strided_conv}", "{none, time_strided_conv, none}")
    text = editor.open(wrong + "|")
    (action,) = actions(editor, text, types.CodeActionKind.SourceFixAll)
    assert text.edited(action.edit.changes[text.uri]) == SPACE
    assert actions(editor, editor.open(SPACE), types.CodeActionKind.SourceFixAll) == []


def test_a_refused_request_is_logged_without_a_traceback_unlike_a_defect(caplog: pytest.LogCaptureFixture) -> None:
    build_server()
    logger = logging.getLogger("pygls.protocol.json_rpc")
    for error in (JsonRpcException("refused", types.LSPErrorCodes.RequestFailed), ValueError("defect")):
        try:
            raise error
        except (JsonRpcException, ValueError):
            logger.exception("failed: %s", error)
    assert [record.getMessage() for record in caplog.records] == ["failed: defect"]
