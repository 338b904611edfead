"""`tsdsl check`: all diagnostics of files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import facts, messages, print_json
from tsdsl.diagnostics.render import as_json, as_sarif, concise, render_rich
from tsdsl.errors import FileError
from tsdsl.source import SourceFile


class Format(StrEnum):
    """How diagnostics are printed."""

    rich = "rich"
    concise = "concise"
    json = "json"
    sarif = "sarif"


def check(
    files: Annotated[list[str], typer.Argument(help="Files, folders, std:NAME, or - for standard input.")],
    format: Annotated[Format, typer.Option("--format", help="How diagnostics are printed.")] = Format.rich,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
) -> None:
    """Tell everything that is wrong with spaces. Exit code 0 clean, 1 diagnostics, 2 usage, 3 file trouble."""
    from tsdsl.analysis.check import check as check_source

    sources = [source for file in files for source in read_sources(file)]
    diagnostics = [d for source in sources for d in check_source(source).diagnostics]
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
        render_rich(diagnostics, facts())
        names = f"{len(sources)} file{'s' if len(sources) != 1 else ''}"
        tally = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        messages().print(f"{names}: {', '.join(tally) if tally else 'nothing wrong'}", markup=False)
    raise typer.Exit(1 if errors or (strict and warnings) else 0)


def read_sources(argument: str) -> list[SourceFile]:
    """The sources that an argument names: a file, all in a folder, a shipped space, standard input."""
    import sys

    from tsdsl.api import STANDARD, decode_source, read_source

    if argument == "-":
        return [decode_source("<stdin>", sys.stdin.buffer.read())]
    path = Path(argument)
    if not argument.startswith(STANDARD) and path.is_dir():
        found = sorted(path.rglob("*.tsspace"))
        if not found:
            raise FileError(f"{path}: holds no .tsspace file", help="give a file, or another folder")
        return [read_source(file) for file in found]
    return [read_source(argument)]
