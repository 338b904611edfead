"""The `tsdsl` command: subcommands, and how errors become messages and exit codes.

Exit codes: 0 done, 1 diagnostics or a failed verification, 2 usage, 3 file trouble, 4 work that cannot
go on, 70 a defect of tsdsl, 130 interrupted. Only the subcommand that
is asked for is imported, and it imports what is heavy inside its function, so that `check` starts fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

import typer

from tsdsl.cli.console import report_error, report_space_error
from tsdsl.errors import RepeatedError, SpaceError, TsdslError

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


def app(args: Sequence[str] | None) -> None:
    """Do what the arguments say, those of the process unless given."""
    first = next(iter(sys.argv[1:] if args is None else args), "")
    command_line([first] if first in COMMANDS else COMMANDS)(args=args)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        app(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except SpaceError as error:
        report_space_error(error)
        return error.exit_code
    except RepeatedError as error:
        return error.exit_code
    except TsdslError as error:
        report_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # the last resort: a user is told what to do, not shown a stack
        if os.environ.get("TSDSL_DEBUG"):
            raise
        report_error(_unexpected(error))
        return 70
    return 0


def _unexpected(error: Exception) -> TsdslError:
    """What to say of an exception that nothing expected."""
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return TsdslError(f"out of memory: {error}", help="use a smaller --batch-size, or a machine with more")
    name = type(error).__name__
    return TsdslError(
        f"{name}: {error}",
        help="this is a defect of tsdsl: please report it with what TSDSL_DEBUG=1 adds to the output",
    )


def main() -> None:
    """Entry point of the `tsdsl` script."""
    sys.exit(run())
