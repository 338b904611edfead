"""Reads Kinetics: `path label` lists, and the official csv files."""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tsdsl.data.layouts.description import extracted_frames_fps
from tsdsl.data.layouts.files import (
    ANNOTATION_FOLDERS,
    FRAMES_ENDING,
    SPLIT_NAMES,
    FileListing,
    annotation_folders,
    folders_in,
    is_video,
    read_list_text,
    split_spellings,
    videos_below,
)
from tsdsl.data.layouts.list_lines import (
    NUM_JUDGED_LINES,
    is_list,
    names_no_classes,
    parse_list,
    parse_unlabelled,
    refuse_other_lists,
)
from tsdsl.data.layouts.listed import ClassList, ListedClip, number_labels, read_class_list
from tsdsl.data.layouts.moved_root import find_moved_root
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord
from tsdsl.errors import FileError
from tsdsl.files import open_regular

MAX_HEADER_BYTES = 4096
LIST_ENDING = r"(?:[_-]?list)?(?:[_-]split_?\d+)?(?:[_-](?:videos|rawframes|videofolder|labels?|annotations?))?"
LIST_SUFFIXES = (".csv", ".tsv", ".txt", ".list")
CLASS_LIST_NAMES = (
    *("classes.txt", "class_names.txt", "classInd.txt", "category.txt", "categories.txt", "label_map.txt"),
    *("classes.csv", "class_names.csv"),
)


_OF_FLOW = re.compile(r"(?:^|[_-])flow(?:[_-]|$)", re.IGNORECASE)
"""In the names of lists of optical flow, as `ucf101_flow_train_split_1.txt`."""


def find_lists(root: Path) -> dict[str, Path]:
    """The list of each split: `train.csv`, `kinetics400_train.txt`, or as mmaction2 has it `x_train_list_videos.txt`.

    They are in the folder, else in `annotations/` or `labels/`.
    """
    found = _lists_directly_in(root)
    if found:
        return found
    for folder in annotation_folders(root)[1:]:
        lists = _lists_directly_in(folder).items()
        found = {split: path for split, path in lists if is_official(path) or is_list(path) or names_no_classes(path)}
        if found:
            return found
    return {}


