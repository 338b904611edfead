"""Everything that is wrong with a file, in one list: text, names, values, shapes, widths, budgets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tsdsl.check.merge_duplicates import Said, merge_duplicates, said
from tsdsl.check.passes import run_passes
from tsdsl.check.subject import Subject
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
        wrong: set[str] = set()
        before: set[Said] = set()
        for space in sorted(resolved.spaces, key=lambda space: len(space.flat.bases)):
            own = merge_duplicates(run_passes(Subject.of(space, source)))
            if any(d.severity == "error" for d in own):
                wrong.add(space.space.name)
            # A warning about an inherited part was reported at the base.
            new = [d for d in own if d.severity == "error" or said(d) not in before]
            before.update(map(said, own))
            found += [as_seen_from(space.flat, diagnostic) for diagnostic in new]
        kept = tuple(space for space in resolved.spaces if space.space.name not in wrong)
    return Resolved(source, resolved.file, kept, tuple(ordered(found)))


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
