"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tsdsl.check.merge_duplicates import Said, merge_duplicates, said
from tsdsl.check.passes import run_passes
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, ordered
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.resolve import Read, Resolved, as_seen_from, resolve

# What these compare may be in what could not be read.
_OF_WHOLE_SPACES = frozenset({"TS302", "TS303", "TS304", "TS402", "TS403"})


def check(source: SourceFile, read: Read = read_source) -> Resolved:
    """The spaces of a text that have no errors, and all its diagnostics in order. Never raises for any text.

    `read` gives the texts of the files that it imports.
    """
    with _collector_paused():
        resolved = resolve(source, read)
        is_whole = not any(map(_loses_something, resolved.diagnostics))
        found = [d for d in resolved.diagnostics if is_whole or d.code not in _OF_WHOLE_SPACES]
        wrong: set[str] = set()
        before: set[Said] = set()
        for space in sorted(resolved.spaces if is_whole else (), key=lambda space: len(space.flat.bases)):
            own = merge_duplicates(run_passes(Subject.of(space, source)))
            if any(d.severity == "error" for d in own):
                wrong.add(space.space.name)
            # A warning about an inherited part was reported at the base.
            new = [d for d in own if d.severity == "error" or said(d) not in before]
            before.update(map(said, own))
            found += [as_seen_from(space.flat, diagnostic) for diagnostic in new]
        kept = tuple(space for space in resolved.spaces if space.space.name not in wrong)
    return Resolved(source, resolved.file, kept, tuple(ordered(found)))


def _loses_something(diagnostic: Diagnostic) -> bool:
    """Whether part of the text could not be read: what was meant is unknown, or only one of several readings."""
    return diagnostic.code in ("TS001", "TS002", "TS003") and all(f.applicability != "safe" for f in diagnostic.fixes)


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