def _lists_directly_in(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    candidates = sorted(path for path in folder.iterdir() if path.suffix.lower() in LIST_SUFFIXES)
    candidates = [path for path in candidates if not _OF_FLOW.search(path.stem)]
    for split, names in SPLIT_NAMES.items():
        exact = [path for path in candidates if path.stem.lower() in names]
        pattern = re.compile(rf"(?:.*[_-])?(?:{'|'.join(names)}){LIST_ENDING}")
        ending = [path for path in candidates if pattern.fullmatch(path.stem.lower())]
        if exact or ending:
            found[split] = (exact or ending)[0]
    return found


def list_of_split(root: Path, split: str) -> Path:
    """The list of a split; FileError names the existing lists."""
    lists = find_lists(root)
    for name, path in lists.items():
        if name in split_spellings(split):
            return path
    raise FileError(
        f"{root}: has no list for the split {split!r}, only {', '.join(lists) or 'none'}",
        help=f"make {root / (split_spellings(split)[0] + '.csv')}",
    )


def is_official(path: Path) -> bool:
    """Whether a list is an official Kinetics csv: its first line has the column youtube_id."""
    with open_regular(path) as file:
        return b"youtube_id" in file.readline(MAX_HEADER_BYTES)


def has_labels(path: Path) -> bool:
    """Whether an official csv has the column label: that of the test split as distributed has none."""
    with open_regular(path) as file:
        return b"label" in [name.strip(b' "\r\n') for name in file.readline(MAX_HEADER_BYTES).split(b",")]


def read_list(
    root: Path, split: str, labelled: bool = True
) -> tuple[list[ClipRecord], list[str], list[str], str | None]:
    """(records, class names, missing, old root of the absolute paths) of a `path label` list.

    Class names are the labels if these are names, else the lines of `classes.txt`, else the folders of clips if each
    label has one, else the numbers.
    FileError for a label beyond `classes.txt`, a folder that two lists label differently, and a clip with two labels.
    Absolute paths that do not exist may be found below `root`; see `moved_root.py`.
    Without `labelled`, the list names no classes, and every clip is `UNLABELLED`.
    """
    chosen = list_of_split(root, split)
    with_classes = {name: path for name, path in find_lists(root).items() if not is_official(path)}
    with_classes = {name: path for name, path in with_classes.items() if not names_no_classes(path)}
    lists = with_classes | {split: chosen}
    written = {
        path: parse_list(path) if labelled or path != chosen else parse_unlabelled(path) for path in lists.values()
    }
    of_frames = _lists_folders(written[chosen], Places(root, split, FileListing()))
    listing = FileListing(of_folders=of_frames)
    unnumbered = {path: _with_slashes(written[path], Places(root, name, listing)) for name, path in lists.items()}
    labels = {path: clips for path, clips in unnumbered.items() if labelled or path != chosen}
    numbered, settled = number_labels(labels, find_class_list(root))
    parsed = unnumbered | numbered
    num_classes = 1 + max((clip.label for clips in parsed.values() for clip in clips), default=-1)
    class_names = settled if settled is not None else _class_names_by_folder(numbered, num_classes)
    places = Places(root, split, listing)
    moved = find_moved_root(root, [clip.path for clip in parsed[chosen]], listing)
    fps = extracted_frames_fps(root)
    records, missing = [], []
    used_moved = False
    for clip in parsed[chosen]:
        if clip.split is not None and clip.split not in split_spellings(split):
            raise FileError(
                f"{chosen}:{clip.line}: is of the split {clip.split!r}, expected {split!r}",
                help=f"name the list {root / 'metadata.csv'}, so that each line is of its own split",
            )
        if clip.label >= len(class_names):
            raise FileError(
                f"{chosen}:{clip.line}: label {clip.label} is out of range of {len(class_names)} classes",
                help="labels count from 0; add the class to classes.txt or correct the list",
            )
        found = places.found(clip.path)
        if found is None and moved is not None:
            found = moved.found(clip.path, listing)
            used_moved = used_moved or found is not None
        if found is None:
            missing.append(clip.path)
        else:
            records.append(_frames_record(found, clip, fps) if of_frames else ClipRecord(Path(found), clip.label))
    if not records:
        refuse_other_lists(chosen, parsed[chosen])
    _refuse_two_labels(root, numbered, listing)
    return records, class_names, missing, moved.old if moved is not None and used_moved else None


def _lists_folders(clips: Sequence[ListedClip], files: Places) -> bool:
    """Whether a list is one of folders of frames: it gives their numbers, or no path is a video or a file."""
    if any(clip.num_frames is not None for clip in clips):
        return True
    first = clips[:NUM_JUDGED_LINES]
    return bool(first) and not any(is_video(Path(clip.path)) or files.found(clip.path) for clip in first)


def _frames_record(path: str, clip: ListedClip, fps: float) -> ClipRecord:
    end_s = None if clip.num_frames is None else clip.num_frames / fps
    return ClipRecord(Path(path), clip.label, end_s=end_s, frames_fps=fps)


class Places:
    """Resolves paths of a list: below the folder itself, one of videos or frames in it, or the folder of the split.

    Other folders of frames are those whose names end in it, as `20bn-something-something-v2-frames/`. A folder of any
    name counts if there is no other one besides splits and annotations, as `20bn-jester-v1/`.
    """

    def __init__(self, root: Path, split: str, listing: FileListing) -> None:
        self._listing = listing
        # Strings, because joining a million paths by pathlib takes longer than everything else.
        spellings = split_spellings(split)
        of_split = (f"{kind}_{name}" for kind in ("videos", "rawframes") for name in spellings)
        of_frames = sorted(path.name for path in root.iterdir() if path.name.lower().endswith(FRAMES_ENDING))
        known = {*ANNOTATION_FOLDERS, *(name for names in SPLIT_NAMES.values() for name in names)}
        others = [path.name for path in folders_in(root) if path.name.lower() not in known]
        folders = ("", "videos", *spellings, *of_split, *of_frames, *(others if len(others) == 1 else ()))
        self._folders = [os.path.join(root, folder, "") for folder in folders]  # noqa: PTH118

    def found(self, path: str) -> str | None:
        """The existing file of a path, or None."""
        folders = [""] if path.startswith("/") else self._folders
        exact = next((folder + path for folder in folders if self._listing.has(folder + path)), None)
        return exact or next(filter(None, (self._listing.found(folder + path) for folder in folders)), None)


def _refuse_two_labels(root: Path, parsed: Mapping[Path, Sequence[ListedClip]], listing: FileListing) -> None:
    """Refuse a clip with two labels, in one list or in two."""
    places = {path: Places(root, split, listing) for split, path in find_lists(root).items()}
    labels: dict[str, int] = {}
    for path, clips in parsed.items():
        for clip in clips:
            if labels.setdefault(clip.path, clip.label) == clip.label:
                continue
            where, before = next((p, c) for p, found in parsed.items() for c in found if c.path == clip.path)
            if where != path and places[where].found(clip.path) != places[path].found(clip.path):
                # Two splits may have different files of this name in their own folders.
                continue
            raise FileError(
                f"{clip.path}: has label {before.label} in {where}:{before.line} "
                f"and {clip.label} in {path}:{clip.line}",
                help="correct one of the two lines",
            )


def find_class_list(root: Path) -> ClassList | None:
    """The list of classes in a folder, or in its `annotations/` or `labels/`; or None."""
    folders = annotation_folders(root)
    places = [folder / name for folder in folders for name in CLASS_LIST_NAMES if (folder / name).exists()]
    places += [path for folder in folders for path in sorted(folder.glob("*labels.csv")) if not is_list(path)]
    return read_class_list(places[0]) if places else None


def _with_slashes(clips: list[ListedClip], places: Places) -> list[ListedClip]:
    """The clips of a list; a backslash in a path divides folders if there is no file of such a name.

    What a drive of Windows held has moved: `C:\\clips\\a.mp4` is `/clips/a.mp4`, as `find_moved_root` takes it.
    """
    return [
        replace(clip, path=_DRIVE.sub("", clip.path.replace("\\", "/")))
        if "\\" in clip.path and not places.found(clip.path)
        else clip
        for clip in clips
    ]


_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")


def _class_names_by_folder(parsed: dict[Path, list[ListedClip]], num_classes: int) -> list[str]:
    labels_of_folder: dict[str, dict[int, Path]] = defaultdict(dict)
    folders_of_label: dict[int, set[str]] = defaultdict(set)
    consistent = True
    for path, clips in parsed.items():
        in_this_list: dict[str, set[int]] = defaultdict(set)
        for clip in clips:
            folder = clip.path.rpartition("/")[0].rpartition("/")[2]
            in_this_list[folder].add(clip.label)
            folders_of_label[clip.label].add(folder)
        if all(len(labels) == 1 for labels in in_this_list.values()):
            for folder, labels in in_this_list.items():
                labels_of_folder[folder][next(iter(labels))] = path
        else:
            consistent = False
    if consistent:
        _refuse_disagreement(labels_of_folder)
        if all(len(folders) == 1 and "" not in folders for folders in folders_of_label.values()):
            names = {label: next(iter(folders)) for label, folders in folders_of_label.items()}
            return [names.get(label, str(label)) for label in range(num_classes)]
    return [str(label) for label in range(num_classes)]


def _refuse_disagreement(labels_of_folder: dict[str, dict[int, Path]]) -> None:
    # In flat lists every split may have one folder, so only folders that lists share can disagree.
    for folder, labels in labels_of_folder.items():
        if len(labels) > 1 and folder:
            places = " and ".join(f"{label} in {path}" for label, path in labels.items())
            raise FileError(
                f"the folder {folder!r} is labelled {places}",
                help="use the same numbers of classes in all lists",
            )


def read_official(root: Path, split: str, labelled: bool = True) -> tuple[list[ClipRecord], list[str], list[str]]:
    """(records, class names, missing) of an official csv (label, youtube_id, time_start, time_end, split).

    Classes are the sorted labels of all csv files. The file of a clip is `<id>_<start:06d>_<end:06d>`, perhaps without
    zeros, or the whole video `<id>`, whose part between the times is used, anywhere below the folder.
    Without `labelled`, every clip is `UNLABELLED`.
    """
    chosen = list_of_split(root, split)
    rows = {path: list(_rows(path)) for path in find_lists(root).values() if is_official(path)}
    _refuse_two_classes(rows)
    class_names = sorted({row["label"] for found in rows.values() for row in found if row.get("label")})
    labels = {name: label for label, name in enumerate(class_names)}
    videos = {_without_suffixes(path): path for path in videos_below(root).paths}
    names = split_spellings(split)
    records, missing = [], []
    for number, row in enumerate(rows[chosen], start=2):
        if row.get("split") and row["split"] not in names:
            continue
        if not row.get("youtube_id"):
            raise FileError(f"{chosen}:{number}: has no youtube_id", help="download the file again")
        if labelled and not row.get("label"):
            raise FileError(f"{chosen}:{number}: has no label", help="use a split with labels, such as val")
        label = labels[row["label"]] if labelled else UNLABELLED
        if not {"time_start", "time_end"} & row.keys():
            whole = videos.get(row["youtube_id"])
            if whole is None:
                missing.append(row["youtube_id"])
            else:
                records.append(ClipRecord(whole, label))
            continue
        try:
            start_s, end_s = float(row["time_start"]), float(row["time_end"])
            cut_name = f"{row['youtube_id']}_{int(start_s):06d}_{int(end_s):06d}"
            unpadded = f"{row['youtube_id']}_{int(start_s)}_{int(end_s)}"
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FileError(
                f"{chosen}:{number}: time_start and time_end are not numbers", help="download the file again"
            ) from error
        cut = videos.get(cut_name) or videos.get(unpadded)
        if cut is not None:
            records.append(ClipRecord(cut, label))
        elif row["youtube_id"] in videos:
            records.append(ClipRecord(videos[row["youtube_id"]], label, start_s, end_s))
        else:
            missing.append(cut_name)
    return records, class_names, missing


def _refuse_two_classes(rows: Mapping[Path, Sequence[Mapping[str, str]]]) -> None:
    first: dict[tuple[str, str, str], tuple[str, str]] = {}
    for path, found in rows.items():
        for number, row in enumerate(found, start=2):
            if not row.get("label"):
                continue
            clip = (row.get("youtube_id", ""), row.get("time_start", ""), row.get("time_end", ""))
            label, where = first.setdefault(clip, (row["label"], f"{path}:{number}"))
            if label != row["label"]:
                raise FileError(
                    f"{clip[0]}: is {label!r} in {where} and {row['label']!r} in {path}:{number}",
                    help="correct one of the two lines",
                )


def _without_suffixes(path: Path) -> str:
    """The name without suffixes of videos: downloaders leave `ID.mp4.webm`."""
    name = path.stem
    while is_video(Path(name)):
        name = Path(name).stem
    return name


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows by column; spaces around values do not count."""
    try:
        for row in csv.DictReader(read_list_text(path).splitlines(), skipinitialspace=True):
            yield {(name or "").strip(): value.strip() for name, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise FileError(f"{path}: is not a CSV file ({error})", help="download the file again") from error
