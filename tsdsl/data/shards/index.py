"""Where the clips of a data set lie in its shards, found by reading headers, and kept in `shards.csv`."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from tsdsl.data.layouts.description import read_description
from tsdsl.data.layouts.files import SPLIT_NAMES, folders_in, read_list_text
from tsdsl.data.shards.samples import samples_of
from tsdsl.data.shards.storage import is_remote, opened, require_ranges, size_bytes
from tsdsl.errors import FileError, UsageError
from tsdsl.files import write_text

INDEX_NAME = "shards.csv"
SHARD_SUFFIX = ".tar"
MAX_SHARDS = 100_000

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_INDEX_AGAIN = "run `tsdsl data shards` on the folder again"

Progress = Callable[[int, int], None]
"""Called with (shards done, number of shards)."""


@dataclass(frozen=True, slots=True)
class IndexedClip:
    """A clip in a shard, a line of `shards.csv`."""

    split: str
    shard: str
    """A path, relative to the folder of the index, or a URL."""
    shard_bytes: int
    member: str
    offset: int
    size_bytes: int
    label: str
    """The number or name of the class."""


def expanded(pattern: str) -> list[str]:
    """The shards that a pattern of WebDataset names: `a-{000..002}.tar` is three.

    Raises:
        UsageError: a range runs backwards, or there are more than `MAX_SHARDS`.
    """
    found = [""]
    at = 0
    for match in _RANGE.finditer(pattern):
        first, last, digits = int(match[1]), int(match[2]), len(match[1])
        if last < first or (last - first + 1) * len(found) > MAX_SHARDS:
            raise UsageError(
                f"{pattern}: {match[0]} must count up, to at most {MAX_SHARDS} shards", help="for instance {000..099}"
            )
        text = pattern[at : match.start()]
        found = [f"{before}{text}{number:0{digits}d}" for before in found for number in range(first, last + 1)]
        at = match.end()
    return [before + pattern[at:] for before in found]


def local_shards(root: Path) -> dict[str, list[str]]:
    """The tars in a folder, or in those of its splits, by split; without names of splits, all train.

    FileError if some have names of splits and others have not.
    """
    of_split: dict[str, list[str]] = {}
    unnamed = []
    folders = [(root, None), *((folder, _split_named(folder.name)) for folder in folders_in(root))]
    for folder, split in folders:
        if folder != root and split is None:
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() != SHARD_SUFFIX or path.name.startswith(".") or not path.is_file():
                continue
            own = split or next(filter(None, map(_split_named, re.split(r"[-_.]", path.stem)[::-1])), None)
            name = str(path.relative_to(root))
            if own is None:
                unnamed.append(name)
            else:
                of_split.setdefault(own, []).append(name)
    if unnamed and of_split:
        raise FileError(
            f"{root}: {next(iter(of_split.values()))[0]} is named after a split, and {unnamed[0]} is not",
            help="name all shards after their splits, as train-000000.tar, or none",
        )
    return {"train": unnamed} if unnamed else {split: of_split[split] for split in SPLIT_NAMES if split in of_split}


def _split_named(word: str) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if word.lower() in names), None)


def index_shards(
    root: Path, shards: Mapping[str, Sequence[str]], progress: Progress | None = None, *, labelled: bool = True
) -> list[IndexedClip]:
    """The clips of shards by split, found by reading their headers and, if they are labelled, classes.

    Raises:
        FileError: a shard is missing or not one, or has no clips; see `samples_of`.
        StorageError: a URL fails.
    """
    found: list[IndexedClip] = []
    total = sum(map(len, shards.values()))
    done = 0
    for split, names in shards.items():
        repeated = next((name for name, count in Counter(names).items() if count > 1), None)
        if repeated is not None:
            raise UsageError(f"{repeated}: is named twice", help="name each shard once")
        for name in names:
            found += _indexed(root, split, name, labelled)
            done += 1
            if progress is not None:
                progress(done, total)
    return found


def _indexed(root: Path, split: str, name: str, labelled: bool) -> Iterator[IndexedClip]:
    place = shard_place(root, name)
    bytes_there = size_bytes(place)
    num_clips = 0
    if is_remote(place):
        require_ranges(place, bytes_there)
    with opened(place, bytes_there, read_ahead=True) as read:
        for sample in samples_of(place, bytes_there, read, labelled=labelled):
            num_clips += 1
            video = sample.video
            yield IndexedClip(split, name, bytes_there, video.name, video.offset, video.size_bytes, sample.label)
    if not num_clips:
        raise FileError(f"{place}: has no clips", help="expected samples such as KEY.mp4 and KEY.cls")


@dataclass(frozen=True)
class ShardReport:
    """A written index: its folder, and the number of shards and of clips by split."""

    root: Path
    shards: dict[str, int]
    clips: dict[str, int]


def write_shard_index(
    root: str | Path, patterns: Mapping[str, Sequence[str]] | None = None, progress: Progress | None = None
) -> ShardReport:
    """Index shards by split as a data set in `root`: those of patterns, or the tars in the folder.

    Patterns are paths or URLs, perhaps with ranges, see `expanded`.

    Raises:
        UsageError: the folder holds another data set.
        FileError: there are no shards, or one is refused.
        StorageError: a URL cannot be read.
    """
    root = Path(root)
    description = read_description(root)
    if description is not None and description.kind != "shards":
        raise UsageError(f"{root}: holds a data set of the kind {description.kind}", help="choose another folder")
    if patterns is None:
        shards = local_shards(root) if root.is_dir() else {}
    else:
        shards = {
            split: [_named(root, name) for p in given for name in expanded(p)] for split, given in patterns.items()
        }
    if not any(shards.values()):
        raise FileError(f"{root}: has no shards", help="put tars there, or name shards, as --train 'a-{000..009}.tar'")
    clips = index_shards(root, shards, progress)
    write_index(root, clips)
    counts = Counter(clip.split for clip in clips)
    return ShardReport(root, {split: len(names) for split, names in shards.items()}, dict(counts))


def _named(root: Path, place: str) -> str:
    """A shard as the index of a folder names it: below the folder without it, so that both can move."""
    if is_remote(place):
        return place
    path, folder = Path(place).absolute(), root.absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def shard_place(root: Path, name: str) -> str:
    """The path or URL of a shard that an index names."""
    return name if is_remote(name) else str(root / name)


def write_index(root: Path, clips: Sequence[IndexedClip]) -> None:
    """Write `shards.csv` into a folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(IndexedClip)])
    writer.writerows(astuple(clip) for clip in clips)
    write_text(root / INDEX_NAME, text.getvalue())


