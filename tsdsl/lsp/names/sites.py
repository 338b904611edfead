"""Where the groups of a file are written, by the path that the space knows them under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsdsl.space.parts import group_path
from tsdsl.syntax import ast

LARGEST_STAGE = 999


@dataclass(frozen=True, slots=True)
class GroupSite:
    """A group as written, its path, and the space that it is written in."""

    space: str
    path: str
    group: ast.Group


def group_sites(file: ast.File) -> Iterator[GroupSite]:
    """Every group of a file in order. Where a stage is given twice, the first counts."""
    for space in file.spaces:
        for item in space.items:
            if isinstance(item, ast.Stream):
                yield from stream_sites(space.name.text, item)


def stream_sites(space: str, stream: ast.Stream) -> Iterator[GroupSite]:
    """Every group of one stream of the space called so."""
    seen: set[int] = set()
    for stage in stream.stages:
        index = stage_number(stage)
        if index is None or index in seen:
            continue
        seen.add(index)
        for number, group in enumerate(stage.groups, 1):
            yield GroupSite(space, group_path(stream.name.text, index, number), group)


def stage_number(stage: ast.Stage) -> int | None:
    """The number of a stage, unless it is none that a stage may have."""
    value = stage.index.value
    return int(value) if 0 <= value <= LARGEST_STAGE and value == value.to_integral_value() else None
