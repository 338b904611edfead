"""What a run shows while it goes on."""

from __future__ import annotations

import io
import re

import pytest

from tsdsl.engine.runs.progress import Progress, duration


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables by which a user overrides what rich finds out about the terminal."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_without_a_terminal_a_line_comes_at_the_ends_and_at_intervals() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream=stream, clock=clock, line_interval_s=10)
    with progress, progress.task("train", 40, done=10) as task:
        for _ in range(30):
            clock.now_s += 0.5
            task.advance(1, clips=8, loss=1.23456, epoch="1/2")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train: 10/40"
    assert lines[1] == "train: 30/40  2 it/s  16 clips/s  0:00:05 left  loss 1.235  epoch 1/2"
    assert lines[2] == "train: 40/40  2 it/s  16 clips/s  loss 1.235  epoch 1/2"
    assert len(lines) == 3


def test_quiet_shows_nothing() -> None:
    stream = io.StringIO()
    with Progress(stream=stream, quiet=True) as progress, progress.task("train", 2) as task:
        task.advance(2, loss=1.0)
        progress.note("a remark")
    assert stream.getvalue() == ""
    assert task.done == 2


def test_on_a_terminal_the_summary_stays_behind() -> None:
    stream = Terminal()
    with Progress(stream=stream) as progress, progress.task("evaluate", 3) as task:
        for _ in range(3):
            task.advance(top1=0.5)
    assert "evaluate: 3/3" in stream.getvalue()
    assert "top1 0.5" in stream.getvalue()


def test_durations_are_hours_minutes_seconds() -> None:
    assert [duration(seconds) for seconds in (0.4, 61, 3725)] == ["0:00:00", "0:01:01", "1:02:05"]


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_the_bar_and_the_count_stay_whatever_the_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream, clock = Terminal(), Clock()
    with Progress(stream=stream, clock=clock) as progress, progress.task("step 2: dense stream", 900) as task:
        clock.now_s = 60.0
        task.advance(125, clips=8000, epoch="3/300", loss=1.25, accuracy=0.23, entropy=12.3, expected="1.402 GFLOPs")
        assert progress._live is not None
        progress._live.refresh()
        screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n")
        *_, last = (line for line in screen.splitlines() if line.strip())
    assert re.match(r"step 2: dense stream \S+ +125/900 2\.08 it/s", last), last
    assert len(last) <= columns
    assert ("1.402 GFLOPs" in last) == (columns == 200)
