"""Starts a command with workers, ends it by signals, and finds which of its processes are left. Linux only.

`left_behind` starts it as a shell does; `left_by_fork` in a process that has imported torch already, in a tenth of the
time.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from uuid import uuid4

from support.processes import server

MARK = "TSDSL_PROCESS_MARK"
# Workers start one loader after another, and each imports torch: half a minute where other work has the cores.
START_TIMEOUT_S, END_TIMEOUT_S, INTERVAL_S = 600.0, 10.0, 0.05
SIGNALS = {
    "SIGTERM": (signal.SIGTERM,),
    "SIGKILL": (signal.SIGKILL,),
    "SIGSTOP, SIGKILL": (signal.SIGSTOP, signal.SIGKILL),
}


def left_behind(command: Sequence[str], signals: Sequence[signal.Signals], num_processes: int, log: Path) -> list[str]:
    """The processes of a command that live 10 s after the signals; they come once it has `num_processes` of them.

    Raises:
        AssertionError: the command ended before.
    """
    mark = uuid4().hex
    environment = {**os.environ, MARK: mark, "OMP_NUM_THREADS": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    give_up_at_s = time.monotonic() + START_TIMEOUT_S
    try:
        while len(_marked(mark)) < num_processes:
            assert process.poll() is None, f"it ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < give_up_at_s, "\n".join(["expected more than", *map(_described, _marked(mark))])
            time.sleep(INTERVAL_S)
        started = _marked(mark)
        for number in signals:
            process.send_signal(number)
        _wait([*started, *_marked(mark)], END_TIMEOUT_S)
        process.poll()
        return [_described(pid) for pid in _marked(mark)]
    finally:
        process.kill()
        process.wait()
        for pid in _marked(mark):
            os.kill(pid, signal.SIGKILL)


def left_by_fork(
    work: Callable[..., object],
    given: Sequence[object],
    signals: Sequence[signal.Signals],
    num_processes: int,
    log: Path,
) -> list[str]:
    """As `left_behind`, of a call in a process of its own, whose workers come from a server of its own.

    The resource tracker of Python is that of this process, and not counted.
    """
    process = server().Process(target=_work, args=(work, given, str(log)))
    process.start()
    assert process.pid is not None
    session, give_up_at_s = process.pid, time.monotonic() + START_TIMEOUT_S
    try:
        while len(_in_session(session)) < num_processes - 1:
            assert process.is_alive(), f"it ended with {process.exitcode}: {log.read_text()}"
            assert time.monotonic() < give_up_at_s, "\n".join(map(_described, _in_session(session)))
            time.sleep(INTERVAL_S)
        started = _in_session(session)
        for number in signals:
            os.kill(session, number)
        _wait(started, END_TIMEOUT_S)
        process.join(0)
        return [_described(pid) for pid in _in_session(session)]
    finally:
        for pid in _in_session(session):
            os.kill(pid, signal.SIGKILL)
        process.join()


def _work(work: Callable[..., object], given: Sequence[object], log: str) -> None:
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(handle, descriptor)
    # Workers import it first, and that of a command is light.
    sys.modules["__main__"] = ModuleType("__main__")
    # Not the server that this process is from, but one of its own, as the command has.
    forkserver._forkserver.__init__()  # type: ignore[attr-defined, misc]
    sys.exit(work(*given))  # type: ignore[arg-type]


def _in_session(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # it has ended
        if int(number) == session and state != "Z":
            found.append(int(folder.name))
    return found


def tsdsl(*arguments: str | Path) -> list[str]:
    """The command line of `tsdsl`, in this environment."""
    return [sys.executable, "-m", "tsdsl", *map(str, arguments)]


def _marked(mark: str) -> list[int]:
    """The living processes with the mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended, or is of another user
    return found


def _wait(pids: Sequence[int], timeout_s: float) -> None:
    """Wait until all have ended, or the time is over."""
    give_up_at_s = time.monotonic() + timeout_s
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        select.select([handle], [], [], max(0.0, give_up_at_s - time.monotonic()))
        os.close(handle)


def _described(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return str(pid)
    return f"{pid}: {command[:150]}"
