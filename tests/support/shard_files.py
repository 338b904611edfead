"""Writes tar shards from names and contents, and serves a folder with or without ranges."""

from __future__ import annotations

import io
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def write_shard(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar with these files in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written_shard(files))
    return path


def written_shard(files: Mapping[str, bytes]) -> bytes:
    """The bytes of such a tar."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files whole, as Python's own server does."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Ranges(_Quiet):
    """Serves ranges."""

    def do_GET(self) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None:
            return super().do_GET()
        content = Path(self.translate_path(self.path)).read_bytes()
        first, last = int(match[1]), min(int(match[2]), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(content[first : last + 1])


class _Resets(_Ranges):
    """Sends a part of each range, then nothing more."""

    def do_GET(self) -> None:
        self.send_response(206)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.wfile.flush()
        self.close_connection = True


class _Hangs(_Ranges):
    """Answers no range."""

    released = threading.Event()

    def do_GET(self) -> None:
        self.released.wait(20)
        self.close_connection = True


HANDLERS = {"ranges": _Ranges, "whole": _Quiet, "resets": _Resets, "hangs": _Hangs}


@contextmanager
def served(folder: Path, how: str = "ranges") -> Iterator[str]:
    """The URL of a folder on a server of this machine."""
    _Hangs.released.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(HANDLERS[how], directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        _Hangs.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
