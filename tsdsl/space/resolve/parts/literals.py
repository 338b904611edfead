"""Literals: the numbers, words and kernel sizes that values, ranges, choices and domains list."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction

from tsdsl.diagnostics import Edit, Fix, Label, replacement
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.literal_types import Kernel, Placed, Word
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import brief

LARGEST_NUMBER = Decimal(10) ** 15
SMALLEST_NUMBER = Decimal(10) ** -9
MAX_VALUES = 4096
MAX_DOMAINS_DEEP = 150
_LONGEST_SHOWN = 40


def exact(context: Context, number: ast.Number | ast.Quantity | ast.Factor) -> Decimal | None:
    """The number, unless it is too large or too fine to mean anything (TS202)."""
    value = number.value
    magnitude = value.copy_abs()  # abs() would overflow
    if magnitude > LARGEST_NUMBER or (value != 0 and magnitude < SMALLEST_NUMBER):
        size = "large" if magnitude > 1 else "small"
        context.report("TS202", number.span, f"this number is too {size}", help="use a number between 1e-9 and 1e15")
        return None
    return value


def literals(context: Context, expression: ast.Expression, words: Collection[str] = ()) -> list[Placed] | None:
    """The values that an expression lists, domains looked up; None with a diagnostic if it lists none.

    `words` are values, even if a domain is called so.
    """
    if isinstance(expression, ast.Selector):
        name = expression.bare_name
        if name is not None and name not in words and name in context.domains:
            return domain_values(context, context.domains[name])
        if name is not None and name not in words and name in context.shared:
            context.report(
                "TS104",
                expression.span,
                f"the shared decision `{name}` cannot be part of a choice",
                labels=[Label(context.shared[name].name.span, "shared here")],
                help=f"write `{name}` alone, or declare it as a `domain`",
            )
            return None
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
            context.empty_choice(expression.span)
            return None
        lists = [literals(context, item, words) for item in expression.items]
        known = [part for part in lists if part is not None]
        count = sum(map(len, known))
        if count > MAX_VALUES:
            context.report(
                "TS202",
                expression.span,
                f"expected at most {MAX_VALUES} values, got {count}",
                help="list fewer values",
            )
            return None
        return [value for part in known for value in part] if len(known) == len(lists) else None
    if isinstance(expression, ast.Sequence):
        braces = f"{{{context.text(expression.span)}}}"
        context.report(
            "TS201",
            expression.span,
            "put several values in braces",
            help=brief(f"write `{braces}`"),
            fixes=[replacement(f"write {braces}", expression.span, braces)],
        )
        return None
    if isinstance(expression, ast.Factor):
        number = shown(expression.value)
        context.report(
            "TS201",
            expression.span,
            f"expected a number, got the factor {context.quoted(expression.span)}",
            help=f"write `{number}`",
            fixes=[replacement("remove the x", expression.span, number, safe=True)],
        )
    elif isinstance(expression, ast.Text):
        text = expression.value
        context.report(
            "TS201",
            expression.span,
            "values must not be quoted",
            help=f"write `{shown(text)}`",
            fixes=[replacement("remove the quotes", expression.span, text, safe=text.isidentifier())],
        )
    elif (shared := shared_path(context, expression)) is not None:
        context.report(
            "TS201",
            expression.span,
            "use a shared decision by its name alone",
            help=f"write `{shared}`",
            fixes=[replacement(f"write `{shared}`", expression.span, shared, safe=True)],
        )
    elif isinstance(expression, ast.Scaled):
        context.report(
            "TS201",
            expression.span,
            "only attributes of operators take a product with a shared decision",
            help="write the products as values, such as `{16, 32}`",
        )
    elif not isinstance(expression, ast.Call) or not expression.broken:
        context.report(
            "TS201",
            expression.span,
            "expected a value",
            help="write a number, a name, a range `8 .. 24 by 8` or a choice `{8, 16}`",
        )
    return None


def shared_path(context: Context, expression: ast.Expression) -> str | None:
    """The name of the shared decision that `shared.NAME` names; None of other expressions."""
    words = [segment.word.text for segment in expression.segments] if isinstance(expression, ast.Selector) else []
    return words[1] if len(words) == 2 and words[0] == "shared" and words[1] in context.shared else None


def domain_values(context: Context, domain: ast.Domain) -> list[Placed] | None:
    """The values of a domain, which may be made of other domains, but not of itself (TS104)."""
    name, span = domain.name.text, domain.name.span
    if name in context.domain_values:
        return context.domain_values[name]
    if len(context.open_domains) >= MAX_DOMAINS_DEEP:
        message = f"more than {MAX_DOMAINS_DEEP} domains are nested"
        context.report("TS202", span, message, help="write the values here")
        return None
    if name in context.open_domains:
        if not any(d.code == "TS104" and d.span == span for d in context.diagnostics):
            context.report("TS104", span, f"domain `{name}` contains itself", label="circular")
        return None
    context.open_domains.append(name)
    context.domain_values[name] = found = literals(context, domain.value)
    context.open_domains.pop()
    return found


def range_values(context: Context, expression: ast.Range) -> list[Placed] | None:
    """The values of `low .. high by step`, both ends included."""
    low, high = exact(context, expression.low), exact(context, expression.high)
    step = exact(context, expression.step) if expression.step is not None else Decimal(1)
    if low is None or high is None or step is None:
        return None
    if step <= 0:
        span = expression.step.span if expression.step else expression.span
        context.report("TS202", span, f"the step of a range must be positive, got {shown(step)}", label="out of range")
        return None
    if high < low:
        context.report(
            "TS203",
            expression.span,
            f"the range {shown(low)} .. {shown(high)} is empty",
            label="ends below its start",
            help=f"write `{shown(high)} .. {shown(low)}`",
            fixes=[
                Fix(
                    "swap the ends",
                    (
                        Edit(expression.low.span, context.text(expression.high.span)),
                        Edit(expression.high.span, context.text(expression.low.span)),
                    ),
                    "safe",
                )
            ],
        )
        return None
    first, by = Fraction(low), Fraction(step)
    count = (Fraction(high) - first) / by
    if count.denominator != 1:
        below = first + int(count) * by
        above = below + by
        nearest = [below, above] if Fraction(high) - below < above - Fraction(high) else [above, below]
        context.report(
            "TS204",
            expression.high.span,
            f"steps of {step} from {low} do not reach {high}",
            label="never reached",
            help=f"end at {_plain(below)} or {_plain(above)}",
            fixes=[
                replacement(f"end at {_plain(end)}", expression.high.span, str(_plain(end)))
                for end in nearest
                if end != low
            ],
        )
        return None
    if count >= MAX_VALUES:
        context.report(
            "TS202",
            expression.span,
            f"expected at most {MAX_VALUES} values, got {int(count) + 1}",
            help="use a larger step",
        )
        return None
    if first.denominator == by.denominator == 1:
        low_number, step_number = first.numerator, by.numerator
        return [(Decimal(low_number + i * step_number), expression.span) for i in range(int(count) + 1)]
    return [(_plain(first + i * by), expression.span) for i in range(int(count) + 1)]


def _plain(fraction: Fraction) -> Decimal:
    value = Decimal(fraction.numerator) / Decimal(fraction.denominator)
    return Decimal(int(value)) if value == value.to_integral_value() else value.normalize()


def shown(value: object) -> str:
    """A value in a message: numbers without needless digits, long ones cut."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _LONGEST_SHOWN:
        text = f"{value:f}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
