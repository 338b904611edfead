"""`tsdsl report`: one HTML page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import InSpace
from tsdsl.cli.work.console import note
from tsdsl.errors import UsageError


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a search, a training run or a quickstart.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: report.html in RUN.")
    ] = None,
    in_space: InSpace = None,
) -> None:
    """Write the settings and results of a run to one HTML file that works offline."""
    if output is not None and output.suffix not in (".html", ".htm"):
        raise UsageError(f"{output}: a report is an HTML file", help="give a name ending in .html")
    from tsdsl.artifacts.locate import find_space
    from tsdsl.report.run import write_report

    space = find_space(in_space).space if in_space is not None else None
    note(f"wrote {write_report(run, output, space)}")
