"""The work of `tsdsl check`, importable without typer, which takes as long to import as checking a space."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from tsdsl.cli.work.console import facts, messages, note, print_json
from tsdsl.cli.work.sources import (
    STANDARD_INPUT,
    STANDARD_INPUT_FLAG,
    demand_writable,
    read_sources,
    unified,
    write_source,
)
from tsdsl.diagnostics import Diagnostic
from tsdsl.diagnostics.render import as_json, as_sarif, concise, render_rich
from tsdsl.errors import UsageError
from tsdsl.source import SourceFile


class Format(StrEnum):
    """How diagnostics are printed."""

    rich = "rich"
    concise = "concise"
    json = "json"
    sarif = "sarif"


def check_files(
    files: Sequence[str],
    format: Format = Format.rich,
    *,
    strict: bool = False,
    fix: bool = False,
    suggested: bool = False,
    diff: bool = False,
) -> int:
    """Print the diagnostics of files, with `fix` those that remain; the exit code, 1 if there are errors.

    Raises:
        UsageError: the options contradict each other.
        FileError: a file cannot be read or written.
    """
    if (suggested or diff) and not fix:
        raise UsageError("--suggested and --diff have no effect without --fix", help="add --fix")
    prints_text = fix and (diff or STANDARD_INPUT_FLAG in files)
    if prints_text and format is not Format.rich:
        raise UsageError(
            f"--format {format.value} and the fixed text would both go to standard output", help="leave one out"
        )
    from tsdsl.check.check import check

    sources = [source for file in files for source in read_sources(file)]
    if fix:
        diagnostics = [d for source in sources for d in _fixed(source, suggested, diff)]
    else:
        diagnostics = [d for source in sources for d in check(source).diagnostics]
    errors = sum(d.severity == "error" for d in diagnostics)
    warnings = len(diagnostics) - errors
    if format is Format.json:
        print_json(as_json(diagnostics, [source.name for source in sources]))
    elif format is Format.sarif:
        print_json(as_sarif(diagnostics))
    elif format is Format.concise:
        for diagnostic in diagnostics:
            print(concise(diagnostic))
    else:
        if diagnostics:
            render_rich(diagnostics, messages() if prints_text else facts())
        names = f"{len(sources)} file{'s' if len(sources) != 1 else ''}"
        tally = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        note(f"{names}: {', '.join(tally) if tally else 'no errors or warnings'}")
        fixable = sum(any(f.applicability == "safe" for f in d.fixes) for d in diagnostics)
        if fixable and not fix:
            note(f"--fix fixes {fixable} of them")
    return 1 if errors or (strict and warnings) else 0


def _fixed(source: SourceFile, suggested: bool, diff: bool) -> tuple[Diagnostic, ...]:
    """The diagnostics that remain after fixing a source; the fixed text is written to its file, or printed."""
    from tsdsl.check.apply_fixes import apply_fixes

    demand_writable(source.name)
    fixed = apply_fixes(source, suggested=suggested)
    for made in fixed.made:
        line = made.diagnostic.source.position(made.diagnostic.span.start).line
        note(f"{source.name}:{line}: {made.diagnostic.code}: {'would ' if diff else ''}{made.fix.title}")
    if diff:
        print(unified(source, fixed.source.text), end="")
    elif source.name == STANDARD_INPUT:
        print(fixed.source.text, end="")
    elif fixed.source.text != source.text:
        write_source(source, fixed.source.text)
    return fixed.left
