"""Reads a split of a data set in shards: by its `shards.csv`, else by the headers of the tars in its folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tsdsl.data.layouts.files import SPLIT_NAMES, split_spellings
from tsdsl.data.layouts.kinetics import find_class_list
from tsdsl.data.layouts.listed import ListedClip, listed_clip, number_labels
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord, Member
from tsdsl.data.shards.index import INDEX_NAME, IndexedClip, index_shards, local_shards, read_index, shard_place
from tsdsl.data.shards.storage import is_remote
from tsdsl.errors import FileError


def shard_splits(root: Path) -> tuple[str, ...]:
    """The splits of a data set in shards."""
    if not (root / INDEX_NAME).is_file():
        return tuple(local_shards(root))
    found = {clip.split for clip in read_index(root)}
    return tuple(split for split in SPLIT_NAMES if split in found)


def read_shards(root: Path, split: str) -> tuple[list[ClipRecord], list[str]]:
    """(records, class names) of a split, in the order of the shards and of the samples in them.

    Classes are those of all splits: sorted names, or as `classes.txt` numbers them.
    """
    clips = read_index(root) if (root / INDEX_NAME).is_file() else index_shards(root, local_shards(root))
    listed: defaultdict[Path, list[ListedClip]] = defaultdict(list)
    for number, clip in enumerate(clips):
        listed[root / clip.shard].append(listed_clip(clip.member, clip.label, number))
    numbered, names = number_labels(listed, find_class_list(root))
    labels = {clip.line: clip.label for found in numbered.values() for clip in found}
    names = names if names is not None else [str(label) for label in range(1 + max(labels.values(), default=-1))]
    beyond = next((clips[number] for number, label in labels.items() if label >= len(names)), None)
    if beyond is not None:
        raise FileError(
            f"{shard_place(root, beyond.shard)}: {beyond.member} has the class {beyond.label}, of {len(names)} classes",
            help="add the class to classes.txt, or write the shard again",
        )
    wanted = split_spellings(split)
    return [_record(root, clip, labels[n]) for n, clip in enumerate(clips) if clip.split in wanted], names


def unlabelled_records(root: Path, shards: Sequence[str]) -> list[ClipRecord]:
    """The videos in shards, whose classes are not read; FileError as `index_shards`."""
    return [_record(root, clip, UNLABELLED) for clip in index_shards(root, {"test": shards}, labelled=False)]


def _record(root: Path, clip: IndexedClip, label: int) -> ClipRecord:
    place = shard_place(root, clip.shard)
    # A URL has two slashes in a row, which a path has not.
    shown = root / clip.shard.partition("://")[2] if is_remote(place) else Path(place)
    return ClipRecord(shown / clip.member, label, member=Member(place, clip.shard_bytes, clip.offset, clip.size_bytes))
