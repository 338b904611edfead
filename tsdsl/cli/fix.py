"""`tsdsl fix`: files of older versions of the language in the version of today."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.cli.texts import STANDARD_INPUT_FLAG, read_sources, unified, write_source
from tsdsl.errors import UsageError


def fix(
    files: Annotated[list[str], typer.Argument(help="Files or folders, or - for standard input to standard output.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; print what would change.")] = False,
) -> None:
    """Migrate files of an older language version. Mistakes are mended by `tsdsl check --fix`."""
    from tsdsl.space.resolve.file import LANGUAGE_VERSION
    from tsdsl.syntax.migrate import MIGRATIONS, migrate

    changed = 0
    for file in files:
        if file.startswith("std:"):
            raise UsageError(f"{file}: shipped spaces are not written to", help="give a file of your own")
        for source in read_sources(file):
            migrated = migrate(source, MIGRATIONS, LANGUAGE_VERSION)
            if file == STANDARD_INPUT_FLAG and not (check or diff):
                print(migrated.source.text, end="")
                continue
            if not migrated.made:
                note(f"{source.name}: is in language version {LANGUAGE_VERSION}")
                continue
            changed += 1
            for migration in migrated.made:
                note(f"{source.name}: {'would be' if check or diff else 'was'} migrated: {migration.title}")
            if diff:
                print(unified(source, migrated.source.text), end="")
            elif not check:
                write_source(source, migrated.source.text)
    raise typer.Exit(1 if changed and (check or diff) else 0)
