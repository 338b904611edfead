"""Starts a command with workers, ends it by signals, and finds which of its processes are left. Linux only."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

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
