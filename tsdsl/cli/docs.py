"""`tsdsl docs`: lists the pages of the documentation, or prints one, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

import typer

from tsdsl.cli.work.console import facts
from tsdsl.diagnostics.suggest import did_you_mean
from tsdsl.errors import UsageError

FOLDERS = ("", "guides", "decisions")


def docs(
    page: Annotated[str | None, typer.Argument(metavar="PAGE", help="A page such as data; default: list all.")] = None,
) -> None:
    """Print a page of the documentation, or the list of all pages."""
    pages = documentation_pages()
    if page is None:
        width = max(map(len, pages))
        for name, file in pages.items():
            print(f"{name:<{width}}  {title(file)}")
        return
    if page not in pages:
        close, lists = did_you_mean(page, pages), "`tsdsl docs` lists all pages, `tsdsl explain` all diagnostic codes"
        raise UsageError(f"unknown page {page}", help=f"{close} {lists}" if close else lists)
    text = pages[page].read_text(encoding="utf-8")
    console = facts()
    if not console.is_terminal:
        print(text, end="")
        return
    from rich.markdown import Markdown

    console.print(Markdown(text))


def documentation_pages() -> dict[str, Traversable]:
    """The pages by name: those at the top, guides, decisions."""
    return dict(entry for folder in FOLDERS for entry in sorted(_pages_in(folder)))


def title(page: Traversable) -> str:
    """The heading of a page."""
    with page.open(encoding="utf-8") as lines:
        return next(line.removeprefix("# ").strip() for line in lines if line.startswith("# "))


def _pages_in(folder: str) -> Iterator[tuple[str, Traversable]]:
    root = files("tsdsl.docs")
    for file in (root / folder if folder else root).iterdir():
        if file.name.endswith(".md"):
            yield file.name.removesuffix(".md"), file
