"""Signals become requests that are met at safe points."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tsdsl.data.loading.delivery import WorkerError
from tsdsl.engine.ranks.interruption import Interruption, StopRequestedError, interruption
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.errors import RunError
from tsdsl.processes import WorkerContext


def test_the_first_signal_is_noted_and_the_second_ends_at_once() -> None:
    with interruption() as request:
        assert request.signal_number is None
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruption():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_rank_that_failed_lives_through_the_signal_for_the_others_of_torchrun() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(RunError), interruption(Ranks(rank=1, size=2)) as request:
            raise RunError("another process of this run ended")
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.signal_number == signal.SIGTERM
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_items_stop_once_a_stop_is_requested() -> None:
    request = Interruption()
    items = request.stoppable(range(5))
    assert [next(items), next(items)] == [0, 1]
    request.signal_number = signal.SIGINT
    with pytest.raises(StopRequestedError):
        next(items)


def _sleep() -> None:
    time.sleep(60)


def test_a_signal_ends_the_wait_for_a_worker_and_the_worker() -> None:
    worker = WorkerContext().Process(target=_sleep)
    worker.start()

    def items() -> Iterator[int]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            worker.join()
        except Exception:
            pytest.fail("took the signal for an error of its own")
        yield 0

    with interruption() as request, pytest.raises(StopRequestedError):
        list(request.stoppable(items()))
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("is_requested", [True, False])
def test_workers_that_die_of_the_same_signal_are_no_error(is_requested: bool) -> None:
    request = Interruption()

    def items() -> Iterator[int]:
        if is_requested:
            request.signal_number = signal.SIGINT
        raise WorkerError("a process that decodes clips ended")
        yield 0

    with pytest.raises(
        StopRequestedError if is_requested else RunError, match=None if is_requested else "decodes clips"
    ):
        list(request.stoppable(items()))


def test_another_error_of_what_makes_the_items_is_left_as_it_is() -> None:
    def items() -> Iterator[int]:
        raise RuntimeError("out of memory")
        yield 0

    with pytest.raises(RuntimeError, match="out of memory"):
        list(Interruption().stoppable(items()))


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    outcome: list[int | None] = []

    def work() -> None:
        with interruption() as request:
            outcome.append(request.signal_number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcome == [None]
