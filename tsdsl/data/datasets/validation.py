"""Takes validation clips from the training clips of a data set that has none, as its `dataset.json` says.

No file is moved: `dataset.json` records the fraction and the seed, and the clips follow from these and their names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from tsdsl.data.layouts.description import ValidationPart
from tsdsl.data.layouts.records import ClipRecord, VideoDataset
from tsdsl.data.randomness import derive_seed

_PART_OF_GROUP = re.compile(r"(.+_g\d+)_c\d+")
"""UCF101's names of clips that were cut out of one video: `v_Archery_g01_c03`."""


@dataclass(frozen=True)
class Parts:
    """The training clips of a data set in two."""

    training: VideoDataset
    validation: VideoDataset


def take_validation(whole: VideoDataset, part: ValidationPart) -> Parts:
    """The training clips without a part of each class, and that part.

    Clips cut out of one video, which are parts of one file or named `..._g01_c01`, stay together. Of each class, videos
    are taken in an order of the seed until the share of its clips is as near to `fraction` as it gets: at least one
    video, and not all; none of a class with one video.
    """
    members: dict[int, dict[str, list[ClipRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in whole.records:
        members[record.label][_video(record, whole.root)].append(record)
    taken: set[str] = set()
    for label, videos in members.items():
        order = sorted(videos, key=lambda name: (derive_seed("validation", part.seed, name), name))
        wanted = part.fraction * sum(map(len, videos.values()))
        count = 0
        for position, name in enumerate(order[:-1]):
            if position and abs(count + len(videos[name]) - wanted) > abs(count - wanted):
                break
            taken.add(f"{label}/{name}")
            count += len(videos[name])
    in_validation = [f"{record.label}/{_video(record, whole.root)}" in taken for record in whole.records]
    validation = tuple(record for record, is_taken in zip(whole.records, in_validation, strict=True) if is_taken)
    training = tuple(record for record, is_taken in zip(whole.records, in_validation, strict=True) if not is_taken)
    return Parts(
        replace(whole, records=training),
        replace(whole, split="val", records=validation, missing=(), passed_over=(), others={}, moved_from=None),
    )


def _video(record: ClipRecord, root: Path) -> str:
    """The name of the video that a clip was cut out of, below the folder of the data set."""
    # Lists may have absolute paths, and the folder may be given as a relative one.
    path, folder = record.path.absolute(), root.absolute()
    path = path.relative_to(folder) if path.is_relative_to(folder) else path
    match = _PART_OF_GROUP.fullmatch(path.stem)
    return str(path.parent / match[1]) if match else str(path)
