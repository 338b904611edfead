"""The table of subcommands and the command line made of them.

Only the requested subcommand is imported; heavy imports are inside its function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import typer

COMMANDS: Mapping[str, tuple[str, str]] = {
    "new": ("new", "new"),
    "check": ("check", "check"),
    "explain": ("explain", "explain"),
    "docs": ("docs", "docs"),
    "fmt": ("fmt", "fmt"),
    "fix": ("fix", "fix"),
    "diff": ("diff", "diff"),
    "lsp": ("lsp", "lsp"),
    "compile": ("compile", "compile_space"),
    "inspect": ("inspect", "inspect"),
    "sample": ("sample", "sample"),
    "render": ("render", "render"),
    "report": ("report", "report"),
    "search": ("search", "search"),
    "benchmark": ("benchmark", "benchmark"),
    "front": ("front", "front"),
    "rank": ("rank", "rank"),
    "train": ("train", "train"),
    "eval": ("eval", "evaluate"),
    "predict": ("predict", "predict"),
    "export": ("export", "export"),
    "verify": ("verify", "verify"),
    "runs": ("runs", "app"),
    "data": ("data", "app"),
    "weights": ("weights", "app"),
    "quickstart": ("quickstart", "quickstart"),
    "env": ("env", "env"),
}


def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Declare, check and search a space of two-stream video models, and train the result."""
    if version:
        from tsdsl import __version__

        print(f"tsdsl {__version__}")
        raise typer.Exit


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with these subcommands. Importing all of them takes longer than checking a space."""
    described = typer.Typer(
        name="tsdsl",
        help="Declare, check and search a space of two-stream video models, and train the result.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    described.callback(invoke_without_command=True)(root)
    for name in names:
        module, what = COMMANDS[name]
        found = getattr(import_module(f"tsdsl.cli.{module}"), what)
        if isinstance(found, typer.Typer):
            described.add_typer(found, name=name)
        else:
            described.command(name)(found)
    return described


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments name.

    Raises:
        SystemExit: always, with the exit code.
    """
    first = next(iter(arguments), "")
    command_line([first] if first in COMMANDS else COMMANDS)(args=list(arguments))
