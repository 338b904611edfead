"""One version of an open text with all that is known of it, and what was known before it broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lark import Token

from tsdsl.analysis.check import check
from tsdsl.diagnostics import Diagnostic
from tsdsl.lsp.facts import Facts
from tsdsl.lsp.names import Names, names_of
from tsdsl.lsp.sites import GroupSite, group_sites
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.syntax import ast
from tsdsl.syntax.lexer import lex
from tsdsl.syntax.parser import parse


@dataclass(frozen=True)
class Good:
    """A space without errors, its facts, and each group's text when it was written so."""

    space: Space
    facts: Facts
    group_texts: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A text, its tree and its diagnostics; for each space the last version that had no errors."""

    source: SourceFile
    file: ast.File
    diagnostics: tuple[Diagnostic, ...]
    good: Mapping[str, Good]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens, space and comments included."""
        return tuple(lex(self.source.text))

    @cached_property
    def names(self) -> Names:
        """Every name and what it stands for."""
        return names_of(self.file)

    @cached_property
    def sites(self) -> tuple[GroupSite, ...]:
        """Every group as written in this version."""
        return tuple(group_sites(self.file))

    def facts_of(self, site: GroupSite) -> Facts | None:
        """The facts that hold for a group: those of the last good space, if the group is as it was then."""
        good = self.good.get(site.space)
        if good is None or good.group_texts.get(site.path) != self.text(site):
            return None
        return good.facts

    def text(self, site: GroupSite) -> str:
        """What a group's text is in this version."""
        return self.source.text[site.group.span.start : site.group.span.end]


def take(source: SourceFile, before: Snapshot | None = None) -> Snapshot:
    """Check a text. Never raises, whatever the text; spaces with errors keep what `before` knew of them."""
    checked = check(source)
    file = parse(source).file
    good = {}
    texts: dict[str, dict[str, str]] = {}
    for site in group_sites(file):
        span = site.group.span
        texts.setdefault(site.space, {})[site.path] = source.text[span.start : span.end]
    fresh = {resolved.space.name: resolved.space for resolved in checked.spaces}
    for written in file.spaces:
        name = written.name.text
        known = before.good.get(name) if before is not None else None
        if name in fresh:
            facts = known.facts if known is not None and known.space == fresh[name] else Facts(fresh[name])
            good[name] = Good(fresh[name], facts, texts.get(name, {}))
        elif known is not None:
            good[name] = known
    return Snapshot(source, file, checked.diagnostics, good)
