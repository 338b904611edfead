"""Worker processes that die, stand still or have no room end a run with its remedy; nothing waits forever."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.loading import delivery
from tsdsl.data.loading.batches import Batch, ClipLoader
from tsdsl.data.loading.views import ViewLoader
from tsdsl.data.settings import ClipSettings
from tsdsl.errors import RunError, UsageError

SETTINGS = ClipSettings(num_frames=4, size_px=16, flip=False, test_clips=2)


def one_worker(root: Path) -> ClipLoader:
    return ClipLoader(open_dataset(root, "train"), SETTINGS, batch_size=1, seed=0, num_workers=1)


def after_the_first(loader: ClipLoader, number: signal.Signals) -> Iterator[Batch]:
    """The further batches of a loader whose worker got a signal after the first."""
    batches = loader.batches(0)
    next(batches)
    (worker,) = delivery.started_workers(loader._loader)
    os.kill(worker.pid, number)
    return batches


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSTOP, "delivered none for 0.5 s"),
        (signal.SIGKILL, "a process that decodes clips ended: "),
    ],
)
def test_a_worker_that_stands_still_or_dies_ends_the_run(
    class_folders: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, reason: str
) -> None:
    loader = one_worker(class_folders)
    batches = after_the_first(loader, number)
    monkeypatch.setenv("TSDSL_WORKER_TIMEOUT_S", "0.5" if number == signal.SIGSTOP else "60")
    with pytest.raises(RunError, match=reason) as caught:
        list(batches)
    assert "--workers" in str(caught.value.help)
    for worker in delivery.started_workers(loader._loader):
        worker.join(10)
        assert worker.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan"])
def test_a_time_limit_that_is_none_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TSDSL_WORKER_TIMEOUT_S", text)
    with pytest.raises(UsageError, match="TSDSL_WORKER_TIMEOUT_S must be a positive number of seconds"):
        delivery.worker_timeout_s()


@pytest.mark.parametrize("free_blocks", [63, 64])
def test_room_in_shared_memory_is_checked_before_workers_start(
    class_folders: Path, monkeypatch: pytest.MonkeyPatch, free_blocks: int
) -> None:
    """Two workers make two batches each, of two clips or views with 4 frames of 3 x 16 x 16 bytes."""
    needed_bytes = 2 * 2 * 2 * 4 * 3 * 16 * 16
    room = os.statvfs_result((1024, needed_bytes // 64, 64, 64, free_blocks, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    monkeypatch.setattr(os.path, "isdir", lambda path: True)
    dataset = open_dataset(class_folders, "train")
    makers = [
        lambda count: ClipLoader(dataset, SETTINGS, batch_size=2, seed=0, num_workers=count),
        lambda count: ViewLoader(dataset, SETTINGS, num_workers=count),
    ]
    for make in makers:
        make(0)
        if free_blocks == 64:
            make(2)
            continue
        with pytest.raises(RunError, match=r"/dev/shm: has 0\.0 MiB free, but 2 workers need 0\.0 MiB") as caught:
            make(2)
        assert "--workers 0" in str(caught.value.help)
        assert "--shm-size" in str(caught.value.help)
