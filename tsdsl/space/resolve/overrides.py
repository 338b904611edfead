"""`fix` and `free`: what they make of a value written at a path."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tsdsl.space.resolve.context import Context, did_you_mean
from tsdsl.space.resolve.selectors import may_lack, selects
from tsdsl.syntax import ast

_PLAIN_INDEX = re.compile(r"\b(stage|group)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Overridden:
    """The expression that stands at a path, and the values that it is then fixed at."""

    expression: ast.Expression | None
    pins: tuple[ast.Expression, ...] = ()


def overridden(
    context: Context, path: str, expression: ast.Expression | None, *, slot: str | None = None
) -> Overridden:
    """What the overrides make of `expression` at the attribute `path`; `slot` is the slot whose `op` it is."""
    pins: list[ast.Expression] = []
    for number, (override, level) in enumerate(context.overrides):
        if level < context.level or not _names(override.selector, path, slot):
            continue
        context.applied.add(number)
        if override.kind == "free":
            expression, pins = override.value, []
        else:
            pins.append(override.value)
    return Overridden(expression, tuple(pins))


def _names(selector: ast.Selector, path: str, slot: str | None) -> bool:
    if selector.segments[-1].word.text == path.rpartition(".")[2]:
        return selects(selector, path)
    return slot is not None and selects(selector, slot)


def report_idle(context: Context, level: int) -> None:
    """Report the overrides of this level that selected nothing (TS306)."""
    for number, (override, written_at) in enumerate(context.overrides):
        if written_at == level and number not in context.applied:
            if may_lack(context, override.selector):
                continue
            context.report(
                "TS306",
                override.selector.span,
                "this selects no decision and no attribute of the space",
                label="matches nothing",
                help=_remedy(context, override.selector),
            )


def _remedy(context: Context, selector: ast.Selector) -> str:
    """What a selector that matches nothing most likely means, in names of this space."""
    words = [segment.word.text for segment in selector.segments]
    written = ".".join(words)
    if (indexed := _PLAIN_INDEX.sub(r"\1[\2]", written)) != written:
        return f"numbers stand in brackets: `{indexed}`"
    if len(words) == 1 and words[0] in context.shared:
        return f"a shared decision is named `shared.{words[0]}`"
    paths = [decision.path for decision in context.decisions]
    inside = [path for path in paths if selects(selector, path.rpartition(".")[0])]
    example = _PLAIN_INDEX.sub(r"\1[\2]", next(iter(inside or paths), "sparse.stage1.group2.channels"))
    close = did_you_mean(words[-1], {path.rpartition(".")[2] for path in paths} - {words[-1]}) if not inside else None
    return close or (
        f"a decision is named with its attribute, such as `{example}`; `fusion` and `attention` stand for their `op`"
    )
