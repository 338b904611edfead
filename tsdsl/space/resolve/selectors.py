"""Selectors: `sparse.stage[2..4].group[*].t` and which paths they match."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from tsdsl.space.resolve.context import Context
from tsdsl.syntax import ast

PathPart: TypeAlias = tuple[str, int | None]
_INDEXED = re.compile(r"(stage|group)([0-9]+)")


@lru_cache(maxsize=65536)
def path_parts(path: str) -> tuple[PathPart, ...]:
    """`sparse.stage1.group2.t` as (sparse, -), (stage, 1), (group, 2), (t, -)."""
    parts: list[PathPart] = []
    for word in path.split("."):
        indexed = _INDEXED.fullmatch(word)
        parts.append((indexed[1], int(indexed[2])) if indexed else (word, None))
    return tuple(parts)


def selects(selector: ast.Selector, path: str) -> bool:
    """Whether the selector matches a part or decision, or anything that contains it.

    Its segments are met in order; stages and groups that it does not mention are passed over. It begins
    at the front of the path, unless its first segment is a stage or a group.
    """
    parts = path_parts(path)
    position = 0
    first = selector.segments[0].word.text
    if first in ("stage", "group"):
        while position < len(parts) and parts[position][1] is None:
            position += 1
    for segment in selector.segments:
        while position < len(parts) and not _meets(segment, parts[position]):
            if parts[position][1] is None or parts[position][0] == segment.word.text:
                return False
            position += 1
        if position == len(parts):
            return False
        position += 1
    return True


def _meets(segment: ast.Segment, part: PathPart) -> bool:
    word, index = part
    if segment.word.text != word:
        return False
    if not segment.indices:
        return True
    return index is not None and any(low.value <= index <= high.value for low, high in segment.indices)


def selectors(context: Context, expression: ast.Expression, what: str) -> list[ast.Selector] | None:
    """The selectors of a comma-separated list, or None with a diagnostic."""
    items = expression.items if isinstance(expression, ast.Sequence) else (expression,)
    found = []
    for item in items:
        if not isinstance(item, ast.Selector):
            context.report(
                "TS201",
                item.span,
                f"`{what}` is a list of selectors",
                help="for instance `stage[1..3].group[*]`",
            )
            return None
        found.append(item)
    return found
