"""`tsdsl explain`: prints the page of a diagnostic code, or the list of all codes."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.work.console import facts
from tsdsl.diagnostics import CODES
from tsdsl.errors import UsageError

MAX_SIMILAR_SHOWN = 3


def explain(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="A code such as TS101; default: list all.")] = None,
) -> None:
    """Explain a diagnostic code, with an example that fails and its corrected form."""
    if code is None:
        for known in CODES.values():
            print(f"{known.code}  {known.severity:<7}  {known.title}")
        return
    text = code_page(code)
    console = facts()
    if not console.is_terminal:
        print(text, end="")
        return
    from rich.markdown import Markdown

    console.print(Markdown(text))


def code_page(code: str) -> str:
    """The Markdown page of a code, in upper or lower case.

    Raises:
        UsageError: there is no such code.
    """
    from importlib.resources import files

    name = code.upper()
    if name not in CODES:
        raise UsageError(f"unknown diagnostic code {code}", help=_similar(name))
    return (files("tsdsl.docs") / "codes" / f"{name}.md").read_text(encoding="utf-8")


def _similar(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(CODES), n=MAX_SIMILAR_SHOWN)
    if not close:
        return "`tsdsl explain` lists all codes"
    return f"did you mean {' or '.join(sorted(close))}? `tsdsl explain` lists all codes"
