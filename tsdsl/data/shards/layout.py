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
    of_shard: defaultdict[str, list[ListedClip]] = defaultdict(list)
    for number, clip in enumerate(clips):
        of_shard[clip.shard].append(listed_clip(clip.member, clip.label, number))
    listed = {root / shard: found for shard, found in of_shard.items()}
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
    chosen = [number for number, clip in enumerate(clips) if clip.split in wanted]
    return _records(root, [clips[number] for number in chosen], [labels[number] for number in chosen]), names


def unlabelled_records(root: Path, shards: Sequence[str]) -> list[ClipRecord]:
    """The videos in shards, whose classes are not read; FileError as `index_shards`."""
    clips = index_shards(root, {"test": shards}, labelled=False)
    return _records(root, clips, [UNLABELLED] * len(clips))


def _records(root: Path, clips: Sequence[IndexedClip], labels: Sequence[int]) -> list[ClipRecord]:
    places = {shard: shard_place(root, shard) for shard in {clip.shard for clip in clips}}
    # A URL has two slashes in a row, which a path has not.
    shown = {
        shard: str(root / shard.partition("://")[2] if is_remote(shard) else place) for shard, place in places.items()
    }
    return [
        ClipRecord(
            Path(f"{shown[clip.shard]}/{clip.member}"),
            label,
            member=Member(places[clip.shard], clip.shard_bytes, clip.offset, clip.size_bytes),
        )
        for clip, label in zip(clips, labels, strict=True)
    ]
