"""What a file is that FFmpeg cannot open, by its first bytes."""

from __future__ import annotations

HEADS = (
    (b"<!doctype html", "it is a web page, not a video"),
    (b"<html", "it is a web page, not a video"),
    (b"<?xml", "it is an XML text, such as servers send in place of a file"),
    (b"version https://git-lfs", "it is a pointer of Git LFS; `git lfs pull` gets the file"),
    (b"pk\x03\x04", "it is a zip archive"),
    (b"\x1f\x8b", "it is compressed by gzip"),
)
"""In small letters."""
HEAD_BYTES = 64
MP4_TYPE = slice(4, 8)


def reason_unreadable(head: bytes) -> str | None:
    """Why a file is no video, or is an incomplete one, by its first `HEAD_BYTES`; None if these do not say."""
    if not head:
        return "it is empty"
    if head[MP4_TYPE] == b"ftyp":
        return "it is truncated: its index, the `moov` box, is missing or damaged"
    if not any(head):
        return "it begins with zeros only, as a download that was cut off"
    start = head.lstrip().lower()
    return next((reason for mark, reason in HEADS if start.startswith(mark)), None)
