"""The `tsdsl` command: how errors become messages and exit codes.

Exit codes: 0 done, 1 diagnostics or a failed verification, 2 wrong usage, 3 a file is missing or unusable, 4 the work
cannot continue, 70 a bug in tsdsl, 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence

from tsdsl.cli.work.console import report_error, report_space_error
from tsdsl.errors import RepeatedError, SpaceError, TsdslError


def app(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; the exit code.

    `check` without options skips typer, which takes as long to import as checking a space.
    """
    if len(arguments) > 1 and arguments[0] == "check" and not any(a.startswith("-") for a in arguments):
        from tsdsl.cli.work.check_files import check_files

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
    except Exception as error:  # the last resort: print what to do instead of a traceback
        if os.environ.get("TSDSL_DEBUG"):
            raise
        report_error(_unexpected(error))
        return 70


def _unexpected(error: Exception) -> TsdslError:
    """The error to report for an unexpected exception."""
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return TsdslError(f"out of memory: {error}", help="use a smaller --batch-size, or a machine with more memory")
    name = type(error).__name__
    return TsdslError(
        f"{name}: {error}",
        help="this is a bug in tsdsl: please report it with what TSDSL_DEBUG=1 and `tsdsl env` print",
    )


def _end_of_thread(arguments: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread, unless the command reports the error of its file, as on a full disk."""
    if not issubclass(arguments.exc_type, OSError) or os.environ.get("TSDSL_DEBUG"):
        threading.__excepthook__(arguments)


def main() -> None:
    """Run the `tsdsl` script."""
    threading.excepthook = _end_of_thread
    code = run()
    gc.freeze()  # else Python visits all that torch has made once more, for as long as a small command takes
    sys.exit(code)
