"""Waits for the batches of worker processes: a worker that dies or stops ends the run, with the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from torch.utils.data import DataLoader

from tsdsl.errors import RunError
from tsdsl.processes import WorkerContext, seconds_from

TIMEOUT_VARIABLE = "TSDSL_WORKER_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 600.0

ENDS_OF_WORKERS = ("DataLoader worker", "Pin memory thread exited")
"""How the messages of DataLoader about a worker that died begin."""

SHARED_MEMORY = "/dev/shm"  # nosec B108: only its free space is asked for, nothing is written there
PREFETCHED_BATCHES = 2
"""Batches that a worker makes ahead, the default of DataLoader."""


class WorkerError(RunError):
    """Worker processes that cannot deliver clips."""


def worker_timeout_s() -> float:
    """The seconds without any batch after which workers count as hung: `TSDSL_WORKER_TIMEOUT_S`, or 600."""
    return seconds_from(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT_S)


def delivered(loader: DataLoader[Any]) -> Iterator[Any]:
    """The batches of a loader.

    Raises:
        WorkerError: a worker ended, or none delivered a batch in time.
    """
    if loader.num_workers == 0:
        yield from loader
        return
    batches = iter(loader)
    while True:
        with _ended_after(worker_timeout_s(), loader) as ended:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except (RuntimeError, ConnectionError, EOFError) as error:
                if ended:
                    raise _too_slow(ended[0]) from error
                if isinstance(error, RuntimeError) and not str(error).startswith(ENDS_OF_WORKERS):
                    raise
                raise _worker_ended(error) from error
        yield batch


@contextmanager
def _ended_after(seconds: float, loader: DataLoader[Any]) -> Iterator[list[float]]:
    """Within it, the workers of a loader are killed after some seconds, which are then in the list.

    The wait for a batch then ends, as for any worker that dies. The limit of DataLoader itself does not cover a worker
    that is stopped while it hands over a batch.
    """
    ended: list[float] = []

    def end() -> None:
        ended.append(seconds)
        for worker in started_workers(loader):
            worker.kill()

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()


def _too_slow(seconds: float) -> WorkerError:
    return WorkerError(
        f"the processes that decode clips delivered none for {seconds:g} s",
        help="give --workers 0 to decode in this process, which shows where it hangs; if reading is only slow, set "
        f"{TIMEOUT_VARIABLE} to more seconds. The same command goes on from the last checkpoint",
    )


def _worker_ended(error: Exception) -> WorkerError:
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(". ")
    return WorkerError(
        f"a process that decodes clips ended: {reason}",
        help="it may have run out of memory: give fewer --workers, more memory, or a larger /dev/shm (`docker run "
        "--shm-size 8g`); `tsdsl data verify` finds files that end what reads them. The same command goes on from the "
        "last checkpoint",
    )


def started_workers(loader: DataLoader[Any]) -> list[Any]:
    """The worker processes of a loader."""
    context = loader.multiprocessing_context
    return context.started if isinstance(context, WorkerContext) else []


def require_shared_memory(num_workers: int, batch_bytes: int) -> None:
    """RunError if the batches that workers make ahead do not fit into the free shared memory."""
    if num_workers == 0 or not os.path.isdir(SHARED_MEMORY):  # noqa: PTH112
        return
    status = os.statvfs(SHARED_MEMORY)
    free_bytes = status.f_bavail * status.f_frsize
    needed_bytes = num_workers * PREFETCHED_BATCHES * batch_bytes
    if needed_bytes > free_bytes:
        raise RunError(
            f"{SHARED_MEMORY}: has {free_bytes / 2**20:.1f} MiB free, but {num_workers} workers need "
            f"{needed_bytes / 2**20:.1f} MiB for {PREFETCHED_BATCHES} batches each",
            help="give --workers 0, fewer --workers or a smaller --batch-size, or make it larger: "
            "`docker run --shm-size 8g`",
        )
