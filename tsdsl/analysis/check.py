"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tsdsl.analysis.lint import lint
from tsdsl.diagnostics import ordered
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.resolve import Read, Resolved, as_seen_from, resolve


def check(source: SourceFile, read: Read = read_source) -> Resolved:
    """The spaces of a text that have no errors, and all its diagnostics in order. Never raises, whatever the text.

    `read` gives the texts of the files that it imports.
    """
    with _collector_paused():
        resolved = resolve(source, read)
        found = list(resolved.diagnostics)
        kept = []
        for space in resolved.spaces:
            own = [as_seen_from(space.flat, diagnostic) for diagnostic in lint(space, source)]
            found += own
            if not any(d.severity == "error" for d in own):
                kept.append(space)
    return Resolved(source, resolved.file, tuple(kept), tuple(ordered(found)))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keeps the garbage collector from walking growing trees again and again; they hold no cycles.

    Without it the check of a large file takes nearly twice as long.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
