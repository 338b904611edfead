"""What mkdocs does besides rendering `tsdsl/docs`: it adds pages made from code, and the files that pages link to.

mkdocs calls the functions whose names begin with `on_`; see `mkdocs.yml`. A link that leads out of `tsdsl/docs`, as to
an example, leads on the site to a page of its own below `repository/`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pygments.lexers
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "tsdsl" / "docs"
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
CODE = re.compile(r"<code>[^<]*</code>")
MARKED_FENCE = re.compile(r"^```tsspace .*$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> None:
    """Let code in the language be coloured, and the other programs of this folder be imported."""
    sys.path.insert(0, str(ROOT / "tests"))
    pygments.lexers.LEXERS["TsspaceLexer"] = ("generate.tsspace_lexer", "tsspace", ("tsspace",), ("*.tsspace",), ())


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are made, and those that pages link to."""
    from generate.site_pages import made_pages

    for name, text in made_pages().items():
        files.append(File.generated(config, name, content=text))
    for path in sorted(linked_outside()):
        files.append(File.generated(config, site_path(path), content=page_of(path)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links as they are on the site, and without the marks of its examples, which tests read."""
    return MARKED_FENCE.sub("```tsspace", with_site_links(markdown, PurePosixPath(page.file.src_uri)))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with the signs in code of tables as they are, not escaped as GitHub needs them."""
    return CODE.sub(lambda match: match[0].replace("\\|", "|"), html)


def linked_outside() -> set[Path]:
    """The files outside `tsdsl/docs` that its pages link to, and those that these link to."""
    found: set[Path] = set()
    waiting = sorted(DOCS.rglob("*.md"))
    while waiting:
        new = set(outside_targets(waiting.pop())) - found
        found |= new
        waiting += (path for path in new if path.suffix == ".md")
    return found


def outside_targets(page: Path) -> Iterator[Path]:
    """The files outside `tsdsl/docs` that one page links to."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path = target(page, link)
        if path.is_file() and not path.is_relative_to(DOCS):
            yield path


def target(page: Path, link: str) -> Path:
    """The path that a link of a page leads to; of a folder outside `tsdsl/docs`, its README.md."""
    path = Path(os.path.normpath(page.parent / link))
    return path / "README.md" if path.is_dir() and not path.is_relative_to(DOCS) else path


def site_path(path: Path) -> str:
    """Where a file of the repository, or a folder of `tsdsl/docs`, is on the site."""
    if path.is_relative_to(DOCS):
        name = path.relative_to(DOCS).as_posix()
        return f"{name}/index.md" if path.is_dir() else name
    name = f"repository/{path.relative_to(ROOT).as_posix()}"
    return name if path.suffix == ".md" else f"{name}.md"


def with_site_links(text: str, page: PurePosixPath) -> str:
    """A text with those links changed that lead to another place on the site than in the repository."""
    source = ROOT / page.relative_to("repository") if page.parts[0] == "repository" else DOCS / page

    def link(match: re.Match[str]) -> str:
        path = target(source, match[1])
        return os.path.relpath(site_path(path), page.parent) if path.exists() else match[1]

    return LINK.sub(link, text)


def page_of(path: Path) -> str:
    """A file as a page: Markdown as it is, all else as code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    language = {".sbatch": "bash", ".sh": "bash"}.get(path.suffix, path.suffix[1:])
    return f"# {path.relative_to(ROOT).as_posix()}\n\n```{language}\n{text}```\n"
