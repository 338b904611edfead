"""`tsdsl fix`: migrates files to the current language version."""

from __future__ import annotations

import typer

from tsdsl.cli.options import CheckOnly, Files, ShowDiff
from tsdsl.cli.work.console import note
from tsdsl.cli.work.sources import STANDARD_INPUT, unified, writable_sources, write_source


def fix(files: Files, check: CheckOnly = False, diff: ShowDiff = False) -> None:
    """Migrate files of an older language version. To fix mistakes, use `tsdsl check --fix`."""
    from tsdsl.space.resolve.file import LANGUAGE_VERSION
    from tsdsl.syntax.migrate import MIGRATIONS, migrate

    changed = 0
    for source in writable_sources(files):
        migrated = migrate(source, MIGRATIONS, LANGUAGE_VERSION)
        if source.name == STANDARD_INPUT and not (check or diff):
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
