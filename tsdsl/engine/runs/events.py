"""Damage of TensorBoard's event files, which are records with checksums, as in TensorFlow's `record_writer.h`.

A record is the length of its data (8 bytes), a checksum of that (4), the data, and a checksum of the data (4).
"""

from __future__ import annotations

import struct
from pathlib import Path

from tsdsl.errors import FileError
from tsdsl.files import read_bytes

MAX_EVENT_BYTES = 2**30
HEADER_BYTES, CHECKSUM_BYTES = 12, 4


def event_fault(path: Path) -> str | None:
    """What is wrong with an event file, its end included; None where every record is what was written."""
    # Imported here, as the writer is: it takes a second.
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    try:
        content = read_bytes(path, max_bytes=MAX_EVENT_BYTES)
    except FileError as error:
        return error.message.removeprefix(f"{path}: ")
    at = 0
    while at < len(content):
        header, begin = content[at : at + HEADER_BYTES], at + HEADER_BYTES
        if len(header) < HEADER_BYTES:
            return f"its last record is torn, from byte {at}"
        length, length_checksum = struct.unpack("<QI", header)
        if masked_crc32c(header[:8]) != length_checksum:
            return f"the record at byte {at} is damaged"
        end = begin + length + CHECKSUM_BYTES
        if end > len(content):
            return f"its last record is torn, from byte {at}"
        if masked_crc32c(content[begin : begin + length]) != int.from_bytes(content[begin + length : end], "little"):
            return f"the record at byte {at} is damaged"
        at = end
    return None
