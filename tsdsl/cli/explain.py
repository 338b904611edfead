"""`tsdsl explain`: prints the page of a diagnostic code, or the list of all codes."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.cli.work.console import facts
from tsdsl.diagnostics import CODES
from tsdsl.diagnostics.suggest import did_you_mean
from tsdsl.errors import UsageError


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
        close, lists = did_you_mean(name, CODES), "`tsdsl explain` lists all codes"
        raise UsageError(f"unknown diagnostic code {code}", help=f"{close} {lists}" if close else lists)
    return (files("tsdsl.docs") / "codes" / f"{name}.md").read_text(encoding="utf-8")
