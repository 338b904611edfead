"""What commands print: facts on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from tsdsl.errors import SpaceError, TsdslError

if TYPE_CHECKING:
    from rich.console import Console

    from tsdsl.diagnostics import Diagnostic

WIDTH_OF_FILES = 120
MOST_SKIPPED_SHOWN = 20


@lru_cache(maxsize=1)
def messages() -> Console:
    """The console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def facts() -> Console:
    """The console on stdout; tables are as wide as they need to be where it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_OF_FILES)


def print_json(data: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """A line for the reader, on stderr."""
    print(text, file=sys.stderr)


def report_error(error: TsdslError) -> None:
    """`error: ...` and its help line."""
    console = messages()
    console.print("error: ", style="bold red", end="")
    console.print(error.message, markup=False, soft_wrap=True)
    if error.help:
        console.print(" help: ", style="bold green", end="")
        console.print(error.help, markup=False, soft_wrap=True)


def report_space_error(error: SpaceError) -> None:
    """The diagnostics of a space with errors, then the error itself."""
    from tsdsl.diagnostics.render import render_rich

    diagnostics = cast("tuple[Diagnostic, ...]", error.diagnostics)
    render_rich(diagnostics, messages())
    count = len(diagnostics)
    report_error(
        TsdslError(
            f"{error.message.split(':', 1)[0]}: {count} error{'s' if count != 1 else ''}, nothing was done",
            help=error.help or "mend the file, then try again",
        )
    )


def report_skipped(skipped: Mapping[str, str]) -> None:
    """Name the clips that were skipped, the first ones in full, and count them."""
    for path, reason in list(skipped.items())[:MOST_SKIPPED_SHOWN]:
        note(f"skipped {path}: {reason}")
    if len(skipped) > MOST_SKIPPED_SHOWN:
        note(f"... and {len(skipped) - MOST_SKIPPED_SHOWN} more: {len(skipped)} clips were skipped in all")
