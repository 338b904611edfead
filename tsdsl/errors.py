"""The exceptions a program using tsdsl can meet, all below `TsdslError`.

    TsdslError
    |-- UsageError    a flag, name or combination that makes no sense    exit code 2
    |-- FileError     a file that is missing, unreadable, foreign or full exit code 3
    |-- RunError      work that cannot go on: no usable clips, NaN loss   exit code 4
    |-- RepeatedError what another process of the run has reported        its exit code
    `-- SpaceError    a space with errors; carries its diagnostics        exit code 1

What a user wrote wrong in a `.tsspace` file is a Diagnostic, never one of these; `SpaceError` only
carries diagnostics out of the Python API, where a caller asked for a Space and there is none.
"""

from __future__ import annotations


class TsdslError(Exception):
    """The base of all of them. The message names the place; `help` says what to do about it."""

    exit_code = 2

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class UsageError(TsdslError):
    """A flag, name or combination that makes no sense."""

    exit_code = 2


class FileError(TsdslError):
    """A file that is missing, unreadable, not what it claims to be, or cannot be written."""

    exit_code = 3


class RunError(TsdslError):
    """Work that started and cannot go on, such as a data set without one usable clip."""

    exit_code = 4


class RepeatedError(TsdslError):
    """The failure of another process of the same run, which ended this one too; it is reported once, there."""

    def __init__(self, message: str, *, help: str | None = None, exit_code: int = 4) -> None:
        super().__init__(message, help=help)
        self.exit_code = exit_code


class SpaceError(TsdslError):
    """A `.tsspace` file with errors; `diagnostics` holds them, and notebooks show these with the text."""

    exit_code = 1

    def __init__(self, message: str, diagnostics: tuple[object, ...], *, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.diagnostics = diagnostics
