"""Values: literals, ranges and choices, checked against what an attribute accepts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.space.model import DecisionRef, Parent, Setting, Value
from tsdsl.space.resolve.context import Context, did_you_mean
from tsdsl.syntax import ast

LARGEST_NUMBER = Decimal(10) ** 15
SMALLEST_NUMBER = Decimal(10) ** -9
MOST_VALUES = 4096


@dataclass(frozen=True, slots=True)
class Word:
    """A bare name as a value."""

    text: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel size as a value, normalised."""

    text: str


Literal: TypeAlias = Decimal | Word | Kernel
Placed: TypeAlias = tuple[Literal, Span]


def exact(context: Context, number: ast.Number | ast.Quantity | ast.Factor) -> Decimal | None:
    """The number, unless it is too large or too fine to mean anything (TS202)."""
    value = number.value
    magnitude = value.copy_abs()  # abs() would overflow
    if magnitude > LARGEST_NUMBER or (value != 0 and magnitude < SMALLEST_NUMBER):
        size = "large" if magnitude > 1 else "small"
        context.report("TS202", number.span, f"this number is too {size}", help="use a number from 1e-9 to 1e15")
        return None
    return value


def whole(context: Context, expression: ast.Expression, what: str, low: int, high: int) -> int | None:
    """A single integer from `low` to `high`, or None with a diagnostic."""
    if isinstance(expression, ast.Choice | ast.Range):
        context.report("TS206", expression.span, f"{what} is one value, not a choice", help="give one integer")
        return None
    if not isinstance(expression, ast.Number):
        context.report("TS201", expression.span, f"{what} is an integer", label="not an integer")
        return None
    value = exact(context, expression)
    if value is None:
        return None
    if value != value.to_integral_value():
        context.report("TS201", expression.span, f"{what} is an integer, not {value}", label="not an integer")
        return None
    if not low <= value <= high:
        context.report("TS202", expression.span, f"{what} is from {low} to {high}, not {value}", label="out of range")
        return None
    return int(value)


def setting(
    context: Context,
    attribute: Attribute,
    expression: ast.Expression,
    path: str,
    parent: Parent | None = None,
) -> Setting | None:
    """The value of an operator's attribute; a choice of several becomes the decision at `path`."""
    placed = literals(context, expression, attribute.kind == "keyword" and not attribute.searchable)
    if placed is None:
        return None
    checked = [checked_value(context, attribute, literal, span) for literal, span in placed]
    values: list[Value] = []
    for value, (_, span) in zip(checked, placed, strict=True):
        if value is None:
            continue
        if value in values:
            context.report("TS203", span, f"`{attribute.name}` repeats {value}", label="again here", help="remove one")
        else:
            values.append(value)
    if len(values) != len(checked):
        return None
    if len(values) == 1:
        context.origins[path] = expression.span
        return values[0]
    if not attribute.searchable:
        context.report(
            "TS206",
            expression.span,
            f"`{attribute.name}` takes one value, not a choice",
            help="give one of the values",
        )
        return None
    context.decide(path, tuple(values), expression.span, parent)
    return DecisionRef(decision=path)


def literals(context: Context, expression: ast.Expression, words_only: bool = False) -> list[Placed] | None:
    """The values that an expression lists, domains looked up; None with a diagnostic if it lists none."""
    if isinstance(expression, ast.Selector):
        name = expression.bare_name
        if name is not None and not words_only and name in context.domains:
            context.used.add(name)
            return domain_values(context, context.domains[name])
        if name is not None:
            return [(Word(name), expression.span)]
    if isinstance(expression, ast.Number):
        value = exact(context, expression)
        return None if value is None else [(value, expression.span)]
    if isinstance(expression, ast.KernelSize):
        return [(Kernel(expression.text), expression.span)]
    if isinstance(expression, ast.Range):
        return range_values(context, expression)
    if isinstance(expression, ast.Choice):
        if not expression.items:
            context.report("TS203", expression.span, "a choice needs at least one value", label="empty")
            return None
        lists = [literals(context, item) for item in expression.items]
        return None if any(part is None for part in lists) else [p for part in lists if part is not None for p in part]
    context.report(
        "TS201", expression.span, "this is no value of an attribute", help="give a value, a range or a choice"
    )
    return None


def domain_values(context: Context, domain: ast.Domain) -> list[Placed] | None:
    """The values of a domain, which may be made of other domains, but not of itself (TS104)."""
    name = domain.name.text
    if name in context.open_domains:
        span = domain.name.span
        if not any(d.code == "TS104" and d.span == span for d in context.diagnostics):
            context.report("TS104", span, f"domain `{name}` is made of itself", label="goes round in a circle")
        return None
    context.open_domains.append(name)
    try:
        return literals(context, domain.value)
    finally:
        context.open_domains.pop()


