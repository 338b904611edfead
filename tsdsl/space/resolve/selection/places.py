"""The places after groups that the selectors of fusion and attention match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

from tsdsl.space.parts import group_path
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selection.selectors import selectors, selects
from tsdsl.space.resolve.selection.unmatched import unmatched
from tsdsl.syntax import ast

Place: TypeAlias = tuple[int, int]
_MAX_PLACES = 6


def selected_places(
    context: Context,
    after: ast.Attribute,
    stream: str,
    known: Sequence[Place],
    allowed: set[Place],
    others: Sequence[str] = (),
    source: str | None = None,
) -> list[Place]:
    """The places that the selectors match, in order; each selector must match one that is allowed.

    A selector that begins with one of the `others`, streams of the same statement, is left to them.
    """
    kind = "attention" if source is None else "fusion"
    joined = {stream, source or stream}
    owners = f"`{stream}` has" if source is None else f"`{source}` and `{stream}` both have"
    found: set[Place] = set()
    listed = selectors(context, after.value, "after")
    if listed is None:
        context.incomplete.add(kind)
    for selector in listed or ():
        matched = {
            place
            for place in known
            if selects(selector, group_path(stream, *place))
            and selector.segments[-1].word.text in ("stage", "group", stream)
        }
        if selector.segments[0].word.text in others:
            continue
        if not matched & allowed:
            context.incomplete.add(kind)
        reported = any(
            d.code == "TS306" and selector.span.start <= d.span.start < selector.span.end for d in context.diagnostics
        )
        if not matched and not reported and not context.is_lossy and context.incomplete.isdisjoint(joined):
            wrong = unmatched(selector, [group_path(stream, *place) for place in known])
            context.report(
                "TS306",
                wrong.span if wrong is not None else selector.span,
                f"{context.quoted(selector.span)} selects no group of `{stream}`",
                label="matches nothing",
                help=wrong.help if wrong is not None and wrong.fixes else f"{owners} {_existing(known)}",
                fixes=wrong.fixes if wrong is not None else (),
            )
        elif matched and not matched & allowed and context.incomplete.isdisjoint(joined):
            context.report(
                "TS305",
                selector.span,
                f"no group of `{stream}` follows to receive the fused features",
                label="the last group",
                help="fuse at the end of an earlier group",
            )
        found |= matched & allowed
    return [place for place in known if place in found]


def _existing(known: Sequence[Place]) -> str:
    """The places as selectors, stages with as many groups together: `stage[0..1].group[1], stage[2].group[1..3]`."""
    counts = Counter(stage for stage, _ in known)
    parts: list[str] = []
    for groups, stages in groupby(sorted(counts), key=counts.__getitem__):
        among = list(stages)
        parts.append(f"`stage[{_span(among[0], among[-1])}].group[{_span(1, groups)}]`")
    shown = parts if len(parts) <= _MAX_PLACES else [*parts[:_MAX_PLACES], "..."]
    return ", ".join(shown)


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}..{high}"
