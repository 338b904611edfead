"""A language server over stdio for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.editor import Editor


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor()
    yield editor
    assert editor.close() == 0
