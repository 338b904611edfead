"""The pages of the site that are made from the code when it is built, so that they cannot differ from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import typer.main

import tsdsl
from tsdsl.cli.commands import command_line
from tsdsl.diagnostics import CODES

DECISIONS = Path(tsdsl.__file__).parent / "docs" / "decisions"
FAMILIES = {"TS0": "Text", "TS1": "Names", "TS2": "Values", "TS3": "Shapes and slots", "TS4": "Steps and budgets"}


def made_pages() -> Mapping[str, str]:
    """The texts of the pages, by path."""
    return {
        "api.md": api(),
        "codes/index.md": codes(),
        "commands.md": commands(),
        "decisions/index.md": decisions(),
    }


def api() -> str:
    """The reference of the Python library: every public name from its docstring, functions before classes."""
    names = sorted((name for name in tsdsl.__all__ if not name.startswith("_")), key=lambda name: name[0].isupper())
    intro = "# Python\n\nAll that `import tsdsl` offers. Errors are subclasses of `tsdsl.errors.TsdslError`.\n\n"
    return intro + "\n".join(f"::: tsdsl.{name}\n" for name in names)


def codes() -> str:
    """The list of all diagnostic codes, each with a link to its page."""
    parts = ["# Diagnostics\n\n`tsdsl check` reports these; `tsdsl explain CODE` prints the page of a code.\n"]
    for family, members in groupby(CODES.values(), lambda code: code.code[:3]):
        rows = "".join(f"| [{one.code}]({one.code}.md) | {one.severity} | {one.title} |\n" for one in members)
        parts.append(f"\n## {FAMILIES[family]}\n\n| code | severity | meaning |\n| --- | --- | --- |\n{rows}")
    return "".join(parts)


def decisions() -> str:
    """The list of all decisions about the design, by title."""
    pages = sorted(DECISIONS.glob("0*.md"))
    titles = ((page.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# "), page.name) for page in pages)
    return "# Decisions\n\nThe reasons for single decisions.\n\n" + "".join(f"- [{t}]({name})\n" for t, name in titles)


def commands() -> str:
    """The reference of the command line: what `--help` says of each command."""
    intro = "# Commands\n\nThe same as `tsdsl COMMAND --help`.\n"
    return "\n".join([intro, *described(typer.main.get_command(command_line()), ("tsdsl",))])


def described(command: Any, names: tuple[str, ...]) -> Iterator[str]:
    """The sections of a command and of the commands below it."""
    below = getattr(command, "commands", {})
    if len(names) > 1:
        yield f"{'#' * len(names)} {' '.join(names)}\n\n{(command.help or '').strip()}\n"
    if not below:
        yield table_of_options(command, names)
    for name, one in below.items():
        yield from described(one, (*names, name))


def table_of_options(command: Any, names: tuple[str, ...]) -> str:
    """The usage of a command, its arguments and options."""
    with command.make_context(" ".join(names), [], resilient_parsing=True) as context:
        usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
        records = [parameter.get_help_record(context) for parameter in command.params]
    rows = "".join(f"| `{_cell(name)}` | {_cell(text)} |\n" for name, text in filter(None, records))
    if not rows:
        return f"```text\n{usage}\n```\n"
    return f"```text\n{usage}\n```\n\n| option | meaning |\n| --- | --- |\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
