"""`tsdsl check`: all diagnostics of files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import facts, messages, note, print_json
from tsdsl.diagnostics import Diagnostic
from tsdsl.diagnostics.render import as_json, as_sarif, concise, render_rich
from tsdsl.errors import FileError, UsageError
from tsdsl.files import write_text
from tsdsl.source import SourceFile

STANDARD_INPUT_FLAG = "-"
STANDARD_INPUT = "<stdin>"


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
    from tsdsl.analysis.check import check as check_source

    if (suggested or diff) and not fix:
        raise UsageError("--suggested and --diff say how fixes are made", help="add --fix")
    prints_text = fix and (diff or STANDARD_INPUT_FLAG in files)
    if prints_text and format is not Format.rich:
        raise UsageError(f"--format {format.value} and a text would both go to standard output", help="leave one out")
    sources = [source for file in files for source in read_sources(file)]
    if fix:
        diagnostics = [d for source in sources for d in _fixed(source, suggested, diff)]
    else:
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
        if diagnostics:
            render_rich(diagnostics, messages() if prints_text else facts())
        names = f"{len(sources)} file{'s' if len(sources) != 1 else ''}"
        tally = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        note(f"{names}: {', '.join(tally) if tally else 'nothing wrong'}")
        fixable = sum(any(f.applicability == "safe" for f in d.fixes) for d in diagnostics)
        if fixable and not fix:
            note(f"{fixable} can be mended by --fix")
    raise typer.Exit(1 if errors or (strict and warnings) else 0)


def _fixed(source: SourceFile, suggested: bool, diff: bool) -> tuple[Diagnostic, ...]:
    """What is wrong with a source after its fixes, which are written to its file, or shown."""
    from tsdsl.analysis.mend import mend

    if source.name.startswith("std:"):
        raise UsageError(f"{source.name}: shipped spaces are not written to", help="give a file of your own")
    mended = mend(source, suggested=suggested)
    for made in mended.made:
        line = made.diagnostic.source.position(made.diagnostic.span.start).line
        note(f"{source.name}:{line}: {made.diagnostic.code}: {'would ' if diff else ''}{made.fix.title}")
    if diff:
        print(unified(source, mended.source.text), end="")
    elif source.name == STANDARD_INPUT:
        print(mended.source.text, end="")
    elif mended.source.text != source.text:
        write_source(source, mended.source.text)
    return mended.left


def write_source(source: SourceFile, text: str) -> None:
    """Put `text` into the file of a source, which still holds what was read.

    Raises:
        FileError: it has changed since it was read, or cannot be written; it is as it was.
    """
    from tsdsl.source_files import read_source

    if read_source(source.name).text != source.text:
        raise FileError(f"{source.name}: has changed since it was read", help="run the command again")
    write_text(Path(source.name).resolve(), text)


def unified(source: SourceFile, after: str) -> str:
    """The lines that differ from what a source holds, as `diff -u` writes them."""
    from difflib import unified_diff

    lines = unified_diff(_lines(source.text), _lines(after), source.name, source.name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends; only a newline ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], *(line[:-1] for line in lines[-1:] if line != "\n")]


def read_sources(argument: str) -> list[SourceFile]:
    """The sources that an argument names: a file, all in a folder, a shipped space, standard input."""
    import sys

    from tsdsl.source_files import STANDARD, decode_source, read_source

    if argument == STANDARD_INPUT_FLAG:
        return [decode_source(STANDARD_INPUT, sys.stdin.buffer.read())]
    path = Path(argument)
    if not argument.startswith(STANDARD) and path.is_dir():
        found = sorted(path.rglob("*.tsspace"))
        if not found:
            raise FileError(f"{path}: holds no .tsspace file", help="give a file, or another folder")
        return [read_source(file) for file in found]
    return [read_source(argument)]
