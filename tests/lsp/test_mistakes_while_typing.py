"""What the editor offers for mistakes of a real person: one diagnostic each, and fixes that can be made."""

from __future__ import annotations

import pytest
from lsprotocol import types

from support.editor import Editor

WRONG = """tsspace 1
# Größe 𝒳
space wrong {
  classes: 10, size = 32
  strem one {
    frames = 2
    stage1 { group conv3d(kernel = [1, 3, 3], channels = 8-24 by 8, stride = 2) x 2 }
  }
  attention one {
    after = stage 1
    op    = none, se(ratio = 25%)
  }
  require flops =< 900 MFlops
  step 1 '𝒳' { search = one attention }
}
"""
RIGHT = """tsspace 1
# Größe 𝒳
space wrong {
  classes = 10 size = 32
  stream one {
    frames = 2
    stage 1 { group conv3d(kernel = 1x3x3, channels = 8 .. 24 by 8, stride = 2) * 2 }
  }
  attention one {
    after = stage[1]
    op    = {none, se(ratio = 0.25)}
  }
  require flops <= 900 MFLOPs
  step 1 "𝒳" { search = one, attention }
}
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_all_sure_fixes_mend_what_was_clearly_meant(editor: Editor, end: str) -> None:
    text = editor.open(WRONG.replace("\n", end))
    found = editor.diagnostics(text)
    assert len(found) == 14
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    only = [types.CodeActionKind.SourceFixAll]
    context = types.CodeActionContext(found, only=only)
    (action,) = editor.ask(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionParams(text.identifier, whole, context))
    assert text.edited(action.edit.changes[text.uri]) == RIGHT.replace("\n", end)


@pytest.mark.parametrize(
    ("covered", "title", "written"),
    [
        ("[1, 3, 3]", "write `1x3x3`", "1x3x3"),
        ("one attention", "write `one, attention`", "one, attention"),
        ("MFlops", "write `MFLOPs`", "MFLOPs"),
        ("stage1", "write `stage 1`", "stage 1"),
    ],
)
def test_a_quick_fix_covers_what_is_wrong_and_no_more(editor: Editor, covered: str, title: str, written: str) -> None:
    text = editor.open(WRONG.replace("\n", "\r\n"))
    (found,) = (d for d in editor.diagnostics(text) if text.covered(d.range) == covered)
    context = types.CodeActionContext([found], only=[types.CodeActionKind.QuickFix])
    actions = editor.ask(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionParams(text.identifier, found.range, context))
    (action,) = (action for action in actions if action.title == title)
    assert text.edited(action.edit.changes[text.uri]) == text.text.replace(covered, written, 1)
