"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

from tsdsl.analysis.lint import lint
from tsdsl.diagnostics import ordered
from tsdsl.source import SourceFile
from tsdsl.space.resolve import Resolved, resolve


def check(source: SourceFile) -> Resolved:
    """The spaces of a text and all its diagnostics, in order. Never raises, whatever the text."""
    resolved = resolve(source)
    found = [d for space in resolved.spaces for d in lint(space, source)]
    bad = {space.space.name for space in resolved.spaces if any(d.severity == "error" for d in lint(space, source))}
    kept = tuple(space for space in resolved.spaces if space.space.name not in bad)
    return Resolved(source, kept, tuple(ordered([*resolved.diagnostics, *found])))
