"""`tsdsl report`: one HTML page of a run, and the writing of it at the end of search, train and quickstart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.space.model import Space

PAGE = "report.html"


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a search, a training run or a quickstart.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: report.html in RUN.")
    ] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The run's space, if it is not found.")] = None,
) -> None:
    """Write what a run did and found as one HTML file that needs no network: open it, print it, send it."""
    if output is not None and output.suffix not in (".html", ".htm"):
        raise UsageError(f"{output}: a report is an HTML file", help="give a name that ends in .html")
    from tsdsl.artifacts.locate import find_space

    space = find_space(in_space).space if in_space is not None else None
    note(f"wrote {write_report(run, output, space)}")


def write_report(run: Path, output: Path | None = None, space: Space | None = None) -> Path:
    """Write the page of a run and return its path; `space` is that of a training run, where it is known.

    Raises:
        FileError: `run` is no folder of a run, or a file in it is damaged.
    """
    from tsdsl.files import write_text
    from tsdsl.report.run import run_page

    page = output or run / PAGE
    write_text(page, run_page(run, space))
    return page
