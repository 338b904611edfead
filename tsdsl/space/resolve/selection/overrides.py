"""`fix` and `free`: what they make of a value written at a path."""

from __future__ import annotations

from tsdsl.diagnostics import Label
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS
from tsdsl.operators.schema import Operator
from tsdsl.records import dataclass
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selection.selectors import may_lack, selects
from tsdsl.space.resolve.selection.unmatched import unmatched, written_path
from tsdsl.syntax import ast

_OPERATORS: tuple[Operator, ...] = (*BLOCKS.values(), *FUSIONS.values(), *ATTENTIONS.values())
_NAMES = frozenset(("op", "repeat", *(attribute.name for operator in _OPERATORS for attribute in operator.attributes)))


@dataclass(frozen=True, slots=True)
class Overridden:
    """The expression at a path, and the values that it is then fixed at."""

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
            word = override.selector.segments[0].word.text
            if word in context.left_out:
                context.report(
                    "TS306",
                    override.selector.span,
                    f"`{word}` is left out, so nothing in it can be changed",
                    label="matches nothing",
                    labels=[Label(context.left_out[word], "left out here")],
                    help=f"remove this override, or take `{word}` out of `without`",
                )
                continue
            wrong = unmatched(override.selector, _attributes(context))
            context.report(
                "TS306",
                wrong.span if wrong is not None else override.selector.span,
                f"{context.quoted(override.selector.span)} selects no attribute of the space",
                label="matches nothing",
                help=wrong.help if wrong is not None else _example(context, override.selector),
                fixes=wrong.fixes if wrong is not None else (),
            )


def _attributes(context: Context) -> list[str]:
    """The paths of everything that overrides may select."""
    inner = [path for path in context.origins if path.rpartition(".")[2] in _NAMES or path.startswith("shared.")]
    return [
        *inner,
        *context.shared_paths,
        *(path for path in context.origins if path.startswith(("fusion.", "attention."))),
    ]


def _example(context: Context, selector: ast.Selector) -> str:
    """What is missing at the end of a selector that selects more than attributes."""
    paths = [decision.path for decision in context.decisions]
    inside = [path for path in paths if selects(selector, path.rpartition(".")[0])]
    example = written_path(next(iter(inside or paths), "sparse.stage1.group2.channels"))
    return f"name an attribute, such as `{example}`; only fusion and attention slots can be named without one"
