"""A disk that is full where a run begins is an error with its folder, and its threads print no traceback."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from tsdsl.cli.main import _end_of_thread
from tsdsl.errors import FileError
from tsdsl.files import exclusive


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
