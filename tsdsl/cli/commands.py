"""The subcommands of `tsdsl`: where each is, and what they are together.

Only the subcommand that is asked for is imported, and it imports what is heavy inside its function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import typer

COMMANDS: Mapping[str, tuple[str, str]] = {
    "new": ("new", "new"),
    "check": ("check", "check"),
    "explain": ("explain", "explain"),
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
    "train": ("train", "train"),
    "eval": ("eval", "evaluate"),
    "export": ("export", "export"),
    "verify": ("verify", "verify"),
    "runs": ("runs", "app"),
    "data": ("data", "app"),
    "weights": ("weights", "app"),
    "quickstart": ("quickstart", "quickstart"),
}


def root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    """Declare a search space of two-stream video models, check it, search it, train what was found."""
    if version:
        from tsdsl import __version__

        print(f"tsdsl {__version__}")
        raise typer.Exit


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with these subcommands: importing and describing all of them takes longer than checking a space."""
    described = typer.Typer(
        name="tsdsl",
        help="Declare a search space of two-stream video models, check it, search it, train what was found.",
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
    """Do what the arguments say.

    Raises:
        SystemExit: when all is done, with the exit code.
    """
    first = next(iter(arguments), "")
    command_line([first] if first in COMMANDS else COMMANDS)(args=list(arguments))
