"""Definition, references and rename: from an occurrence of a name to the others."""

from __future__ import annotations

import re

from tsdsl.errors import UsageError
from tsdsl.lsp.names.enclosing import enclosing, innermost
from tsdsl.lsp.names.names import Key, Kind, Names, Occurrence
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import KEYWORDS
from tsdsl.source import Span
from tsdsl.source_files import STANDARD
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.lexer import lex

RENAMED = frozenset({"space", "domain", "shared", "block", "stream", "model"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def definitions(names: Names, offset: int) -> list[Occurrence]:
    """The declarations of the name at an offset; a segment of a selector may have several."""
    occurrence = names.at(offset)
    return names.declarations(occurrence.keys) if occurrence is not None else []


def imported_file(snapshot: Snapshot, offset: int) -> Span | None:
    """The start of the imported file at an offset; None without an import or file."""
    statement = innermost(enclosing(snapshot.file, offset), ast.Import)
    file = snapshot.file_of(statement) if statement is not None else None
    return Span(0, 0, file.span.source) if file is not None else None


def references(names: Names, offset: int, *, with_declarations: bool) -> list[Occurrence]:
    """Every occurrence of the name at an offset."""
    occurrence = names.at(offset)
    if occurrence is None:
        return []
    return [found for found in names.of(occurrence.keys) if with_declarations or not found.declares]


def renamable(names: Names, offset: int) -> Occurrence | None:
    """The occurrence at an offset; None if the name cannot be renamed."""
    occurrence = names.at(offset)
    if occurrence is None or occurrence.kind not in RENAMED or not names.declarations(occurrence.keys):
        return None
    return occurrence


def renamed(names: Names, offset: int, new: str) -> list[Occurrence]:
    """The occurrences to replace by `new`.

    Raises:
        UsageError: nothing here can be renamed, or `new` is taken or not a name.
    """
    occurrence = renamable(names, offset)
    if occurrence is None:
        raise UsageError("nothing here can be renamed", help="names of spaces and their items can")
    for declared in names.declarations(occurrence.keys):
        if declared.span.source is not None and declared.span.source.name.startswith(STANDARD):
            raise UsageError(f"declared in {declared.span.source.name}", help="shipped spaces cannot be changed")
    kinds = [token.type for token in lex(new)]
    if kinds != ["NAME"]:
        what = "a keyword" if new in KEYWORDS or _NAME.fullmatch(new) else "not a name"
        raise UsageError(f"`{new}` is {what}", help="use letters, digits and `_`, starting with a letter or `_`")
    for key in occurrence.keys:
        taken = [other for other in _sharing(key, new) if names.declarations([other])]
        if taken and taken[0] != key:
            raise UsageError(f"a {taken[0].kind} `{new}` already exists", help="choose another name")
    return names.of(occurrence.keys)


def _sharing(key: Key, new: str) -> list[Key]:
    """The keys that conflict with a rename to `new`: domains, shared decisions and blocks share names."""
    if key.kind == "space":
        return [Key("space", new, new)]
    sharing: tuple[Kind, ...] = ("domain", "shared", "block")
    kinds = sharing if key.kind in sharing else (key.kind,)
    return [Key(kind, key.space, new) for kind in kinds]
