"""The bytes of a member of a shard as a file in memory, from which a video is decoded."""

from __future__ import annotations

import io

from tsdsl.data.layouts.records import Member
from tsdsl.data.shards.storage import StorageError, opened
from tsdsl.data.shards.tar import BLOCK_BYTES, is_header_of


class MemberBytes(io.BytesIO):
    """A file with the bytes of a member, and its name, after which FFmpeg may tell the container.

    Raises:
        FileError: the shard is a file that cannot be read.
        StorageError: it is a URL that cannot be read, or has changed since it was indexed.
    """

    def __init__(self, name: str, member: Member) -> None:
        self.name = name
        super().__init__(read_member(member))


def read_member(member: Member) -> bytes:
    """The bytes of a member, whose header must still lie before it; errors as `MemberBytes`."""
    with opened(member.shard, member.shard_bytes) as read:
        if member.is_whole:
            return read(0, member.size_bytes)
        data = read(member.offset - BLOCK_BYTES, BLOCK_BYTES + member.size_bytes)
    if len(data) != BLOCK_BYTES + member.size_bytes or not is_header_of(data[:BLOCK_BYTES], member.size_bytes):
        raise StorageError(
            f"{member.shard}: has changed since it was indexed: expected a file of {member.size_bytes} bytes at byte "
            f"{member.offset}",
            help="run `tsdsl data shards` on the folder of the data set again",
        )
    return data[BLOCK_BYTES:]
