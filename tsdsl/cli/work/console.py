"""Prints facts on stdout, messages on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from tsdsl.errors import SpaceError, TsdslError
from tsdsl.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from tsdsl.diagnostics import Diagnostic

FILE_WIDTH = 120
MAX_SKIPPED_SHOWN = 20


@lru_cache(maxsize=1)
def messages() -> Console:
    """The console on stderr."""
    return _console(stderr=True)


def facts() -> Console:
    """The console on stdout; tables are 120 columns wide if it is not a terminal."""
    console = _console()
    return console if console.is_terminal else _console(width=FILE_WIDTH)


def _console(**options: Any) -> Console:
    """A console that shows what strings hold: neither its own markup nor a terminal's commands have an effect."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **how: Any) -> Text:
            return super().render_str(printable(text), **how)

    return Plain(highlight=False, markup=False, emoji=False, **options)


def print_json(data: Any) -> None:
    """Print one JSON document on stdout."""
    print(printable(json.dumps(data, indent=2, ensure_ascii=False)))


def note(text: str) -> None:
    """Print a line on stderr."""
    print(printable(text), file=sys.stderr)


def report_error(error: TsdslError) -> None:
    """Print `error: ...` and its help line, in one piece: other processes may write to the same terminal."""
    from rich.text import Text

    text = Text.assemble(("error: ", "bold red"), printable(error.message))
    if error.help:
        text.append("\n help: ", "bold green").append(printable(error.help))
    messages().print(text, soft_wrap=True)


def report_space_error(error: SpaceError) -> None:
    """Print the diagnostics of a space with errors, then the error itself."""
    from tsdsl.diagnostics.render import render_rich

    diagnostics = cast("tuple[Diagnostic, ...]", error.diagnostics)
    render_rich(diagnostics, messages())
    count = len(diagnostics)
    report_error(
        TsdslError(
            f"{error.message.split(':', 1)[0]}: {count} error{'s' if count != 1 else ''}, nothing was done",
            help=error.help or "fix the file, then try again",
        )
    )


def report_skipped(skipped: Mapping[str, str]) -> None:
    """Print the first skipped clips with their reasons, and the number of all."""
    for path, reason in list(skipped.items())[:MAX_SKIPPED_SHOWN]:
        note(f"skipped {path}: {reason}")
    if len(skipped) > MAX_SKIPPED_SHOWN:
        note(f"... and {len(skipped) - MAX_SKIPPED_SHOWN} more; {len(skipped)} clips skipped in total")
