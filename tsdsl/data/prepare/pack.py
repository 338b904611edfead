"""Writes a data set as tar shards in WebDataset's form, with the same videos, byte for byte, in the same order.

A sample is `KEY.mp4`, or has another suffix of videos, with the number of its class in `KEY.cls` and its name in
`KEY.json`.
`classes.txt`, `dataset.json` and an index, `shards.csv`, lie beside the shards.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tsdsl.data.layouts.description import DESCRIPTION_NAME, DatasetDescription
from tsdsl.data.layouts.listed import is_number
from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.prepare.building import (
    building_place,
    class_line,
    digest,
    inside,
    into_place,
    keep_record,
    opened_splits,
    printable_name,
)
from tsdsl.data.shards.index import SHARD_SUFFIX, Progress, index_shards, write_index
from tsdsl.data.shards.members import MemberBytes
from tsdsl.data.shards.samples import MAX_VIDEO_BYTES
from tsdsl.data.shards.storage import opened
from tsdsl.data.shards.tar import BLOCK_BYTES, tar_members
from tsdsl.errors import FileError, UsageError
from tsdsl.files import exclusive, open_regular, write_json, write_text, write_with

RECORD_NAME = "packed.json"
COMMAND = "tsdsl data pack"
DEFAULT_SHARD_BYTES = 512 * 10**6


@dataclass(frozen=True)
class PackReport:
    """The written shards."""

    root: Path
    clips: dict[str, int]
    num_shards: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class _Packed:
    """A clip, and the files of its sample."""

    record: ClipRecord
    name: str
    size_bytes: int
    labels: tuple[tuple[str, bytes], ...]

    def sizes(self) -> list[tuple[str, int]]:
        """The names and sizes of its files, in the order in which they are written."""
        return [*((name, len(content)) for name, content in self.labels), (self.name, self.size_bytes)]


def pack_dataset(
    source: str | Path,
    root: str | Path,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
    *,
    kind: str | None = None,
    splits: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PackReport:
    """Write the videos of a data set into shards of at most `shard_bytes`, or of one video that is larger.

    `splits` defaults to existing train and val splits. Shards that an earlier call has written are kept.

    Raises:
        UsageError: its clips are parts of videos or folders of frames, or `root` was made with other settings.
        FileError: a video cannot be read, or `root` is something else or cannot be written.
    """
    began = time.monotonic()
    source, root = Path(source).absolute(), Path(root).absolute()
    building = building_place(source, root, RECORD_NAME, COMMAND)
    datasets = opened_splits(source, kind, None if splits is None else tuple(splits))
    with exclusive(building, "packing this data set"):
        facts = {"source": str(source), "kind": datasets[0].kind, "shard_bytes": shard_bytes}
        keep_record(building, RECORD_NAME, COMMAND, facts)
        planned = {
            dataset.split: {
                f"{dataset.split}-{number:06d}{SHARD_SUFFIX}": clips
                for number, clips in enumerate(_shards(_packed(source, dataset), shard_bytes))
            }
            for dataset in datasets
        }
        shards = {name: clips for of_split in planned.values() for name, clips in of_split.items()}
        for stale in set(building.glob(f"*{SHARD_SUFFIX}")) - {building / name for name in shards}:
            stale.unlink()
        for done, (name, clips) in enumerate(shards.items(), start=1):
            if not _is_written(building / name, clips):
                _write_shard(building / name, clips)
            if progress is not None:
                progress(done, len(shards))
        write_index(building, index_shards(building, {split: [*names] for split, names in planned.items()}))
        _describe(building, datasets[0])
        into_place(building, root)
    return PackReport(
        root,
        {dataset.split: len(dataset.records) for dataset in datasets},
        len(shards),
        sum((root / name).stat().st_size for name in shards),
        time.monotonic() - began,
    )


def _packed(source: Path, dataset: VideoDataset) -> Iterator[_Packed]:
    names = [class_line(name) for name in dataset.class_names]
    # Names that are numbers would be taken for the numbers of classes.
    are_named = not any(map(is_number, names))
    taken: set[str] = set()
    for record in dataset.records:
        if record.frames_fps is not None or record.start_s is not None or record.end_s is not None:
            what = "folders of frames" if record.frames_fps is not None else "parts of videos"
            raise UsageError(
                f"{dataset.root}: its clips are {what}, expected videos",
                help="`tsdsl data prepare` makes videos of them",
            )
        key = _key(inside(record.path, source))
        if key.casefold() in taken:
            key = f"{key}-{digest(str(record.path))}"
        taken.add(key.casefold())
        labels = [(f"{key}.cls", str(record.label).encode())]
        if are_named:
            content = {"label": record.label, "class_name": names[record.label]}
            labels.append((f"{key}.json", json.dumps(content, ensure_ascii=False).encode()))
        yield _Packed(record, f"{key}{record.path.suffix.lower()}", _video_bytes(record), tuple(labels))


def _key(path: Path) -> str:
    """The name of a sample, which a dot would end."""
    return str(PurePosixPath(*map(printable_name, path.parent.parts), printable_name(path.stem).replace(".", "_")))


def _video_bytes(record: ClipRecord) -> int:
    if record.member is not None:
        return record.member.size_bytes
    with open_regular(record.path) as file:
        size = os.fstat(file.fileno()).st_size
    if not 0 < size <= MAX_VIDEO_BYTES:
        raise FileError(
            f"{record.path}: has {size} bytes, expected 1 to {MAX_VIDEO_BYTES}",
            help="`tsdsl data verify` lists bad files, `tsdsl data prepare` makes smaller ones and leaves bad ones out",
        )
    return size


def _shards(clips: Iterator[_Packed], shard_bytes: int) -> Iterator[list[_Packed]]:
    """The clips of each shard, in order."""
    current: list[_Packed] = []
    used = 0
    for clip in clips:
        size = sum(BLOCK_BYTES + -(-count // BLOCK_BYTES) * BLOCK_BYTES for _, count in clip.sizes())
        if current and used + size > shard_bytes:
            yield current
            current, used = [], 0
        current.append(clip)
        used += size
    if current:
        yield current


def _is_written(path: Path, clips: Sequence[_Packed]) -> bool:
    """Whether a shard holds these clips already."""
    if not path.is_file():
        return False
    size = path.stat().st_size
    try:
        with opened(str(path), size) as read:
            there = [(member.name, member.size_bytes) for member in tar_members(str(path), size, read)]
    except FileError:
        return False
    return there == [file for clip in clips for file in clip.sizes()]


def _write_shard(path: Path, clips: Sequence[_Packed]) -> None:
    def put(file: BinaryIO) -> None:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for clip in clips:
                for name, content in clip.labels:
                    tar.addfile(_header(name, len(content)), io.BytesIO(content))
                with _video(clip.record) as video:
                    tar.addfile(_header(clip.name, clip.size_bytes), video)

    write_with(path, put)


def _video(record: ClipRecord) -> BinaryIO:
    return open_regular(record.path) if record.member is None else MemberBytes(record.path.name, record.member)


def _header(name: str, size: int) -> tarfile.TarInfo:
    """A header that depends on name and size alone, so that the same clips make the same bytes."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _describe(building: Path, dataset: VideoDataset) -> None:
    write_text(building / "classes.txt", "".join(f"{class_line(name)}\n" for name in dataset.class_names))
    description = DatasetDescription(kind="shards", flip_allowed=dataset.flip_allowed, clip=dataset.recommended)
    write_json(building / DESCRIPTION_NAME, description.model_dump(mode="json"))
