"""Makes a copy of a data set whose videos decode fast, with the same labels in the same order.

The copy of any layout is a list of `path,label` per split, `classes.txt`, a `dataset.json` with the recommended
settings of the source, and the videos below `videos/`. It is built in `NAME.part` and then renamed to `NAME`; after an
interruption, the same command continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from tsdsl.data.datasets.open import available_splits, open_dataset
from tsdsl.data.layouts.description import DESCRIPTION_NAME, DatasetDescription
from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.prepare.transcode import TranscodeSettings
from tsdsl.data.prepare.transcode_pool import TranscodeTask, transcode_all
from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.files import changes, exclusive, write_json, write_text
from tsdsl.space.stored import read_record

RECORD_NAME = "prepared.json"
LEFT_OUT_NAME = "left_out.txt"
LABELLED_SPLITS = ("train", "val")

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
    if root.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{root}: is inside the data set {source}", help="choose a folder outside of it")
    began = time.monotonic()
    datasets = _opened(source, kind, splits)
    building = root if (root / RECORD_NAME).is_file() else root.with_name(f"{root.name}.part")
    _refuse_foreign(root)
    with exclusive(building, "preparing this data set"):
        _record(building, {"source": str(source), "kind": datasets[0].kind, "transcode": settings.model_dump()})
        for half_written in building.glob("videos/**/.*.mp4"):
            half_written.unlink(missing_ok=True)
        targets = _targets(source, datasets)
        tasks = [
            TranscodeTask(path, building / target, settings, start_s, end_s, frames_fps)
            for (path, start_s, end_s, frames_fps), target in targets.items()
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
            building / LEFT_OUT_NAME, "".join(f"{_printable(str(path))}\t{reason}\n" for path, reason in left_out)
        )
        if not any(clips.values()):
            path, reason = next(iter(left_out))
            raise RunError(
                f"{source}: none of its {len(tasks)} videos is usable; the first was {path}: {reason}",
                help="`tsdsl data verify` lists every bad file of a data set",
            )
        _into_place(building, root)
    written = [root / target for target in targets.values() if (root / target).is_file()]
    return PrepareReport(
        root=root,
        clips=clips,
        num_videos=len(written),
        num_reused=len(tasks) - len(todo),
        num_missing=sum(len(dataset.missing) for dataset in datasets),
        left_out=left_out,
        source_bytes=sum(map(_size_bytes, {path for path, *_ in targets})),
        size_bytes=sum(path.stat().st_size for path in written),
        seconds=time.monotonic() - began,
    )


def _size_bytes(path: Path) -> int:
    """The size of a video or of all frames in a folder; 0 where there is none."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


_Part = tuple[Path, float | None, float | None, float | None]
"""A video, the part of it that is used, and its rate if it is a folder of frames."""


def _opened(source: Path, kind: str | None, splits: Sequence[str] | None) -> list[VideoDataset]:
    there = available_splits(source, kind=kind)
    chosen = splits if splits is not None else [split for split in there if split in LABELLED_SPLITS]
    if not chosen:
        raise FileError(
            f"{source}: has no train or val split, only {', '.join(there) or 'none'}",
            help="name the splits to prepare with --split",
        )
    return [open_dataset(source, split, kind=kind) for split in chosen]


def _part(record: ClipRecord) -> _Part:
    return record.path, record.start_s, record.end_s, record.frames_fps


def _targets(source: Path, datasets: Sequence[VideoDataset]) -> dict[_Part, str]:
    """The unique path of the copy of each part, relative to the result."""
    targets: dict[_Part, str] = {}
    taken: set[str] = set()
    for part in dict.fromkeys(_part(record) for dataset in datasets for record in dataset.records):
        path, start_s, end_s, _ = part
        # Listed files outside of the folder keep the names of their folders.
        inside = path.relative_to(source) if path.is_relative_to(source) else Path(*path.parts[1:])
        folders = [name for name in inside.parent.parts if name != ".."]
        span = "" if start_s is None and end_s is None else f"_{start_s or 0:g}_{end_s if end_s is not None else 'end'}"
        target = str(PurePosixPath("videos", *folders, f"{path.stem}{span}.mp4"))
        printable = _printable(target)
        if target.casefold() in taken or printable != target:
            # A list names one file a line, so no name in it may hold the end of one.
            target = f"{printable.removesuffix('.mp4')}-{_digest(str(path))}.mp4"
        taken.add(target.casefold())
        targets[part] = target
    return targets


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "_" for character in name)


def _digest(name: str) -> str:
    return blake2b(name.encode(errors="surrogateescape"), digest_size=6).hexdigest()


def _class_line(name: str) -> str:
    """The name of a class as a line of its own that is not blank."""
    line = _printable(name).strip()
    return f"{line}\n" if line == name and line else f"{line}-{_digest(name)}\n"


def _is_done(task: TranscodeTask) -> bool:
    """Whether the copy exists and is not older than its source."""
    try:
        return task.target.stat().st_mtime_ns >= task.source.stat().st_mtime_ns
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
    write_text(building / "classes.txt", "".join(map(_class_line, first.class_names)))
    description = DatasetDescription(kind="kinetics-list", flip_allowed=first.flip_allowed, clip=first.recommended)
    write_json(building / DESCRIPTION_NAME, description.model_dump(mode="json"))
    return clips


def _refuse_foreign(root: Path) -> None:
    if root.exists() and not (root / RECORD_NAME).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise FileError(f"{root}: exists, and was not made by `tsdsl data prepare`", help="choose another folder")


def _record(building: Path, facts: dict[str, Any]) -> None:
    """Write the origin and settings of the folder, or check that they are unchanged."""
    path = building / RECORD_NAME
    if not path.exists():
        write_json(path, facts)
        return
    changed = changes(
        facts, read_record(path, dict[str, Any], "a record of `tsdsl data prepare`", f"remove {building}")
    )
    if changed:
        raise UsageError(
            f"{building}: was started with other settings: {'; '.join(changed)}",
            help="give the same settings, choose another folder, or remove it",
        )


def _into_place(building: Path, root: Path) -> None:
    if building == root:
        return
    try:
        building.replace(root)  # replaces an empty folder
    except OSError as error:
        raise FileError(f"{root}: cannot be written ({error.strerror})", help=f"all is in {building}") from error
