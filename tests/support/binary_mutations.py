"""Seeded damage of binary files: weights and exported programs."""

from __future__ import annotations

import io
import json
import zipfile
from random import Random
from typing import Any

VALUES: tuple[Any, ...] = (
    *(
        None,
        -1,
        2**70,
        1.5,
        "",
        "X",
        "F8_E4M3",
        "F4",
        "{",
        [],
        {},
        [-1],
        [2**40, 2**40],
        [[[[]]]],
        "\ud800",
        "[" * 3000,
    ),
    *({"dtype": "F32", "shape": [0], "data_offsets": [0, 2**62]}, {"dtype": "I64", "shape": [1], "data_offsets": None}),
)
NESTED = b"[" * 100_000


def damaged(content: bytes, draw: Random) -> bytes:
    """The content with bits flipped, its end cut off, or a piece overwritten or repeated."""
    data, at, kind = bytearray(content), draw.randrange(len(content)), draw.randrange(4)
    if kind == 0:
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at : at + 30] = draw.randbytes(min(30, len(data) - at))
    else:
        data[at:at] = data[draw.randrange(len(data)) :][:40]
    return bytes(data)


def damaged_weights(content: bytes, draw: Random) -> bytes:
    """A safetensors file damaged as bytes, or with one value of its header replaced."""
    if draw.random() < 0.4:
        return damaged(content, draw)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    key = draw.choice(sorted(header))
    if draw.random() < 0.5:
        header[key][draw.choice(sorted(header[key]))] = draw.choice(VALUES)
    else:
        header[key] = draw.choice(VALUES)
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + content[8 + size :]


def damaged_archive(content: bytes, draw: Random) -> bytes:
    """A zip archive damaged as bytes, or packed again with damaged, missing, nested or compressed entries."""
    if draw.random() < 0.4:
        return damaged(content, draw)
    packed = io.BytesIO()
    compression = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(packed, "w", compression) as archive:
        spoilt = draw.choice([name for name in source.namelist() if "extra/" in name or "config" in name])
        for name in source.namelist():
            entry = source.read(name)
            if name == spoilt:
                kind = draw.randrange(4)
                entry = (b"", NESTED, damaged(entry or b"x", draw), entry.replace(b"1", b"-9"))[kind]
                if kind == 0:
                    continue
            archive.writestr(name, entry)
    return packed.getvalue()
