"""Reads a folder of class folders, optionally in a folder per split: of videos, or of folders of extracted frames."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tsdsl.data.layouts.description import extracted_frames_fps
from tsdsl.data.layouts.files import (
    IMAGE_SUFFIXES,
    SPLIT_NAMES,
    folders_in,
    frame_folders_below,
    is_image,
    split_spellings,
    videos_below,
)
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError


def split_folders(root: Path) -> dict[str, Path]:
    """The existing split folders in a folder, in any case: {"train": ..., "val": ..., "test": ...}; also `train_256`.

    FileError if a split has two folders whose names differ in case or number only.
    """
    found: dict[str, Path] = {}
    folders = folders_in(root)
    for split, names in SPLIT_NAMES.items():
        for name in names:
            spelled = [path for path in folders if path.name.lower() == name]
            spelled = spelled or [path for path in folders if re.fullmatch(rf"{name}_(?:\d+|set)", path.name.lower())]
            if len(spelled) > 1:
                raise FileError(f"{root}: has {spelled[0].name}/ and {spelled[1].name}/", help="merge the two folders")
            if spelled:
                found[split] = spelled[0]
                break
    return found


@dataclass(frozen=True)
class ClassFolders:
    """The clips of a split, and what is beside them."""

    records: list[ClipRecord]
    class_names: list[str]
    passed_over: list[str]
    """Links to folders read already."""
    others: Counter[str]
    """The number of files that are no videos, by suffix."""


def read_class_folders(root: Path, split: str) -> ClassFolders:
    """The clips of a split: classes are the sorted class folders, over all splits.

    Without split folders all clips are the train split, and other splits are refused; `split_for_search` makes a
    validation part. A class that the train split lacks is a FileError.
    """
    names = split_spellings(split)
    splits = split_folders(root)
    if not splits:
        if split not in SPLIT_NAMES["train"]:
            raise FileError(
                f"{root}: has no folder for the split {split!r}",
                help="put the class folders into train/ and val/, or use the train split",
            )
        folder, class_names = root, [path.name for path in folders_in(root)]
    else:
        found = [path for name, path in splits.items() if name in names]
        if not found:
            raise FileError(
                f"{root}: has no folder for the split {split!r}, only {', '.join(splits)}",
                help=f"make {root / names[0]}",
            )
        folder = found[0]
        class_names = _agreed_class_names(splits)
    below = {n: videos_below(folder / name) for n, name in enumerate(class_names) if (folder / name).is_dir()}
    records = [ClipRecord(path, label) for label, videos in below.items() for path in videos.paths]
    others = sum((videos.others for videos in below.values()), Counter())
    if not records:
        records = _frame_records(root, {label: folder / class_names[label] for label in below})
        others = Counter({suffix: count for suffix, count in others.items() if suffix not in IMAGE_SUFFIXES})
    return ClassFolders(
        records,
        class_names,
        [link for videos in below.values() for link in videos.passed_over],
        others,
    )


def _frame_records(root: Path, class_folders: dict[int, Path]) -> list[ClipRecord]:
    """Clips that are folders of extracted frames; FileError if images are in class folders themselves."""
    fps = extracted_frames_fps(root)
    for folder in class_folders.values():
        image = next((path for path in sorted(folder.iterdir()) if is_image(path.name)), None)
        if image is not None:
            raise FileError(
                f"{root}: has images in place of clips, such as {image.relative_to(root)}",
                help=f"put the frames of each clip into a folder of its own, such as {folder / 'clip1'}",
            )
    return [
        ClipRecord(clip, label, frames_fps=fps)
        for label, folder in class_folders.items()
        for clip in frame_folders_below(folder)
    ]


def _agreed_class_names(splits: dict[str, Path]) -> list[str]:
    classes = {split: {path.name for path in folders_in(folder)} for split, folder in splits.items()}
    if "train" in classes:
        for split, names in classes.items():
            unknown = sorted(names - classes["train"])
            if unknown:
                raise FileError(
                    f"{splits[split]}: has classes that {splits['train']} lacks: {', '.join(unknown[:5])}",
                    help="give both splits the same class folders",
                )
    return sorted(set().union(*classes.values()))
