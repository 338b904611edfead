"""`tsdsl check`: all diagnostics of files."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.checking import Format, check_files


def check(
    files: Annotated[list[str], typer.Argument(help="Files, folders, std:NAME, or - for standard input.")],
    format: Annotated[Format, typer.Option("--format", help="How diagnostics are printed.")] = Format.rich,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Make the fixes that have no other reading, and check again.")] = (
        False
    ),
    suggested: Annotated[
        bool, typer.Option("--suggested", help="With --fix: of other diagnostics too, make the first fix.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="With --fix: print what would change, and write nothing.")] = (
        False
    ),
) -> None:
    """Tell everything that is wrong with spaces. Exit code 0 clean, 1 diagnostics, 2 usage, 3 file trouble."""
    raise typer.Exit(check_files(files, format, strict=strict, fix=fix, suggested=suggested, diff=diff))
