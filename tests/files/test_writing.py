"""A disk that is full where a run begins is an error with its folder, and its threads print no traceback."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tsdsl.cli.main import _end_of_thread
from tsdsl.engine.runs.log import RunLog
from tsdsl.errors import FileError
from tsdsl.files import LOCK_NAME, exclusive


def test_a_full_disk_is_no_bug_where_the_folder_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(handle: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", no_room)
    with (
        pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"),
        exclusive(tmp_path, "testing"),
    ):
        pytest.fail("began without a lock")


@pytest.mark.parametrize(("error", "is_shown"), [(OSError(errno.ENOSPC, "full"), False), (ValueError("a bug"), True)])
def test_a_thread_that_fails_with_its_file_leaves_the_report_to_the_command(
    error: Exception, is_shown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(threading, "excepthook", _end_of_thread)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert ("Traceback" in capsys.readouterr().err) == is_shown


def make_pipe(path: Path, target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [Path.symlink_to, make_pipe, lambda path, target: path.mkdir()])
def test_only_a_regular_file_is_written_in_place_and_no_link_is_followed(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody else")
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (LOCK_NAME, "metrics.jsonl"):
        make(folder / name, other)
    with pytest.raises(FileError, match=r"\.lock: cannot be written"), exclusive(folder, "writing"):
        pass
    with pytest.raises(FileError, match=r"metrics\.jsonl: cannot be written"):
        RunLog(folder / "metrics.jsonl", 0)
    assert other.read_text() == "of somebody else"