def range_values(context: Context, expression: ast.Range) -> list[Placed] | None:
    """The values of `low .. high by step`, both ends included."""
    low, high = exact(context, expression.low), exact(context, expression.high)
    step = exact(context, expression.step) if expression.step is not None else Decimal(1)
    if low is None or high is None or step is None:
        return None
    if step <= 0:
        span = expression.step.span if expression.step else expression.span
        context.report("TS202", span, f"the step of a range is positive, not {step}", label="out of range")
        return None
    if high < low:
        context.report("TS203", expression.span, f"{low} .. {high} is empty", help=f"write `{high} .. {low}`")
        return None
    count = (Fraction(high) - Fraction(low)) / Fraction(step)
    if count.denominator != 1:
        below = Fraction(low) + int(count) * Fraction(step)
        context.report(
            "TS204",
            expression.high.span,
            f"{high} is not on {low} .. {high} by {step}",
            label="the steps do not meet this end",
            help=f"nearest are {_plain(below)} and {_plain(below + Fraction(step))}",
        )
        return None
    if count >= MOST_VALUES:
        context.report("TS202", expression.span, f"{int(count) + 1} values are too many", help=f"at most {MOST_VALUES}")
        return None
    return [(_plain(Fraction(low) + i * Fraction(step)), expression.span) for i in range(int(count) + 1)]


def _plain(fraction: Fraction) -> Decimal:
    value = Decimal(fraction.numerator) / Decimal(fraction.denominator)
    return Decimal(int(value)) if value == value.to_integral_value() else value.normalize()


_KINDS = {
    "integer": "an integer",
    "number": "a number",
    "kernel": "a kernel size such as `1x3x3`",
    "keyword": "a keyword",
}


def checked_value(context: Context, attribute: Attribute, literal: Literal, span: Span) -> Value | None:
    """One literal as a value of the attribute, or None with a diagnostic."""
    if isinstance(literal, Word) and attribute.kind == "keyword":
        if literal.text in attribute.keywords:
            return literal.text
        context.report(
            "TS201",
            span,
            f"`{attribute.name}` is one of {', '.join(attribute.keywords)}, not `{literal.text}`",
            label="unknown value",
            help=did_you_mean(literal.text, attribute.keywords),
        )
        return None
    if isinstance(literal, Word):
        context.report(
            "TS101",
            span,
            f"there is no domain `{literal.text}`",
            label="unknown name",
            help=did_you_mean(literal.text, context.domains),
        )
        return None
    if isinstance(literal, Kernel) and attribute.kind == "kernel":
        return _checked_kernel(context, attribute, literal, span)
    if isinstance(literal, Decimal) and attribute.kind in ("integer", "number"):
        return _checked_number(context, attribute, literal, span)
    context.report("TS201", span, f"`{attribute.name}` is {_KINDS[attribute.kind]}", label="not that")
    return None


def _checked_number(context: Context, attribute: Attribute, literal: Decimal, span: Span) -> Value | None:
    if attribute.kind == "integer" and literal != literal.to_integral_value():
        context.report("TS201", span, f"`{attribute.name}` is an integer, not {literal}", label="not an integer")
        return None
    if not attribute.minimum <= literal <= attribute.maximum:
        context.report(
            "TS202",
            span,
            f"`{attribute.name}` is from {attribute.minimum:g} to {attribute.maximum:g}, not {literal}",
            label="out of range",
        )
        return None
    if attribute.odd and int(literal) % 2 == 0:
        _even(context, attribute, str(literal), f"{int(literal) - 1} or {int(literal) + 1}", span)
        return None
    return int(literal) if attribute.kind == "integer" else float(literal)


def _checked_kernel(context: Context, attribute: Attribute, literal: Kernel, span: Span) -> Value | None:
    parts = literal.text.split("x")
    if any(len(part) > 4 or not attribute.minimum <= int(part) <= attribute.maximum for part in parts):
        context.report(
            "TS202",
            span,
            f"each size of `{attribute.name}` is from 1 to {attribute.maximum:g}",
            label="out of range",
        )
        return None
    sizes = [int(part) for part in parts]
    if attribute.odd and any(size % 2 == 0 for size in sizes):
        odd = "x".join(str(size + 1 - size % 2) for size in sizes)
        _even(context, attribute, literal.text, odd, span)
        return None
    return "x".join(map(str, sizes))


def _even(context: Context, attribute: Attribute, found: str, nearest: str, span: Span) -> None:
    context.report(
        "TS205",
        span,
        f"`{attribute.name}` is odd, not {found}",
        label="even",
        notes=["an even kernel has no middle, so its output would be shifted and of another size"],
        help=f"use {nearest}",
    )


_FLOPS_UNITS = {"FLOPs": 1, "KFLOPs": 10**3, "MFLOPs": 10**6, "GFLOPs": 10**9, "TFLOPs": 10**12}


def flops(context: Context, expression: ast.Expression, what: str) -> int | None:
    """A quantity of multiply-adds, as an integer."""
    if isinstance(expression, ast.Number):
        context.report(
            "TS201",
            expression.span,
            f"{what} needs a unit",
            help=f"write `{expression.value} GFLOPs` or `MFLOPs`",
        )
        return None
    if not isinstance(expression, ast.Quantity) or expression.unit not in _FLOPS_UNITS:
        context.report("TS201", expression.span, f"{what} is a number of FLOPs", help="for instance `1.4 GFLOPs`")
        return None
    value = exact(context, expression)
    if value is None:
        return None
    if value <= 0:
        context.report("TS202", expression.span, f"{what} is positive, not {value}", label="out of range")
        return None
    return int(Fraction(value) * _FLOPS_UNITS[expression.unit])
