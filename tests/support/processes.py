"""Runs the same Python program in several processes that are joined as torchrun joins them."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest.mock import patch

TIMEOUT_S = 300


@dataclass(frozen=True)
class Ended:
    """How one process ended: its exit code, negative for a signal, and what it wrote."""

    code: int | None
    output: str
    errors: str


def server() -> ForkServerContext:
    """Makes processes that begin with all of `preloaded` imported, which takes seconds, once for all tests.

    The workers that the product starts in this process come from the same server.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.preloaded"])
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(paths)):
        forkserver.ensure_running()
    return context


def launch(program: str, size: int, *arguments: str, awaited: int | None = None) -> list[Ended]:
    """Run the text of a program on `size` ranks, wait for the first `awaited` or for all, and kill the others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = server()
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    with tempfile.TemporaryDirectory() as written:
        files = [(Path(written) / f"{rank}.out", Path(written) / f"{rank}.err") for rank in range(size)]
        processes = [
            context.Process(
                target=_run,
                args=(
                    program,
                    arguments,
                    {**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                    [str(file) for file in files[rank]],
                ),
            )
            for rank in range(size)
        ]
        for process in processes:
            process.start()
        for process in processes[:awaited]:
            process.join(TIMEOUT_S)
        for process in processes:
            process.kill()
            process.join()
        return [
            Ended(process.exitcode, output.read_text(), errors.read_text())
            for process, (output, errors) in zip(processes, files, strict=True)
        ]


def _run(program: str, arguments: tuple[str, ...], environment: dict[str, str], outputs: list[str]) -> None:
    import torch

    for descriptor, path in zip((1, 2), outputs, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.update(environment)
    torch.set_num_threads(1)
    sys.argv = ["program", *arguments]
    exec(compile(program, "program", "exec"), {"__name__": "__main__"})
