"""Writes what a benchmark prints to `results/NAME.txt` as well, below the command, the machine and the versions."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import sys
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "av", "numpy")


class _Both(io.TextIOBase):
    """Prints at once and remembers."""

    def __init__(self, shown: TextIO) -> None:
        self.shown = shown
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        self.shown.write(text)
        self.shown.flush()
        return len(text)


def machine() -> str:
    """The date, the processor, the accelerator and the versions."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    host = f"{os.cpu_count()} cores, {_processor()}{device}"
    return f"{date.today()}, {host}, Python {platform.python_version()}, {versions}"


@contextlib.contextmanager
def recorded(name: str, write: bool, *, is_part: bool = False) -> Iterator[None]:
    """Prints a heading above what the block prints; with `write`, all of it becomes the file.

    A part is added to the file of those before it.
    """
    both = _Both(sys.stdout)
    with contextlib.redirect_stdout(both):
        words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
        print(f"# {' '.join(['python', f'tests/benchmarks/{Path(sys.argv[0]).name}', *words])}")
        print(f"# {machine()}")
        yield
    if write:
        with (RESULTS / f"{name}.txt").open("a" if is_part else "w", encoding="utf-8") as file:
            file.write(both.text)


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
