"""A version of an open text with its tree and diagnostics, and the last valid version of each space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tsdsl.check.check import check
from tsdsl.diagnostics import Diagnostic
from tsdsl.lsp.facts import Facts
from tsdsl.lsp.names.name_index import names_of
from tsdsl.lsp.names.names import Names
from tsdsl.lsp.names.sites import GroupSite, group_sites
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.model import Space
from tsdsl.space.resolve import Read
from tsdsl.space.resolve.imports import imported_name
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.lexer import lex
from tsdsl.syntax.grammar.machine import Token
from tsdsl.syntax.parser import parse


@dataclass(frozen=True)
class LastValid:
    """The last version of a space without errors: its facts, and the text of each group."""

    space: Space
    facts: Facts
    group_texts: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A text, its tree and its diagnostics; `last_valid` has the last version of each space without errors."""

    source: SourceFile
    file: ast.File
    diagnostics: tuple[Diagnostic, ...]
    last_valid: Mapping[str, LastValid]
    imported: tuple[SourceFile, ...] = ()

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens, including white space and comments."""
        return tuple(lex(self.source.text))

    @cached_property
    def names(self) -> Names:
        """Every name and its meaning."""
        return names_of(self.file, self.imported_files)

    @cached_property
    def imported_files(self) -> tuple[ast.File, ...]:
        """The trees of the imported files, with their sources in spans."""
        return tuple(ast.in_source(parse(source).file, source) for source in self.imported)

    def file_of(self, written: ast.Import) -> ast.File | None:
        """The tree of an imported file; None if it could not be read."""
        name = imported_name(written.path.value, self.source)
        return next((f for f, s in zip(self.imported_files, self.imported, strict=True) if s.name == name), None)

    def visible(self, space: str | None) -> list[ast.Item]:
        """The items visible in a space, nearest first: its own, those of its bases, those outside of spaces."""
        files = (self.file, *self.imported_files)
        spaces = {one.name.text: one for file in reversed(files) for one in file.spaces}
        chain = self.names.chains.get(space or "", (space or "",))
        found = [item for name in chain if name in spaces for item in spaces[name].items]
        return [*found, *(item for file in files for item in file.declarations)]

    def operator_of(self, space: str | None, name: str) -> str:
        """The operator of a block; other names unchanged."""
        aliases = (item for item in self.visible(space) if isinstance(item, ast.BlockAlias))
        return next((alias.call.name.text for alias in aliases if alias.name.text == name), name)

    @cached_property
    def sites(self) -> tuple[GroupSite, ...]:
        """Every group of this version."""
        return tuple(group_sites(self.file))

    def facts_of(self, site: GroupSite) -> Facts | None:
        """The facts of a group: those of the last valid space, if the text of the group is unchanged."""
        valid = self.last_valid.get(site.space)
        if valid is None or valid.group_texts.get(site.path) != self.text(site):
            return None
        return valid.facts

    def text(self, site: GroupSite) -> str:
        """The text of a group in this version."""
        return self.source.text[site.group.span.start : site.group.span.end]


def take(source: SourceFile, before: Snapshot | None = None, read: Read = read_source) -> Snapshot:
    """The snapshot of a text; `read` returns imported files.

    Never raises. Spaces with errors keep their last valid version from `before`.
    """
    imported: list[SourceFile] = []

    def noted(name: str) -> SourceFile:
        imported.append(read(name))
        return imported[-1]

    checked = check(source, noted)
    file = checked.file
    valid = {}
    texts: dict[str, dict[str, str]] = {}
    for site in group_sites(file):
        span = site.group.span
        texts.setdefault(site.space, {})[site.path] = source.text[span.start : span.end]
    fresh = {resolved.space.name: resolved.space for resolved in checked.spaces}
    for written in file.spaces:
        name = written.name.text
        known = before.last_valid.get(name) if before is not None else None
        if name in fresh:
            facts = known.facts if known is not None and known.space == fresh[name] else Facts(fresh[name])
            valid[name] = LastValid(fresh[name], facts, texts.get(name, {}))
        elif known is not None:
            valid[name] = known
    return Snapshot(source, file, checked.diagnostics, valid, tuple(imported))
