"""Transcodes many videos in worker processes; a video that crashes its process is skipped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from tsdsl.data.layouts.records import Member
from tsdsl.data.prepare.transcode import TranscodeSettings, transcode
from tsdsl.data.video.frame_index import ClipError
from tsdsl.processes import WorkerContext


@dataclass(frozen=True)
class TranscodeTask:
    """A video to write; times in seconds, None for its ends."""

    source: Path
    target: Path
    settings: TranscodeSettings
    start_s: float | None = None
    end_s: float | None = None
    frames_fps: float | None = None
    """The rate of extracted frames in the folder `source`; None for a video file."""
    member: Member | None = None
    """Where `source` lies in a shard."""


Outcome = tuple[TranscodeTask, str | None]
"""A task, and the reason if its video cannot be used."""


def transcode_all(tasks: Sequence[TranscodeTask], num_workers: int) -> Iterator[Outcome]:
    """The outcomes of tasks as they end; without workers, in this process.

    Raises:
        FileError: a copy cannot be written.
    """
    if num_workers == 0:
        yield from map(run_task, tasks)
        return
    left = deque(tasks)
    while left:
        running: dict[Future[Outcome], TranscodeTask] = {}
        try:
            with _pool(min(num_workers, len(left))) as pool:
                while left or running:
                    while left and len(running) < 2 * num_workers:
                        running[pool.submit(run_task, left[0])] = left[0]
                        left.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield future.result()
                        del running[future]
        except BrokenProcessPool:
            # A decoder crashed on one of these tasks. Running each alone in a process shows which.
            for task in running.values():
                yield _run_alone(task)


def run_task(task: TranscodeTask) -> Outcome:
    """Transcode a video; errors of the video are returned, not raised."""
    try:
        transcode(task.source, task.target, task.settings, task.start_s, task.end_s, task.frames_fps, task.member)
    except ClipError as error:
        return task, error.reason
    return task, None


def _run_alone(task: TranscodeTask) -> Outcome:
    try:
        with _pool(1) as pool:
            return pool.submit(run_task, task).result()
    except BrokenProcessPool:
        return task, "decoding it ends the process"


def _pool(num_workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(num_workers, mp_context=WorkerContext())
