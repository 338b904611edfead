"""The groups of a file with their paths in the space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsdsl.space.parts import group_path
from tsdsl.syntax import ast

LARGEST_STAGE = 999


@dataclass(frozen=True, slots=True)
class GroupSite:
    """A group in the text, its path, and its space."""

    space: str
    path: str
    group: ast.Group


def group_sites(file: ast.File) -> Iterator[GroupSite]:
    """Every group of a file in order; of a repeated stage, only the first counts."""
    for space in file.spaces:
        for item in space.items:
            if isinstance(item, ast.Stream):
                yield from stream_sites(space.name.text, item)


def stream_sites(space: str, stream: ast.Stream) -> Iterator[GroupSite]:
    """Every group of a stream of the space called `space`."""
    seen: set[int] = set()
    for stage in stream.stages:
        index = stage_number(stage)
        if index is None or index in seen:
            continue
        seen.add(index)
        for number, group in enumerate(stage.groups, 1):
            yield GroupSite(space, group_path(stream.name.text, index, number), group)


def stage_number(stage: ast.Stage) -> int | None:
    """The number of a stage; None if it is out of range."""
    value = stage.index.value
    return int(value) if 0 <= value <= LARGEST_STAGE and value == value.to_integral_value() else None
