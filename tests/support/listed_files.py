"""Files of a data set that is only listed: their contents do not matter."""

from __future__ import annotations

from pathlib import Path


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def touch(root: Path, *names: str) -> None:
    for name in names:
        write_text(root / name, "")