def read_index(root: Path) -> list[IndexedClip]:
    """The clips in `shards.csv`.

    Raises:
        FileError: it is not such a file, or a local shard is missing or has another size than when it was indexed.
    """
    path = root / INDEX_NAME
    rows = csv.reader(read_list_text(path).splitlines())
    names = [field.name for field in fields(IndexedClip)]
    clips = []
    try:
        if next(rows, None) != names:
            raise ValueError(f"its columns must be {','.join(names)}")
        for row in rows:
            split, shard, shard_bytes, member, offset, count, label = row
            clips.append(IndexedClip(split, shard, int(shard_bytes), member, int(offset), int(count), label))
            _check(clips[-1])
    except (ValueError, csv.Error) as error:
        place = f"{path}:{max(rows.line_num, 1)}"
        raise FileError(f"{place}: is not a line of an index of shards ({error})", help=_INDEX_AGAIN) from error
    for shard, recorded in dict.fromkeys((clip.shard, clip.shard_bytes) for clip in clips):
        if not is_remote(shard) and size_bytes(shard_place(root, shard)) != recorded:
            raise FileError(f"{shard_place(root, shard)}: has changed since it was indexed", help=_INDEX_AGAIN)
    return clips


def _check(clip: IndexedClip) -> None:
    if clip.split not in SPLIT_NAMES:
        raise ValueError(f"unknown split {clip.split!r}")
    if not 512 <= clip.offset <= clip.offset + clip.size_bytes <= clip.shard_bytes or clip.size_bytes < 1:
        raise ValueError("the clip is not inside the shard")
    if not clip.label or not clip.member:
        raise ValueError("there is no class or no member")
