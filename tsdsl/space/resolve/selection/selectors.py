"""Selectors: `sparse.stage[2..4].group[*].t` and which paths they match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.operators.registry import BLOCKS
from tsdsl.space.resolve.context import Context
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import brief

MAX_INDEX = 99_999
PathPart: TypeAlias = tuple[str, int | None]
_INDEXED = re.compile(r"(stage|group|block)([0-9]+)")


@lru_cache(maxsize=65536)
def path_parts(path: str) -> tuple[PathPart, ...]:
    """`sparse.stage1.group2.t` as (sparse, -), (stage, 1), (group, 2), (t, -)."""
    parts: list[PathPart] = []
    for word in path.split("."):
        indexed = _INDEXED.fullmatch(word)
        parts.append((indexed[1], int(indexed[2])) if indexed else (word, None))
    return tuple(parts)


_OF_GROUPS = frozenset(
    ("op", "repeat", *(attribute.name for operator in BLOCKS.values() for attribute in operator.attributes))
)
_STRUCTURE = ("stage", "group", "block", "fusion", "attention")


def selects(selector: ast.Selector, path: str) -> bool:
    """Whether the selector matches a part or decision, or anything that contains it.

    Its segments are met in order; stages and groups that it does not mention are passed over. It begins
    at the front of the path, unless its first segment is a stage or a group.
    """
    return matched_parts(selector.segments, path_parts(path)) is not None


def matched_parts(segments: Sequence[ast.Segment], parts: Sequence[PathPart]) -> int | None:
    """How many parts of a path these segments of a selector match or pass over; None where they do not match."""
    position = 0
    if segments and segments[0].word.text in ("stage", "group", "block"):
        while position < len(parts) and parts[position][1] is None:
            position += 1
    for segment in segments:
        while position < len(parts) and not _meets(segment, parts[position]):
            if parts[position][1] is None or parts[position][0] == segment.word.text:
                return None
            position += 1
        if position == len(parts):
            return None
        position += 1
    return position


def all_selected(selector: ast.Selector, paths: Iterable[str]) -> Iterator[str]:
    """Those of the paths that the selector matches.

    What matches a part matches all inside of it; anything else must end in what the selector ends in.
    """
    last = selector.segments[-1].word.text
    parts: dict[str, bool] = {}
    for path in paths:
        part, _, word = path.rpartition(".")
        is_inside = parts.get(part)
        if is_inside is None:
            is_inside = parts[part] = selects(selector, part)
        if is_inside or (word.startswith(last) and selects(selector, path)):
            yield path


def _meets(segment: ast.Segment, part: PathPart) -> bool:
    word, index = part
    if segment.word.text != word:
        return False
    if not segment.indices:
        return True
    return index is not None and any(low.value <= index <= high.value for low, high in segment.indices)


def selectors(context: Context, expression: ast.Expression, what: str) -> list[ast.Selector] | None:
    """The selectors of a comma-separated list, or None with a diagnostic."""
    if isinstance(expression, ast.Choice) and expression.items:
        inner = expression.items[0].span.to(expression.items[-1].span)
        written = context.text(inner)
        context.report(
            "TS201",
            expression.span,
            f"the selectors of `{what}` must not be in braces",
            help=brief(f"write `{written}`"),
            fixes=[replacement("remove the braces", expression.span, written, safe=True)],
        )
        return None
    items = expression.items if isinstance(expression, ast.Sequence) else (expression,)
    found = []
    for item in items:
        if isinstance(item, ast.Text):
            text = item.value
            context.report(
                "TS201",
                item.span,
                "selectors must not be quoted",
                help=brief(f"write `{text}`"),
                fixes=[replacement(f"write `{text}`", item.span, text, safe=text.isidentifier())],
            )
            continue
        if not isinstance(item, ast.Selector):
            context.report(
                "TS201",
                item.span,
                f"`{what}` must be a list of selectors, got {context.quoted(item.span)}",
                help="for example `stage[1..3].group[*]`",
            )
            return None
        if not all(_indices_are_right(context, segment) for segment in item.segments):
            return None
        found.append(item)
    return found if len(found) == len(items) else None


def _indices_are_right(context: Context, segment: ast.Segment) -> bool:
    for low, high in segment.indices or ():
        for number in (low, high):
            if number.value != number.value.to_integral_value() or not 0 <= number.value <= MAX_INDEX:
                context.report(
                    "TS202",
                    number.span,
                    f"a {segment.word.text} number must be an integer between 0 and {MAX_INDEX}, "
                    f"got {context.text(number.span)}",
                    label="out of range",
                )
                return False
        if high.value < low.value:
            edits = (Edit(low.span, context.text(high.span)), Edit(high.span, context.text(low.span)))
            context.report(
                "TS203",
                low.span.to(high.span),
                f"the range {low.value} .. {high.value} is empty",
                label="ends below its start",
                help=f"write `{high.value}..{low.value}`",
                fixes=[Fix("swap the ends", edits, "safe")],
            )
            return False
    return True


def may_lack(context: Context, selector: ast.Selector) -> bool:
    """Whether what a selector names may be missing only because something else is wrong."""
    first, last = selector.segments[0].word.text, selector.segments[-1].word.text
    if context.is_lossy or first in context.incomplete:
        return True
    if first in _STRUCTURE and context.incomplete:
        return True
    if first == "shared" and last in context.shared:
        return context.has_errors or bool(context.incomplete or context.uncertain)
    is_attribute = last in _OF_GROUPS and len(selector.segments) > 1
    return is_attribute and any(selects(selector, f"{path}.{last}") for path in context.uncertain)
