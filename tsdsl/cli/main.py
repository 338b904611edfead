"""The `tsdsl` command: subcommands, and how errors become messages and exit codes.

Exit codes: 0 done, 1 diagnostics or a failed verification, 2 usage, 3 file trouble, 4 work that cannot
go on, 70 a defect of tsdsl, 130 interrupted. Subcommands import what is heavy inside their functions, so that `--help`,
`check` and completion start fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from tsdsl.cli import (
    check,
    compile,
    data,
    diff,
    eval,
    explain,
    export,
    fix,
    fmt,
    inspect,
    lsp,
    new,
    quickstart,
    render,
    report,
    runs,
    sample,
    search,
    train,
    verify,
    weights,
)
from tsdsl.cli.console import report_error, report_space_error
from tsdsl.errors import RepeatedError, SpaceError, TsdslError

app = typer.Typer(
    name="tsdsl",
    help="Declare a search space of two-stream video models, check it, search it, train what was found.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("new")(new.new)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("fmt")(fmt.fmt)
app.command("fix")(fix.fix)
app.command("diff")(diff.diff)
app.command("lsp")(lsp.lsp)
app.command("compile")(compile.compile_space)
app.command("inspect")(inspect.inspect)
app.command("sample")(sample.sample)
app.command("render")(render.render)
app.command("report")(report.report)
app.command("search")(search.search)
app.command("train")(train.train)
app.command("eval")(eval.evaluate)
app.command("export")(export.export)
app.command("verify")(verify.verify)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.command("quickstart")(quickstart.quickstart)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    """Declare a search space of two-stream video models, check it, search it, train what was found."""
    if version:
        from tsdsl import __version__

        print(f"tsdsl {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        app(args=arguments)
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
        return TsdslError(f"out of memory: {error}", help="use a smaller --batch-size")
    name = type(error).__name__
    return TsdslError(
        f"{name}: {error}",
        help="this is a defect of tsdsl: please report it with what TSDSL_DEBUG=1 adds to the output",
    )


def main() -> None:
    """Entry point of the `tsdsl` script."""
    sys.exit(run())
