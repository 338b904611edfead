"""`tsdsl fmt`: the canonical layout."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.console import messages, note
from tsdsl.cli.texts import STANDARD_INPUT_FLAG, read_sources, unified, write_source
from tsdsl.diagnostics.render import render_rich
from tsdsl.errors import UsageError


def fmt(
    files: Annotated[list[str], typer.Argument(help="Files or folders, or - for standard input to standard output.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; print what would change.")] = False,
) -> None:
    """Bring files into the canonical form: white space only, comments kept, proved before writing."""
    from tsdsl.syntax.formatter import formatted
    from tsdsl.syntax.parser import parse

    failed = changed = 0
    for file in files:
        if file.startswith("std:"):
            raise UsageError(f"{file}: shipped spaces are not written to", help="give a file of your own")
        for source in read_sources(file):
            wrong = parse(source).diagnostics
            if wrong:
                render_rich(wrong, messages())
                failed += 1
                continue
            result = formatted(source)
            if file == STANDARD_INPUT_FLAG and not (check or diff):
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
