"""`tsdsl fmt`: the canonical layout."""

from __future__ import annotations

import typer

from tsdsl.cli.options import CheckOnly, Files, ShowDiff
from tsdsl.cli.work.console import messages, note
from tsdsl.cli.work.sources import STANDARD_INPUT, unified, writable_sources, write_source
from tsdsl.diagnostics.render import render_rich


def fmt(files: Files, check: CheckOnly = False, diff: ShowDiff = False) -> None:
    """Format files: only white space changes, which is verified before writing; comments are kept."""
    from tsdsl.syntax.formatter import formatted
    from tsdsl.syntax.parser import parse

    failed = changed = 0
    for source in writable_sources(files):
        wrong = parse(source).diagnostics
        if wrong:
            render_rich(wrong, messages())
            failed += 1
            continue
        result = formatted(source)
        if source.name == STANDARD_INPUT and not (check or diff):
            print(result, end="")
            continue
        if result == source.text:
            continue
        changed += 1
        if diff:
            print(unified(source, result), end="")
        if check:
            note(f"would reformat {source.name}")
        elif not diff:
            write_source(source, result)
            note(f"reformatted {source.name}")
    raise typer.Exit(1 if failed or (changed and (check or diff)) else 0)
