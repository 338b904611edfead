"""Worker processes that end with the command that started them, however it ends.

Each worker waits in a thread for the end of a pipe whose other end only the command holds. The kernel closes that end
when the command dies, by SIGKILL too.
"""

from __future__ import annotations

import math
import os
import threading
import time
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from tsdsl.errors import UsageError

ENDED_WITH_PARENT = 113
POLL_INTERVAL_S = 1.0


class _Worker(ForkServerProcess):
    def __reduce__(self) -> tuple[Any, ...]:
        # The new process reads this before the state, and so watches before it imports torch for what is in there.
        return _begin, (_lifeline(os.getpid())[0],), self.__dict__

    def terminate(self) -> None:
        """End the worker at once; a stopped process would keep SIGTERM for later, and be waited for until then."""
        self.kill()


class WorkerContext(ForkServerContext):
    """Starts workers that end with this process, and never by a fork of a process that has threads."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[ForkServerProcess] = []

    def Process(self, *arguments: Any, **settings: Any) -> ForkServerProcess:  # type: ignore[override]
        """A worker, which is also kept in `started`."""
        worker = _Worker(*arguments, **settings)
        self.started.append(worker)
        return worker


def available_cores() -> int:
    """The cores that this process may use, at least one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_from(variable: str, default_s: float) -> float:
    """The seconds that an environment variable gives, or the default.

    Raises:
        UsageError: it is not a positive number.
    """
    text = os.environ.get(variable)
    try:
        seconds = default_s if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(
            f"{variable} must be a positive number of seconds, got {text!r}", help=f"for instance {default_s:g}"
        )
    return seconds


def end_with_parent() -> None:
    """End this process within a second or two of its parent's end."""
    parent = os.getppid()

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_INTERVAL_S)
        os._exit(ENDED_WITH_PARENT)

    threading.Thread(target=wait, daemon=True).start()


def _begin(command: Connection) -> _Worker:
    def wait() -> None:
        command.poll(None)  # nothing is ever sent: it returns at the end of the pipe
        os._exit(ENDED_WITH_PARENT)

    threading.Thread(target=wait, daemon=True).start()
    return _Worker.__new__(_Worker)


@cache
def _lifeline(owner: int) -> tuple[Connection, Connection]:
    """The ends for reading and writing of one pipe for each process, open as long as it lives."""
    return Pipe(duplex=False)
