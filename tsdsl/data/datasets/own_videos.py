"""Videos to classify that are no data set: a file, all in a folder, or those that a list names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdsl.data.layouts.columns import PATH_COLUMNS
from tsdsl.data.layouts.description import DEFAULT_FRAMES_FPS
from tsdsl.data.layouts.files import (
    VIDEO_SUFFIXES,
    frame_folders_below,
    is_file,
    is_folder,
    is_image,
    read_list_text,
    videos_below,
)
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord, Member, VideoDataset
from tsdsl.data.shards.index import SHARD_SUFFIX, expanded, local_shards
from tsdsl.data.shards.layout import unlabelled_records
from tsdsl.data.shards.samples import MAX_VIDEO_BYTES
from tsdsl.data.shards.storage import is_remote, size_bytes
from tsdsl.errors import FileError

LONGEST_PATH = 4096
LIST_SUFFIXES = frozenset({".txt", ".csv", ".lst", ".list"})


def own_videos(source: str | Path) -> VideoDataset:
    """The videos of a file, of a folder and those below it, or of a list with a path a line; none has a class.

    A folder without videos may hold tar shards, extracted frames, or folders of them, at 30 a second. A file may be a
    shard. A URL is that of a video or a shard, perhaps with a range of numbers, as `https://host/a-{000..009}.tar`.

    The paths of a list are relative to its folder. What follows the path in a line, as the label in the list of a data
    set, is not read. A file that does not exist is met when it is decoded.

    Raises:
        FileError: there is no such file or folder, or it names no videos.
        StorageError: a URL cannot be read.
    """
    if is_remote(str(source)):
        return _unlabelled(Path(str(source).partition("://")[2]), _remote(str(source)))
    source = Path(source)
    frames_fps: float | None = None
    if is_folder(source):
        paths = videos_below(source).paths
        shards = [] if paths else [name for names in local_shards(source).values() for name in names]
        if shards:
            return _unlabelled(source, unlabelled_records(source, shards))
        if not paths:
            paths, frames_fps = _frame_folders(source), DEFAULT_FRAMES_FPS
    elif not is_file(source):
        raise FileError(
            f"{source}: does not exist, or is not a file or folder",
            help="give a video, a folder of videos or a list of paths",
        )
    elif source.suffix.lower() == SHARD_SUFFIX:
        return _unlabelled(source, unlabelled_records(source.parent, [source.name]))
    elif source.suffix.lower() in LIST_SUFFIXES:
        paths = _listed(source)
    else:
        paths = [source]
    if not paths:
        known = " ".join(sorted(VIDEO_SUFFIXES))
        raise FileError(f"{source}: contains no video", help=f"suffixes of videos are {known}")
    return _unlabelled(source, [ClipRecord(path, UNLABELLED, frames_fps=frames_fps) for path in paths])


def _unlabelled(source: Path, records: Sequence[ClipRecord]) -> VideoDataset:
    return VideoDataset(source, "test", "folder", tuple(records), ())


def _remote(url: str) -> list[ClipRecord]:
    """The videos at a URL, or in the shards that it names."""
    if url.partition("?")[0].lower().endswith(SHARD_SUFFIX):
        return unlabelled_records(Path(), expanded(url))
    size = size_bytes(url)
    if size > MAX_VIDEO_BYTES:
        raise FileError(f"{url}: has more than {MAX_VIDEO_BYTES} bytes", help="download it, or cut it into clips")
    return [ClipRecord(Path(url.partition("://")[2]), UNLABELLED, member=Member(url, size, 0, size))]


def _frame_folders(source: Path) -> list[Path]:
    """A folder of extracted frames itself, or the folders of frames below it."""
    holds_images = any(is_image(path.name) for path in source.iterdir())
    return [source] if holds_images else frame_folders_below(source)


def _listed(path: Path) -> list[Path]:
    lines = [line.strip() for line in read_list_text(path).splitlines() if line.strip()]
    if lines and lines[0].split(",")[0].strip(' "').lower() in PATH_COLUMNS:
        del lines[0]
    return [_path_in(line, path.parent) for line in lines]


def _path_in(line: str, folder: Path) -> Path:
    """The first beginning of a line, at a comma or space, that is a file; else the line up to the first of these."""
    whole = line.strip("\"'")
    shorter = [line[:at].strip(" \"'") for at, sign in enumerate(line[:LONGEST_PATH]) if sign in ", \t"]
    for text in (whole, *reversed(shorter)):
        if text and is_file(folder / text):
            return folder / text
    return folder / (shorter[0] if shorter else whole)
