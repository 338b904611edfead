"""Diagnostics as a value that prompts and notebooks show."""

from __future__ import annotations

from io import StringIO

from tsdsl.diagnostics.diagnostic import Diagnostic
from tsdsl.diagnostics.render import concise, rich_text

WIDTH = 300
PAGE = '<pre style="font-family: monospace; line-height: 1.3">{code}</pre>'


class Listing(tuple[Diagnostic, ...]):
    """Diagnostics in order. A prompt shows a line for each, a notebook each under its text."""

    def __repr__(self) -> str:
        return "\n".join(map(concise, self))

    def _repr_html_(self) -> str:
        """Each with its source lines underlined."""
        from rich.console import Console

        console = Console(record=True, file=StringIO(), width=WIDTH, force_jupyter=False)
        for diagnostic in self:
            console.print(rich_text(diagnostic), soft_wrap=True)
        return console.export_html(inline_styles=True, code_format=PAGE)
