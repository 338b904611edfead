"""Groups the files of a shard to clips, as WebDataset does: `a/b.mp4` and `a/b.cls` are the sample `a/b`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdsl.data.layouts.columns import LABEL_COLUMNS
from tsdsl.data.layouts.files import is_video
from tsdsl.data.shards.storage import Read
from tsdsl.data.shards.tar import TarMember, tar_members
from tsdsl.errors import FileError
from tsdsl.files.reading import decode, parse_json

MAX_VIDEO_BYTES = 2**31
MAX_LABEL_BYTES = 2**16
MAX_CLASS_CHARACTERS = 200
LABEL_SUFFIXES = ("json", "cls", "txt")
"""In the order in which they are looked at. A JSON object may be without a class."""

_FORMS = "expected a video such as KEY.mp4; frames in shards are not read: make videos of them by `tsdsl data prepare`"
_WRITE_CLASS = "write the number or name of its class into KEY.cls, or as `class_name` into KEY.json; unpack other tars"


@dataclass(frozen=True, slots=True)
class Sample:
    """A video in a shard, and the text of its class: a number or a name."""

    video: TarMember
    label: str


def samples_of(shard: str, shard_bytes: int, read: Read, *, labelled: bool = True) -> Iterator[Sample]:
    """The clips of a shard in order; without `labelled`, with empty labels.

    Raises:
        FileError: as `tar_members`; or a sample has two files of one suffix, two videos, or no class.
    """
    samples: dict[str, dict[str, TarMember]] = {}
    for member in tar_members(shard, shard_bytes, read):
        key, suffix = _key_and_suffix(member.name)
        files = samples.setdefault(key, {})
        if suffix in files:
            raise FileError(f"{shard}: {member.name}: is there twice", help="give each sample a key of its own")
        files[suffix] = member
    for key, files in samples.items():
        videos = [member for member in files.values() if is_video(Path(member.name))]
        if len(videos) > 1:
            raise FileError(
                f"{shard}: the sample {key} has two videos, {videos[0].name} and {videos[1].name}",
                help="give each video a key of its own",
            )
        if not videos:
            if files.keys() & {"cls"}:
                raise FileError(f"{shard}: the sample {key} has no video, only {', '.join(sorted(files))}", help=_FORMS)
            continue
        if not 0 < videos[0].size_bytes <= MAX_VIDEO_BYTES:
            raise FileError(
                f"{shard}: {videos[0].name}: has {videos[0].size_bytes} bytes, expected 1 to {MAX_VIDEO_BYTES}",
                help="remove the sample, or cut the video into clips",
            )
        yield Sample(videos[0], _label(shard, key, files, read) if labelled else "")


def _key_and_suffix(name: str) -> tuple[str, str]:
    folder, base = posixpath.split(name)
    stem, _, suffix = base.partition(".")
    return posixpath.join(folder, stem), suffix.lower()


def _label(shard: str, key: str, files: dict[str, TarMember], read: Read) -> str:
    for suffix in LABEL_SUFFIXES:
        if suffix not in files:
            continue
        member = files[suffix]
        place = f"{shard}: {member.name}"
        if member.size_bytes > MAX_LABEL_BYTES:
            raise FileError(f"{place}: has more than {MAX_LABEL_BYTES} bytes, expected a class", help=_WRITE_CLASS)
        text = decode(read(member.offset, member.size_bytes), place).strip()
        label = _class_in(parse_json(text, place, _WRITE_CLASS)) if suffix == "json" else text
        if label is None:
            continue
        if not label or len(label) > MAX_CLASS_CHARACTERS or not label.isprintable():
            raise FileError(f"{place}: is not a class: {label[:80]!r}", help=_WRITE_CLASS)
        return label
    raise FileError(f"{shard}: the sample {key} has no class, only {', '.join(sorted(files))}", help=_WRITE_CLASS)


def _class_in(value: Any) -> str | None:
    """The class in the JSON of a sample: a name or number itself, or that of an object's key."""
    if isinstance(value, dict):
        keys = {key.lower(): key for key in value}
        value = next((value[keys[name]] for name in LABEL_COLUMNS if name in keys), None)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else None
