"""Atomic writing of files, and folders for one writer: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tsdsl.errors import FileError, UsageError
from tsdsl.files.reading import open_regular

LOCK_NAME = ".lock"
NOT_UTF_8 = re.compile('[^"\n]*[\ud800-\udfff][^"\n]*')


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file beside it; parent folders are made, permissions kept.

    Raises:
        FileError: the folder cannot be made or written, or the disk is full; `path` is as it was.
    """
    write_with(path, lambda file: file.write(data))


def copy_file(source: Path, path: Path) -> None:
    """Write the content of a regular file to `path`; see `write_bytes`.

    Raises:
        FileError: also where `source` cannot be read.
    """
    with open_regular(source) as content:
        write_with(path, lambda file: shutil.copyfileobj(content, file, 1 << 20))


def write_with(path: Path, put: Callable[[BinaryIO], object]) -> None:
    """Write what a function puts into a file; see `write_bytes`."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            put(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise FileError(
            f"{path}: cannot be written ({error.strerror or error})",
            help="check that the folder exists, may be written to, and has room",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; see `write_bytes`.

    Raises:
        FileError: also where the text holds the name of a file that is not UTF-8.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        (name, *_) = NOT_UTF_8.findall(text)
        raise FileError(
            f"{path}: cannot be written, as {name} is not UTF-8", help="rename that file or folder"
        ) from error
    write_bytes(path, data)


def write_json(path: Path, data: Any) -> None:
    """Write JSON, indented, with a final newline; see `write_bytes`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def open_in_place(path: str | Path, flags: int) -> int:
    """A handle of a regular file to write into, which is made if there is none.

    A link is not followed: a run's folder may come from anyone, and what it leads to must not be changed.

    Raises:
        OSError: it is a link, a folder, a pipe or a device; or it cannot be opened.
    """
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return handle


@contextmanager
def exclusive(folder: Path, purpose: str) -> Iterator[None]:
    """Makes the folder if need be and keeps other processes from writing to it meanwhile.

    `purpose` completes "process N is ..." for them. The kernel gives the lock back when the process ends,
    however it ends.

    Raises:
        UsageError: another process writes the folder.
        FileError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open_in_place(folder / LOCK_NAME, os.O_RDWR)
    except OSError as error:
        raise FileError(
            f"{error.filename or folder}: cannot be written ({error.strerror})",
            help="choose a folder that may be written to",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise UsageError(
                f"{folder}: process {owner} is {purpose}",
                help=f"wait until it ends, end it with `kill {owner}`, or choose another folder",
            ) from error
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise FileError(
                f"{folder}: the folder cannot be written ({error.strerror})", help="make room, or choose another folder"
            ) from error
        yield
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
