"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

from tsdsl.analysis.lint import lint
from tsdsl.diagnostics import ordered
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.resolve import Read, Resolved, as_seen_from, resolve


def check(source: SourceFile, read: Read = read_source) -> Resolved:
    """The spaces of a text that have no errors, and all its diagnostics in order. Never raises, whatever the text.

    `read` gives the texts of the files that it imports.
    """
    resolved = resolve(source, read)
    found = list(resolved.diagnostics)
    kept = []
    for space in resolved.spaces:
        own = [as_seen_from(space.flat, diagnostic) for diagnostic in lint(space, source)]
        found += own
        if not any(d.severity == "error" for d in own):
            kept.append(space)
    return Resolved(source, tuple(kept), tuple(ordered(found)))
