"""`tsdsl check`: all diagnostics of files."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.work.check_files import Format, check_files


def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Files, folders, std:NAME, or - for standard input.")
    ],
    format: Annotated[Format, typer.Option("--format", help="Format of the diagnostics.")] = Format.rich,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Apply all safe fixes, then check again.")] = False,
    suggested: Annotated[
        bool, typer.Option("--suggested", help="With --fix: also apply the first suggested fix of each diagnostic.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="With --fix: print the changes, write nothing.")] = False,
) -> None:
    """Report every error and warning in spaces.

    Exit code 0: no errors, 1: errors, 2: wrong usage, 3: a file cannot be read.
    """
    raise typer.Exit(check_files(files, format, strict=strict, fix=fix, suggested=suggested, diff=diff))
