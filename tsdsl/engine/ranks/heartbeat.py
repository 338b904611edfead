"""Notices a rank that no longer answers, so that the others do not wait for it.

Each rank counts up a number in the store from a thread of its own, also while it works alone for hours. Each watches
the rank after it: the one before a dead or stopped rank is alive, or the one before that one, and ends the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from types import TracebackType

from torch.distributed.distributed_c10d import Store

from tsdsl.processes import seconds_from

TIMEOUT_VARIABLE = "TSDSL_RANK_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 120.0
INTERVAL_S = 1.0


def rank_timeout_s() -> float:
    """The seconds after which a silent rank counts as lost: `TSDSL_RANK_TIMEOUT_S`, or 120."""
    return seconds_from(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT_S)


class Heartbeat:
    """The thread of one rank of several; `lost` is called in it with the rank that was silent for `timeout_s`."""

    def __init__(self, store: Store, rank: int, size: int, timeout_s: float, lost: Callable[[int], None]) -> None:
        self._store, self._rank, self._size, self._timeout_s, self._lost = store, rank, size, timeout_s, lost
        self._interval_s = min(INTERVAL_S, timeout_s / 4)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        """Begin to count, and to watch."""
        self._store.set(_key(self._rank), "0")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread, which must not outlive the process's use of torch."""
        self._ended.set()
        self._thread.join()

    def silent(self) -> list[int]:
        """The ranks that do not count on within three intervals."""
        before = self._counts(range(self._size))
        time.sleep(3 * self._interval_s)
        now = self._counts(range(self._size))
        return [rank for rank in now if now[rank] == before.get(rank)]

    def _beat(self) -> None:
        watched = (self._rank + 1) % self._size
        count, heard, silent_s, looked_at_s = 0, b"", 0.0, time.monotonic()
        while not self._ended.wait(self._interval_s):
            # Whoever was stopped itself, as by a suspended job, must not take its own pause for that of another.
            silent_s += min(time.monotonic() - looked_at_s, 2 * self._interval_s)
            looked_at_s, count = time.monotonic(), count + 1
            with suppress(RuntimeError):  # the store does not answer now; it need not be the rank that is lost
                self._store.set(_key(self._rank), str(count))
                now = self._counts([watched]).get(watched, b"")
                if now != heard:
                    heard, silent_s = now, 0.0
                elif silent_s >= self._timeout_s:
                    self._lost(watched)

    def _counts(self, ranks: Collection[int]) -> dict[int, bytes]:
        """The counts of the ranks that have begun."""
        return {rank: self._store.get(_key(rank)) for rank in ranks if self._store.check([_key(rank)])}


def _key(rank: int) -> str:
    return f"heartbeat/{rank}"
