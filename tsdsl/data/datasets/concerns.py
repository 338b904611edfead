"""What is unusual about a readable data set, in sentences for the user: a run on it may be worth little."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tsdsl.data.datasets.class_names import simplified
from tsdsl.data.datasets.unlike_classes import lists_in
from tsdsl.data.layouts.files import ANNOTATION_FOLDERS, folders_in
from tsdsl.data.layouts.folder_layout import split_folders
from tsdsl.data.layouts.kinetics import find_lists
from tsdsl.data.layouts.records import VideoDataset

MAX_NAMED = 3
MAX_IMBALANCE = 20
"""A class with more than this many times the clips of another is unusual."""


def unlike_space(root: str | Path, classes: int, space: str, space_classes: int) -> list[str]:
    """What to say of a data set that has another number of classes than a space."""
    if classes == space_classes:
        return []
    return [
        f"{root}: has {classes} classes, the space {space} {space_classes}: models have {classes}, and costs and "
        f"targets are counted with {space_classes}; `classes = {classes}` in the space makes them agree"
    ]


def concerns(training: VideoDataset, splits: Collection[str]) -> list[str]:
    """Warnings about a data set that has these splits, of which `training` is the first; none if nothing is unusual."""
    found = []
    if training.num_classes == 1:
        found.append(
            f"{training.root}: has one class only, {training.class_names[0]!r}, so every accuracy is 100 %; "
            "give the folder that contains all class folders"
        )
    empty = [name for name, count in zip(training.class_names, training.clips_per_class, strict=True) if count == 0]
    if empty:
        more = f" and {len(empty) - MAX_NAMED} more" if len(empty) > MAX_NAMED else ""
        found.append(
            f"{training.root}: {len(empty)} of {training.num_classes} classes have no {training.split} clips: "
            f"{', '.join(map(repr, empty[:MAX_NAMED]))}{more}; remove them, or add videos of a known suffix"
        )
    if "train" not in splits:
        found.append(f"{training.root}: has no training split, which search and train need; only {', '.join(splits)}")
    elif "val" not in splits:
        found.append(
            f"{training.root}: has no validation split, so training is not validated; "
            f"`tsdsl data split {shlex.quote(str(training.root))}` takes a tenth of the training clips for it"
        )
    found += _alike(training) + _imbalance(training) + _unread_folders(training) + _repeated(training)
    unread = _unread_lists(training)
    if unread:
        source = "class folders" if training.kind == "folder" else "lists of the splits"
        found.append(f"{training.root}: clips are those of the {source}; lists are not read: {', '.join(unread)}")
    return found


def _imbalance(training: VideoDataset) -> list[str]:
    """A warning if some class has many times the clips of another that has any."""
    present = [count for count in training.clips_per_class if count]
    if not present or max(present) <= MAX_IMBALANCE * min(present):
        return []
    most, fewest = (training.class_names[training.clips_per_class.index(pick(present))] for pick in (max, min))
    return [
        f"{training.root}: the class {most!r} has {max(present)} {training.split} clips and {fewest!r} {min(present)}; "
        "a model may learn to ignore small classes: look at the accuracy of each, add clips to them, or take classes "
        "equally often by `--set class_sampling=balanced` of search and train"
    ]


def _alike(training: VideoDataset) -> list[str]:
    """A warning if the names of two classes differ in capitals, spaces or signs only."""
    first: dict[str, str] = {}
    for name in training.class_names:
        other = first.setdefault(simplified(name), name)
        if other != name:
            return [
                f"{training.root}: the classes {other!r} and {name!r} have nearly one name; give them the same if they "
                "are one class"
            ]
    return []


def _unread_folders(training: VideoDataset) -> list[str]:
    """A warning if folders lie beside those of the splits."""
    splits = split_folders(training.root) if training.kind == "folder" else {}
    if not splits:
        return []
    others = [path.name for path in folders_in(training.root) if path not in splits.values()]
    others = [name for name in others if name.lower() not in ANNOTATION_FOLDERS]
    if not others:
        return []
    return [
        f"{training.root}: clips are those of {', '.join(f'{path.name}/' for path in splits.values())}; other folders "
        f"are not read: {', '.join(map(repr, others[:MAX_NAMED]))}{' and more' if others[MAX_NAMED:] else ''}"
    ]


def _repeated(training: VideoDataset) -> list[str]:
    """A warning if a clip is in the split more than once."""
    parts = Counter((record.path, record.start_s, record.end_s) for record in training.records)
    twice = [path for (path, _, _), count in parts.items() if count > 1]
    if not twice:
        return []
    return [
        f"{training.root}: {len(twice)} {training.split} clips are listed more than once, such as {twice[0]}; "
        "they are read as often: remove the lines that repeat them"
    ]


def overlap(first: VideoDataset, second: VideoDataset) -> list[str]:
    """A warning if two splits share files, unless these are other parts of them; else none."""
    parts = {(record.path, record.start_s, record.end_s) for record in first.records}
    shared = [record.path for record in second.records if (record.path, record.start_s, record.end_s) in parts]
    if not shared:
        return []
    return [
        f"{first.root}: {len(shared)} clips are in both {first.split} and {second.split}, such as {shared[0]}; "
        "remove them from one, as the accuracy on them is not that on new clips"
    ]


def _unread_lists(dataset: VideoDataset) -> list[str]:
    if dataset.kind == "folder":
        return lists_in(dataset.root)
    if dataset.kind in ("kinetics-list", "kinetics-csv"):
        read = {path.name for path in find_lists(dataset.root).values()}
        return [name for name in lists_in(dataset.root) if name not in read]
    return []
