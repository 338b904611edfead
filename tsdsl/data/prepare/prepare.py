"""Makes a copy of a data set whose videos decode fast, with the same labels in the same order.

The copy of any layout is a list of `path,label` per split, `classes.txt`, a `dataset.json` with the recommended
settings of the source, and the videos below `videos/`. It is built in `NAME.part` and then renamed to `NAME`; after an
interruption, the same command continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tsdsl.data.layouts.description import DESCRIPTION_NAME, DatasetDescription
from tsdsl.data.layouts.records import ClipRecord, Member, VideoDataset
from tsdsl.data.loading.skipped import SkippedClips
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
from tsdsl.data.prepare.transcode import TranscodeSettings
from tsdsl.data.prepare.transcode_pool import TranscodeTask, transcode_all
from tsdsl.data.shards.storage import local_path
from tsdsl.errors import RunError
from tsdsl.files import exclusive, write_json, write_text

RECORD_NAME = "prepared.json"
LEFT_OUT_NAME = "left_out.txt"
COMMAND = "tsdsl data prepare"

Progress = Callable[[int, int], None]
"""Called with (videos done, videos in all)."""


@dataclass(frozen=True)
class PrepareReport:
    """The written copy; `left_out` are unusable clips, `num_reused` counts videos of an earlier run."""

    root: Path
    clips: dict[str, int]
    num_videos: int
    num_reused: int
    num_missing: int
    left_out: SkippedClips
    source_bytes: int
    size_bytes: int
    seconds: float


def prepare_dataset(
    source: str | Path,
    root: str | Path,
    settings: TranscodeSettings | None = None,
    *,
    kind: str | None = None,
    splits: Sequence[str] | None = None,
    num_workers: int = 0,
    progress: Progress | None = None,
) -> PrepareReport:
    """Re-encode the videos of a data set into a data set in `root`.

    `splits` defaults to existing train and val splits, because test splits often have no labels. A finished `root` is
    updated: only new or changed videos are encoded.

    Raises:
        FileError: the data set does not exist, or `root` is something else or cannot be written.
        UsageError: `root` was made with other settings, is being written, or is in the source.
        RunError: no clip is usable.
    """
    settings = settings or TranscodeSettings()
    source, root = Path(source).absolute(), Path(root).absolute()
    building = building_place(source, root, RECORD_NAME, COMMAND)
    began = time.monotonic()
    datasets = opened_splits(source, kind, None if splits is None else tuple(splits))
    with exclusive(building, "preparing this data set"):
        facts = {"source": str(source), "kind": datasets[0].kind, "transcode": settings.model_dump()}
        keep_record(building, RECORD_NAME, COMMAND, facts)
        for half_written in building.glob("videos/**/.*.mp4"):
            half_written.unlink(missing_ok=True)
        targets = _targets(source, datasets)
        tasks = [
            TranscodeTask(path, building / target, settings, start_s, end_s, frames_fps, member)
            for (path, start_s, end_s, frames_fps, member), target in targets.items()
        ]
        todo = [task for task in tasks if not _is_done(task)]
        left_out = SkippedClips()
        for num_done, (task, reason) in enumerate(transcode_all(todo, num_workers), start=len(tasks) - len(todo) + 1):
            if reason is not None:
                left_out.add(task.source, reason)
            if progress is not None:
                progress(num_done, len(tasks))
        clips = _write_lists(building, datasets, targets)
        write_text(
            building / LEFT_OUT_NAME, "".join(f"{printable_name(str(path))}\t{reason}\n" for path, reason in left_out)
        )
        if not any(clips.values()):
            path, reason = next(iter(left_out))
            raise RunError(
                f"{source}: none of its {len(tasks)} videos is usable; the first was {path}: {reason}",
                help="`tsdsl data verify` lists every bad file of a data set",
            )
        into_place(building, root)
    written = [root / target for target in targets.values() if (root / target).is_file()]
    return PrepareReport(
        root=root,
        clips=clips,
        num_videos=len(written),
        num_reused=len(tasks) - len(todo),
        num_missing=sum(len(dataset.missing) for dataset in datasets),
        left_out=left_out,
        source_bytes=sum(_size_bytes(*part) for part in {(path, member) for path, *_, member in targets}),
        size_bytes=sum(path.stat().st_size for path in written),
        seconds=time.monotonic() - began,
    )


def _size_bytes(path: Path, member: Member | None) -> int:
    """The size of a video or of all frames in a folder; 0 where there is none."""
    if member is not None:
        return member.size_bytes
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


_Part = tuple[Path, float | None, float | None, float | None, Member | None]
"""A video, the part of it that is used, its rate if it is a folder of frames, and where it lies if in a shard."""


def _part(record: ClipRecord) -> _Part:
    return record.path, record.start_s, record.end_s, record.frames_fps, record.member


def _targets(source: Path, datasets: Sequence[VideoDataset]) -> dict[_Part, str]:
    """The unique path of the copy of each part, relative to the result."""
    targets: dict[_Part, str] = {}
    taken: set[str] = set()
    for part in dict.fromkeys(_part(record) for dataset in datasets for record in dataset.records):
        path, start_s, end_s, *_ = part
        folders = inside(path, source).parent.parts
        span = "" if start_s is None and end_s is None else f"_{start_s or 0:g}_{end_s if end_s is not None else 'end'}"
        target = str(PurePosixPath("videos", *folders, f"{path.stem}{span}.mp4"))
        printable = printable_name(target)
        if target.casefold() in taken or printable != target:
            # A list names one file a line, so no name in it may hold the end of one.
            target = f"{printable.removesuffix('.mp4')}-{digest(str(path))}.mp4"
        taken.add(target.casefold())
        targets[part] = target
    return targets


def _is_done(task: TranscodeTask) -> bool:
    """Whether the copy exists and is not older than its source, if that is a file here."""
    source = task.source if task.member is None else local_path(task.member.shard)
    try:
        return task.target.stat().st_mtime_ns >= (0 if source is None else source.stat().st_mtime_ns)
    except OSError:
        return False


def _write_lists(building: Path, datasets: Sequence[VideoDataset], targets: dict[_Part, str]) -> dict[str, int]:
    """Write the lists and descriptions of the data set; the number of clips of each split."""
    clips = {}
    for dataset in datasets:
        named = [(targets[_part(record)], record.label) for record in dataset.records]
        lines = [f"{target},{label}\n" for target, label in named if (building / target).is_file()]
        clips[dataset.split] = len(lines)
        write_text(building / f"{dataset.split}.csv", "".join(lines))
    first = datasets[0]
    write_text(building / "classes.txt", "".join(f"{class_line(name)}\n" for name in first.class_names))
    description = DatasetDescription(kind="kinetics-list", flip_allowed=first.flip_allowed, clip=first.recommended)
    write_json(building / DESCRIPTION_NAME, description.model_dump(mode="json"))
    return clips
