"""Values: literals and choices of them, checked against what an attribute accepts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from tsdsl.diagnostics import Fix, Label, replacement
from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.space.parts import DecisionRef, Parent, Reference, Setting, Value
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.checked_values import checked_value, written_out
from tsdsl.space.resolve.parts.literals import exact, literals, shown
from tsdsl.space.resolve.parts.products import (
    FACTOR,
    are_numbers,
    factors_of,
    plain_numbers,
    products_are_right,
    scaled,
)
from tsdsl.space.resolve.selection.overrides import Overridden, overridden
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import either
from tsdsl.units import FLOPS_UNITS

_MAX_FIXES = 4
_MAX_PLAUSIBLE_GIGA = 20


def whole(context: Context, expression: ast.Expression, what: str, low: int, high: int) -> int | None:
    """A single integer from `low` to `high`, or None with a diagnostic."""
    if isinstance(expression, ast.Choice | ast.Range):
        context.report(
            "TS206",
            expression.span,
            f"{what} must be one value, got a choice",
            help="write one integer",
            fixes=one_of(context, expression),
        )
        return None
    if not isinstance(expression, ast.Number):
        context.report(
            "TS201",
            expression.span,
            f"{what} must be an integer, got {context.quoted(expression.span)}",
            label="not an integer",
            help=_unquoted_help(expression),
            fixes=_unquoted(expression),
        )
        return None
    value = exact(context, expression)
    if value is None:
        return None
    if value != value.to_integral_value():
        context.report("TS201", expression.span, f"{what} must be an integer, got {value}", label="not an integer")
        return None
    if not low <= value <= high:
        nearest = low if value < low else high
        context.report(
            "TS202",
            expression.span,
            f"{what} must be between {low} and {high}, got {shown(value)}",
            label="out of range",
            fixes=[replacement(f"change to {nearest}", expression.span, str(nearest))],
        )
        return None
    return int(value)


def setting(
    context: Context,
    attribute: Attribute,
    written: Overridden,
    path: str,
    parent: Parent | None = None,
) -> Setting | None:
    """The value of an operator's attribute; a choice of several becomes the decision at `path`.

    A `shared` name gives the decision of that name instead, whichever attributes it stands at; so does its product.
    """
    expression, pins = written.expression, written.pins
    if expression is None and attribute.default is None and not attribute.optional:
        return None  # reported at the group
    if expression is None:
        context.report("TS207", pins[0].span, f"`{path}` has no value to fix", help="use `free` to give it one")
        return None
    is_word = isinstance(expression, ast.Selector) and expression.bare_name in attribute.keywords
    number, shared = None, None if is_word else shared_named(context, expression)
    product = expression if isinstance(expression, ast.Scaled) else None
    if product is not None:
        found = factors_of(context, product)
        if found is None:
            return None
        number, shared = found
    if shared is not None:
        if pins:
            report_fixed_use(context, path, shared, pins[0].span)
            return None
        context.shared_uses.setdefault(f"shared.{shared.name.text}", []).append(path)
        path, parent = f"shared.{shared.name.text}", None
        changed = overridden(context, path, shared.value)
        expression, pins = changed.expression or shared.value, changed.pins
    own = attribute
    if product is not None and shared is not None:
        own = replace(FACTOR, name=shared.name.text)
        if not are_numbers(context, product, shared, literals(context, expression) or ()):
            return None
    values = listed_values(context, own, expression)
    if values is None:
        if shared is not None:
            context.uncertain.add(path)
        return None
    for pin in pins:
        values = _pinned(context, own, pin, values, path)
    context.origins.setdefault(path, (pins[-1] if pins else expression).span)
    reference: Reference = DecisionRef(decision=path)
    if product is not None and number is not None:
        values = plain_numbers(values)
        reference = scaled(path, number, attribute)
        if not products_are_right(context, attribute, product, own.name, reference, values):
            return None
    if len(values) == 1:
        if shared is not None:
            context.shared_values.setdefault(path, tuple(values))
        elif parent is not None:
            context.nested[path] = parent
        return reference.of(values[0])
    if not attribute.searchable:
        context.report(
            "TS206",
            expression.span if product is None else product.span,
            f"`{attribute.name}` must be one value, got a choice",
            help=attribute.instead,
            fixes=one_of(context, expression) if product is None else (),
        )
        return None
    if shared is None:
        context.decide(path, tuple(values), expression.span, parent)
    else:
        decide_shared(context, path, tuple(values), expression.span)
    return reference


def report_fixed_use(context: Context, path: str, shared: ast.Shared, span: Span) -> None:
    """Report that one use of a shared decision is fixed alone (TS207)."""
    name = shared.name.text
    context.report(
        "TS207",
        span,
        f"`{path}` takes the shared decision `{name}` and cannot be fixed alone",
        label="fixes one of its uses only",
        labels=[Label(shared.name.span, "shared here")],
        help=f"write `fix shared.{name} = ...` to fix all uses, or `free` to give this one its own values",
    )


def shared_named(context: Context, expression: ast.Expression) -> ast.Shared | None:
    """The shared decision whose name the expression is."""
    name = expression.bare_name if isinstance(expression, ast.Selector) else None
    return context.shared.get(name) if name is not None else None


def decide_shared(context: Context, path: str, values: tuple[Value, ...], span: Span) -> None:
    """Record a shared decision once; all its uses must read it alike (TS104)."""
    if path not in context.shared_values:
        context.shared_values[path] = values
        context.decide(path, values, span)
    elif context.shared_values[path] != values:
        context.report(
            "TS104",
            span,
            f"`{path}` is shared by attributes of different kinds",
            help="share a decision only between attributes that take the same kind of value",
        )


def listed_values(context: Context, attribute: Attribute, expression: ast.Expression) -> list[Value] | None:
    """The checked values that an expression lists; None with diagnostics."""
    placed = literals(context, expression, attribute.keywords)
    if placed is None:
        return None
    checked = [checked_value(context, attribute, literal, span) for literal, span in placed]
    values: list[Value] = []
    for value, (_, span) in zip(checked, placed, strict=True):
        if value is None:
            continue
        if value in values:
            first = next(place for earlier, (_, place) in zip(checked, placed, strict=True) if earlier == value)
            context.report(
                "TS203",
                span,
                f"`{attribute.name}` lists {shown(value)} twice",
                label="second one",
                labels=[Label(first, "first one")] if first != span else [],
                help="remove one of them",
                fixes=_without(context, expression, span),
            )
        else:
            values.append(value)
    return values if len(values) == len(checked) else None


def _pinned(context: Context, attribute: Attribute, pin: ast.Expression, values: list[Value], path: str) -> list[Value]:
    """The value that `fix` gives alone; all of them, with a diagnostic, where it is not among them."""
    before = len(context.diagnostics)
    if shared_named(context, pin) is not None:
        context.report(
            "TS206",
            pin.span,
            "`fix` needs one value, got a shared decision",
            help="use `free` to let several attributes share one decision",
        )
        context.postpone(before)
        return values
    fixed = listed_values(context, attribute, pin)
    if fixed is not None and len(fixed) != 1:
        context.report("TS206", pin.span, "`fix` needs one value, got a choice", help="use `free` to give a choice")
    elif fixed is not None and fixed[0] in values:
        return [values[values.index(fixed[0])]]
    elif fixed is not None:
        narrower = ""
        if len(values) == 1 and ".stage" in path:
            stream, _, name = path.partition(".")[0], *path.rpartition(".")[1:]
            narrower = f"; to fix other groups only, select them: `{stream}.stage[FIRST..LAST].{name}`"
        context.report(
            "TS207",
            pin.span,
            f"{shown(fixed[0])} is not among the values of `{path}`",
            label="not a value here",
            help=f"expected {either(map(shown, values))}; use `free` to give it other values{narrower}",
        )
    context.postpone(before)
    return values


def one_of(context: Context, expression: ast.Expression) -> list[Fix]:
    """Fixes that leave one of the values of a choice or range."""
    items: list[ast.Expression] = []
    if isinstance(expression, ast.Choice):
        items = [item for item in expression.items if not isinstance(item, ast.Range)]
    elif isinstance(expression, ast.Range):
        items = [expression.low, expression.high]
    texts = list(dict.fromkeys(context.text(item.span) for item in items))[:_MAX_FIXES]
    return [replacement(f"keep {text}", expression.span, text) for text in texts]


def _without(context: Context, expression: ast.Expression, span: Span) -> list[Fix]:
    """A fix that takes an item out of the choice that lists it; none where a range or domain holds it."""
    choices = [domain.value for domain in context.domains.values()]
    for choice in (expression, *choices):
        if isinstance(choice, ast.Choice) and any(item.span == span for item in choice.items):
            if not written_out(context, span):
                return []
            return [context.removal(f"remove the second {context.text(span)}", span, safe=True)]
    return []


def _unquoted(expression: ast.Expression) -> list[Fix]:
    if isinstance(expression, ast.Text) and expression.value.strip().isascii() and expression.value.strip().isdigit():
        return [replacement("remove the quotes", expression.span, expression.value.strip(), safe=True)]
    if isinstance(expression, ast.Factor):
        return [replacement("remove the x", expression.span, shown(expression.value))]
    return []


def _unquoted_help(expression: ast.Expression) -> str | None:
    return "write a number without quotes" if isinstance(expression, ast.Text) else None


def flops(context: Context, expression: ast.Expression, what: str) -> int | None:
    """A quantity of multiply-adds, as an integer."""
    if isinstance(expression, ast.Number):
        context.report(
            "TS201",
            expression.span,
            f"{what} needs a unit",
            help=f"write `{shown(expression.value)} GFLOPs` or `{shown(expression.value)} MFLOPs`",
            fixes=[
                replacement(f"write {unit}", Span(expression.span.end, expression.span.end), f" {unit}")
                for unit in _likely_units(expression.value)
            ],
        )
        return None
    if not isinstance(expression, ast.Quantity) or expression.unit not in FLOPS_UNITS:
        context.report(
            "TS201",
            expression.span,
            f"{what} must be a number of FLOPs, got {context.quoted(expression.span)}",
            label=f"`{expression.unit}` is not a unit of FLOPs"
            if isinstance(expression, ast.Quantity)
            else "not a cost",
            help="for example `1.4 GFLOPs`",
        )
        return None
    value = exact(context, expression)
    if value is None:
        return None
    if value <= 0:
        context.report("TS202", expression.span, f"{what} must be positive, got {value}", label="out of range")
        return None
    return int(Fraction(value) * FLOPS_UNITS[expression.unit])


def _likely_units(value: Decimal) -> list[str]:
    """Units for a number without one, likeliest first: budgets lie between a MFLOP and a few hundred GFLOPs."""
    if value >= 10**6:
        return ["FLOPs"]
    return ["GFLOPs", "MFLOPs"] if value < _MAX_PLAUSIBLE_GIGA else ["MFLOPs", "GFLOPs"]
