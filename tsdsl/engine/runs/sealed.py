"""JSON files that carry a hash of their own text, which shows any change, and the hashes of other files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tsdsl.errors import FileError
from tsdsl.files import open_regular, parse_json, read_text, write_text
from tsdsl.files.reading import MAX_LIST_BYTES

SEAL = "sha256"


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with its hash as the last entry; FileError as `write_text`."""
    write_text(path, sealed(content))


def sealed(content: Mapping[str, Any]) -> str:
    """The text of a JSON object whose last entry is the SHA-256 of the text without it."""
    return _text({**content, SEAL: sha256(_text(content).encode(errors="surrogatepass")).hexdigest()})


def read_sealed(path: Path, help: str) -> dict[str, Any]:
    """The object in a file that `write_sealed` wrote, without the hash.

    Raises:
        FileError: the file cannot be read, or its text is not the one that was written.
    """
    text = read_text(path, help, MAX_LIST_BYTES)
    content = parse_json(text, str(path), help)
    if not isinstance(content, dict):
        raise FileError(f"{path}: is not a JSON object", help=help)
    content.pop(SEAL, None)
    if sealed(content) != text:
        raise FileError(f"{path}: was changed after it was written (its hash differs)", help=help)
    return content


def measured(path: Path, size_bytes: int | None = None) -> dict[str, str | int]:
    """The size of a file and its SHA-256, or those of its first bytes; FileError if it is not a regular file."""
    digest, left = sha256(), size_bytes
    with open_regular(path) as file:
        while block := file.read(1 << 20 if left is None else min(left, 1 << 20)):
            digest.update(block)
            left = None if left is None else left - len(block)
        return {"size_bytes": file.tell(), "sha256": digest.hexdigest()}


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
