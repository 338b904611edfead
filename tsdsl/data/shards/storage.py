"""Reads ranges of bytes of a file, or of a URL by fsspec."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.files import open_regular
from tsdsl.processes import seconds_from

SCHEMES = ("https", "http", "s3", "gs")
TIMEOUT_VARIABLE = "TSDSL_STORAGE_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 60.0
ATTEMPTS = 3
PAUSE_S = 1.0
"""Before the second attempt; before each later one, four times as long."""
READ_AHEAD_BYTES = 2**16
"""What one request of an index fetches: the headers between two videos, and their labels."""

Read = Callable[[int, int], bytes]
"""Called with (offset, number of bytes)."""

T = TypeVar("T")


class StorageError(RunError):
    """A place that does not deliver what is known to be there, so that the same clips cannot be read."""


def is_remote(place: str) -> bool:
    """Whether a place is a URL; UsageError if it is one of an unknown scheme."""
    scheme, separator, _ = place.partition("://")
    if not separator:
        return False
    if scheme not in SCHEMES:
        raise UsageError(f"{place}: unknown scheme {scheme!r}", help=f"give a path, or a URL of {', '.join(SCHEMES)}")
    return True


def size_bytes(place: str) -> int:
    """The size of a file or of what is at a URL.

    Raises:
        FileError: there is no such file.
        StorageError: the URL cannot be reached, or the server does not say the size.
    """
    if not is_remote(place):
        with open_regular(place) as file:
            return os.fstat(file.fileno()).st_size
    size = _attempted(place, lambda: _filesystem(place).info(place)["size"])
    if not size:
        raise StorageError(f"{place}: the server does not say its size", help=_DOWNLOAD)
    return int(size)


@contextmanager
def opened(place: str, place_bytes: int, *, read_ahead: bool = False) -> Iterator[Read]:
    """A function that reads ranges of a file or URL of a known size; with `read_ahead`, more than is asked for.

    It gives fewer bytes only at the end. It raises StorageError where a URL fails, FileError where a file does.
    """
    if not is_remote(place):
        with open_regular(place) as file:
            yield lambda offset, count: _pread(place, file.fileno(), offset, count)
        return
    caching = {"cache_type": "readahead", "block_size": READ_AHEAD_BYTES} if read_ahead else {"cache_type": "none"}
    file = _attempted(place, lambda: _filesystem(place).open(place, "rb", size=place_bytes, **caching))

    def read(offset: int, count: int) -> bytes:
        def once() -> bytes:
            file.seek(offset)
            data: bytes = file.read(count)
            if len(data) != min(count, max(place_bytes - offset, 0)):
                raise ConnectionError(f"{len(data)} of {count} bytes came")
            return data

        return _attempted(place, once)

    with file:
        yield read


def require_ranges(place: str, place_bytes: int) -> None:
    """StorageError if a URL is of a server that sends all of a file where a range of it is asked for."""
    with opened(place, place_bytes) as read:
        read(place_bytes - 1, 1)


def _pread(place: str, handle: int, offset: int, count: int) -> bytes:
    try:
        return os.pread(handle, count, offset)
    except OSError as error:
        raise FileError(f"{place}: cannot be read ({error.strerror})", help="check the disk") from error


def timeout_s() -> float:
    """The seconds after which a silent server counts as unreachable: `TSDSL_STORAGE_TIMEOUT_S`, or 60."""
    return seconds_from(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT_S)


def _filesystem(place: str) -> Any:
    return _filesystem_of(place.partition("://")[0], timeout_s())


@cache
def _filesystem_of(scheme: str, seconds: float) -> Any:
    try:
        import fsspec

        if scheme not in ("http", "https"):
            return fsspec.filesystem(scheme)
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        return fsspec.filesystem(scheme, client_kwargs={"timeout": timeout, "trust_env": True})
    except ImportError as error:
        package = {"s3": "s3fs", "gs": "gcsfs"}.get(scheme, "tsdsl[shards]")
        raise UsageError(f"URLs of {scheme} need a package that is missing", help=f"pip install {package}") from error


_DOWNLOAD = "use a server that answers requests of ranges, or download the files"


def _attempted(place: str, call: Callable[[], T]) -> T:
    """What a call gives within some attempts; StorageError says why the last one failed."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except (FileNotFoundError, PermissionError) as error:
            reason = f"it is not there ({_cause(error)})"
            raise StorageError(f"{place}: cannot be read: {reason}", help="check the URL and your access") from error
        except ValueError as error:
            raise StorageError(f"{place}: the server does not answer requests of ranges", help=_DOWNLOAD) from error
        except UsageError:
            raise
        except Exception as error:  # each filesystem has its own
            if attempt == ATTEMPTS - 1:
                raise StorageError(
                    f"{place}: cannot be read ({_cause(error)}), {ATTEMPTS} times",
                    help=f"check the connection; {TIMEOUT_VARIABLE} gives another limit than {timeout_s():g} s. "
                    "The same command goes on from the last checkpoint",
                ) from error
            time.sleep(PAUSE_S * 4**attempt)
    raise AssertionError("unreachable")


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def local_path(place: str) -> Path | None:
    """The path of a file, None for a URL."""
    return None if is_remote(place) else Path(place)
