"""The `tsdsl` command: how errors become messages and exit codes.

Exit codes: 0 done, 1 diagnostics or a failed verification, 2 usage, 3 file trouble, 4 work that cannot
go on, 70 a defect of tsdsl, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tsdsl.cli.console import report_error, report_space_error
from tsdsl.errors import RepeatedError, SpaceError, TsdslError


def app(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code.

    A check of files without any option does not wait for the command line to be described, which takes as long as
    the check.
    """
    if len(arguments) > 1 and arguments[0] == "check" and not any(a.startswith("-") for a in arguments):
        from tsdsl.cli.checking import check_files

        return check_files(arguments[1:])
    from tsdsl.cli.commands import run_command

    try:
        run_command(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        return app(sys.argv[1:] if arguments is None else arguments)
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
