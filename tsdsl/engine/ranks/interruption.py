"""Turns SIGINT and SIGTERM into a request that a run meets at the next safe point, with its state saved."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from tsdsl.data.loading.delivery import WorkerError
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.errors import RunError

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedRunError(RunError):
    """A run that stopped because it was asked to, after it saved its state; exit code 130 or 143."""

    def __init__(self, run: Path, iteration: int, signal_number: int) -> None:
        super().__init__(
            f"{run}: interrupted by {signal.Signals(signal_number).name} after iteration {iteration}; "
            "everything up to there is saved",
            help="run the same command again to go on",
        )
        self.run, self.iteration, self.signal_number = run, iteration, signal_number
        self.exit_code = 128 + signal_number

    def __reduce__(self) -> tuple[type[InterruptedRunError], tuple[Path, int, int]]:
        return InterruptedRunError, (self.run, self.iteration, self.signal_number)


class StopRequestedError(BaseException):
    """Unwinds from within an evaluation to where a run saves its state; never leaves the engine.

    It is no Exception, as it can come out of the wait for a clip, which must not take it for a fault of that clip.
    """


class Interruption:
    """Whether a signal asked the run to stop, and which; `is_waiting` for an item of worker processes."""

    def __init__(self, ranks: Ranks = ALONE) -> None:
        self.ranks = ranks
        self.signal_number: int | None = None
        self.is_waiting = False

    def agreed(self) -> bool:
        """Whether a signal came, on any rank; together."""
        numbers = [number for number in self.ranks.gather(self.signal_number) if number is not None]
        if numbers:
            self.signal_number = numbers[0]
        return bool(numbers)

    def stoppable(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, until a stop is requested of any rank; together: all ranks have as many items.

        Raises:
            StopRequestedError: it was, before or while the next item was made.
        """
        for item in self._until_stopped(items):
            if self.agreed() or item is None:
                raise StopRequestedError
            yield item

    def stoppable_alone(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, until a stop is requested of this rank; ranks may have different numbers of items.

        Raises:
            StopRequestedError: it was, before or while the next item was made.
        """
        for item in self._until_stopped(items):
            if self.signal_number is not None or item is None:
                raise StopRequestedError
            yield item

    def _until_stopped(self, items: Iterable[Item]) -> Iterator[Item | None]:
        """The items; None in place of one that a signal kept from being made."""
        iterator = iter(items)
        while True:
            try:
                self.is_waiting = True
                item: Item | None = next(iterator)
            except StopIteration:
                return
            except StopRequestedError:
                # Workers that still import what they need would be waited for.
                for worker in multiprocessing.active_children():
                    worker.terminate()
                item = None
            except WorkerError:
                # Worker processes get the terminal's Ctrl-C too; their end is then no error of its own.
                if self.signal_number is None:
                    raise
                item = None
            finally:
                self.is_waiting = False
            yield item


@contextmanager
def interruption(ranks: Ranks = ALONE) -> Iterator[Interruption]:
    """Within it, the first SIGINT or SIGTERM is noted; a second one raises KeyboardInterrupt at once.

    The first ends the wait for an item of worker processes, which can be long where they have just been started.

    Of several ranks each only notes, however many come: torchrun passes on a signal that the terminal has
    sent to all already, and ends what does not stop by itself. An error of several ranks leaves signals noted:
    torchrun sends SIGTERM to the others once one has failed, and each must still report why it ends. Outside the
    main thread signals cannot be handled, and are left as they are.
    """
    request = Interruption(ranks)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.signal_number is not None and ranks.size == 1:
            raise KeyboardInterrupt
        request.signal_number = number
        if request.is_waiting and ranks.size == 1 and multiprocessing.active_children():
            raise StopRequestedError

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield request
    except Exception:
        if ranks.size > 1:
            before.clear()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
