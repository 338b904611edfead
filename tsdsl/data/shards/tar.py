"""Finds the files in a tar by their headers, and reads nothing else. What no shard needs is refused.

Only plain files and folders may be in a shard. Links, devices, sparse and compressed files, names that lead out of a
folder, and tars that are cut or joined are errors that name the shard and the member.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from tsdsl.data.shards.storage import Read
from tsdsl.errors import FileError

BLOCK_BYTES = tarfile.BLOCKSIZE
MAX_HEADER_BYTES = 2**16
"""Of an extended header, which holds a long name."""
MAX_MEMBERS = 2**20
MAX_NAME_CHARACTERS = 1024

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_REFUSED = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.GNUTYPE_LONGLINK: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_PACK_AGAIN = "write the shard again from plain files"
_DOWNLOAD_AGAIN = "download or write the shard again"
_PAX_RECORD = re.compile(rb"(\d{1,6}) ([^=]+)=")


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar: its name, and its bytes from `offset` on."""

    name: str
    offset: int
    size_bytes: int


def tar_members(shard: str, shard_bytes: int, read: Read) -> Iterator[TarMember]:
    """The files of a tar in order; FileError names what is refused. Hidden files are left out."""
    offset = 0
    extension: dict[str, str] = {}
    for _ in range(MAX_MEMBERS):
        header = read(offset, BLOCK_BYTES)
        if header == bytes(BLOCK_BYTES):
            _check_end(shard, offset, read)
            return
        info = _parsed(shard, offset, header)
        size = _number(shard, info.name, extension.get("size")) if "size" in extension else info.size
        data = offset + BLOCK_BYTES
        offset = data + -(-size // BLOCK_BYTES) * BLOCK_BYTES
        if size < 0 or data + size > shard_bytes:
            raise FileError(
                f"{shard}: is truncated: {info.name[:80]!r} ends at byte {data + size}, the file at {shard_bytes}",
                help=_DOWNLOAD_AGAIN,
            )
        if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
            found = _extension(shard, info, read(data, _header_size(shard, info, size)))
            extension = extension if info.type == tarfile.XGLTYPE else extension | found
            continue
        name = _checked_name(shard, extension.get("path", info.name))
        extension = {}
        if info.isdir():
            continue
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            kind = _REFUSED.get(info.type, f"of the type {info.type!r}")
            raise FileError(f"{shard}: {name}: is {kind}, expected a plain file", help=_PACK_AGAIN)
        if not posixpath.basename(name).startswith("."):
            yield TarMember(name, data, size)
    raise FileError(f"{shard}: has more than {MAX_MEMBERS} members", help="write smaller shards")


def is_header_of(header: bytes, size_bytes: int) -> bool:
    """Whether a block is the header of a plain file of a size."""
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    # A size beyond 8 GiB is in the extended header; members of shards are smaller.
    return info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and info.size == size_bytes


def _parsed(shard: str, offset: int, header: bytes) -> tarfile.TarInfo:
    compression = next((name for magic, name in _COMPRESSED.items() if not offset and header.startswith(magic)), None)
    if compression is not None:
        raise FileError(f"{shard}: is compressed ({compression}), so clips cannot be read alone", help="decompress it")
    if len(header) < BLOCK_BYTES:
        where = "is empty" if not offset and not header else f"is truncated at byte {offset + len(header)}"
        raise FileError(f"{shard}: {where}", help=_DOWNLOAD_AGAIN)
    try:
        return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        what = f"is not a tar at byte {offset}" if offset else "is not a tar"
        raise FileError(f"{shard}: {what} ({error})", help=_DOWNLOAD_AGAIN) from error


def _check_end(shard: str, offset: int, read: Read) -> None:
    """Refuse what follows the end of a tar and its padding with zeros, which is shorter than a record."""
    if read(offset, tarfile.RECORDSIZE + BLOCK_BYTES).strip(b"\0"):
        raise FileError(
            f"{shard}: has more after its end at byte {offset}, as tars that were joined",
            help="keep them as two shards",
        )


def _header_size(shard: str, info: tarfile.TarInfo, size: int) -> int:
    if size > MAX_HEADER_BYTES:
        raise FileError(f"{shard}: {info.name[:80]!r} has an extended header of {size} bytes", help=_PACK_AGAIN)
    return size


def _extension(shard: str, info: tarfile.TarInfo, body: bytes) -> dict[str, str]:
    """What an extended header says of the next member: its path and its size."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": body.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    found: dict[str, str] = {}
    at = 0
    while match := _PAX_RECORD.match(body, at):
        length = int(match[1])
        key, value = match[2].decode("utf-8", "replace"), body[match.end() : at + length - 1]
        if length <= match.end() - at or at + length > len(body):
            break
        if key.startswith("GNU.sparse"):
            raise FileError(f"{shard}: {info.name[:80]!r} is a sparse file, expected a plain file", help=_PACK_AGAIN)
        if key in ("path", "size"):
            found[key] = value.decode("utf-8", "surrogateescape")
        at += length
    if body[at:].strip(b"\0"):
        raise FileError(f"{shard}: {info.name[:80]!r} has a damaged extended header", help=_DOWNLOAD_AGAIN)
    return found


def _number(shard: str, name: str, text: str | None) -> int:
    if text is None or not text.isdecimal() or len(text) > 18:
        raise FileError(f"{shard}: {name[:80]!r} has a size that is not a number", help=_DOWNLOAD_AGAIN)
    return int(text)


def _checked_name(shard: str, name: str) -> str:
    """The name of a member without `./` before it; FileError if it leads out of a folder or cannot be shown."""
    shown = repr(name[:80])
    if name.startswith("/") or re.match(r"[A-Za-z]:[\\/]", name) or ".." in re.split(r"[\\/]", name):
        raise FileError(f"{shard}: the name {shown} leads out of the shard", help=_PACK_AGAIN)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise FileError(f"{shard}: the name {shown} is not UTF-8", help=_PACK_AGAIN) from error
    name = name.rstrip("/")
    if not name.isprintable() or not name or len(name) > MAX_NAME_CHARACTERS:
        raise FileError(f"{shard}: the name {shown} is empty, too long or not printable", help=_PACK_AGAIN)
    return posixpath.normpath(name)
