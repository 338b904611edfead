"""Reads Something-Something V2: a labels file and one JSON list per split.

The lists are in the folder, or as distributed in `labels/`. Class numbers come only from the labels file,
because mirrors number the same templates differently.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tsdsl.data.layouts.description import extracted_frames_fps
from tsdsl.data.layouts.files import (
    FRAMES_ENDING,
    SPLIT_NAMES,
    annotation_folders,
    folders_in,
    frame_folders_below,
    is_video,
    read_list_json,
    split_spellings,
)
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord
from tsdsl.errors import FileError
from tsdsl.files import open_regular

MAX_BYTES_JUDGED = 65536
VIDEO_FOLDERS = ("20bn-something-something-v2", "videos", ".")
"""The possible folders of clips, in the order tried."""


def find_labels(root: Path) -> Path | None:
    """The labels file, perhaps in `labels/`: `labels.json`, or a name that ends in `-labels.json` or `_labels.json`."""
    for folder in annotation_folders(root):
        if (folder / "labels.json").is_file():
            return folder / "labels.json"
        found = sorted(path for pattern in ("*-labels.json", "*_labels.json") for path in folder.glob(pattern))
        if found:
            return found[0]
    return None


def find_list(root: Path, split: str) -> Path | None:
    """The list of a split: `train.json`, `validation.json`, or a name with this ending after a dash or underscore."""
    for folder in annotation_folders(root):
        for name in split_spellings(split):
            if (folder / f"{name}.json").is_file():
                return folder / f"{name}.json"
        for name in split_spellings(split):
            found = sorted(path for sign in "-_" for path in folder.glob(f"*{sign}{name}.json"))
            if found:
                return found[0]
    return None


def has_templates(root: Path, split: str) -> bool:
    """Whether the list of a split has templates at its beginning: that of the test split as distributed has none."""
    path = find_list(root, split)
    if path is None:
        return False
    with open_regular(path) as file:
        head = file.read(MAX_BYTES_JUDGED)
    return b'"template"' in head or b'"id"' not in head


def read_something(root: Path, split: str, labelled: bool = True) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of a split; FileError if templates or numbers contradict each other.

    Without `labelled`, templates are not read and every clip is `UNLABELLED`.
    """
    labels_path = find_labels(root)
    list_path = find_list(root, split)
    if labels_path is None or list_path is None:
        lacking = "labels.json" if labels_path is None else f"{split_spellings(split)[-1]}.json"
        raise FileError(f"{root}: has no {lacking}", help="put the files of Something-Something V2 into the folder")
    labels = _read_labels(labels_path)
    class_names = sorted(labels, key=lambda name: labels[name])
    clips = _clips(root)
    entries = read_list_json(list_path)
    if not isinstance(entries, list):
        raise FileError(f"{list_path}: is not a list of clips", help="download the file again")
    _refuse_two_templates(root)
    records, missing = [], []
    for number, entry in enumerate(entries):
        identifier, template = _read_entry(list_path, number, entry, labelled)
        if template is not None and template not in labels:
            raise FileError(
                f"{list_path}: clip {identifier}: the class {template!r} is not in {labels_path}",
                help="take the labels file and the lists from the same release",
            )
        if identifier in clips:
            records.append(replace(clips[identifier], label=UNLABELLED if template is None else labels[template]))
        else:
            missing.append(identifier)
    return records, class_names, missing


def _refuse_two_templates(root: Path) -> None:
    """Refuse a clip with two templates, in one list or in two."""
    first: dict[str, tuple[str, Path]] = {}
    for path in filter(None, (find_list(root, split) for split in SPLIT_NAMES)):
        entries = read_list_json(path)
        for entry in entries if isinstance(entries, list) else ():
            if not isinstance(entry, dict) or "id" not in entry or "template" not in entry:
                continue
            template = _without_brackets(str(entry["template"]))
            before, where = first.setdefault(str(entry["id"]), (template, path))
            if before != template:
                raise FileError(
                    f"clip {entry['id']}: is {before!r} in {where} and {template!r} in {path}",
                    help="take all lists from the same release",
                )


def _read_labels(path: Path) -> dict[str, int]:
    content = read_list_json(path)
    try:
        labels = {_without_brackets(name): int(label) for name, label in content.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise FileError(
            f"{path}: is not a map from template to class number", help="download the file again"
        ) from error
    if sorted(labels.values()) != list(range(len(content))):
        raise FileError(
            f"{path}: its {len(content)} class numbers are not 0 to {len(content) - 1}, each once",
            help="number the classes from 0 without gaps",
        )
    return labels


def _read_entry(path: Path, number: int, entry: Any, labelled: bool) -> tuple[str, str | None]:
    if not isinstance(entry, dict) or "id" not in entry:
        raise FileError(f"{path}: entry {number} has no id", help="download the file again")
    if not labelled:
        return str(entry["id"]), None
    if "template" not in entry:
        raise FileError(
            f"{path}: clip {entry['id']} has no template", help="use a split with labels, such as validation"
        )
    return str(entry["id"]), _without_brackets(str(entry["template"]))


def _without_brackets(template: str) -> str:
    return template.replace("[", "").replace("]", "").strip()


def _clips(root: Path) -> dict[str, ClipRecord]:
    """The clips by id, still without classes: videos, else the folders of frames in a folder `...frames/`."""
    for name in VIDEO_FOLDERS:
        folder = root / name
        videos = [path for path in sorted(folder.iterdir()) if is_video(path)] if folder.is_dir() else []
        if videos:
            return {path.stem: ClipRecord(path, UNLABELLED) for path in videos}
    fps = extracted_frames_fps(root)
    of_frames = [folder for folder in folders_in(root) if folder.name.lower().endswith(FRAMES_ENDING)]
    return {
        clip.name: ClipRecord(clip, UNLABELLED, frames_fps=fps)
        for folder in of_frames
        for clip in frame_folders_below(folder)
    }
