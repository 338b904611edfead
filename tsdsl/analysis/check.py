"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

from tsdsl.analysis.lint import lint
from tsdsl.diagnostics import ordered
from tsdsl.source import SourceFile
from tsdsl.space.resolve import Resolved, resolve


def check(source: SourceFile) -> Resolved:
    """The spaces of a text that have no errors, and all its diagnostics in order. Never raises, whatever the text."""
    resolved = resolve(source)
    found = list(resolved.diagnostics)
    kept = []
    for space in resolved.spaces:
        own = lint(space, source)
        found += own
        if not any(d.severity == "error" for d in own):
            kept.append(space)
    return Resolved(source, tuple(kept), tuple(ordered(found)))
