"""Products as values: `64 * beta` is a number times a shared decision."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from tsdsl.diagnostics import Label, replacement
from tsdsl.diagnostics.suggest import did_you_mean, renames
from tsdsl.operators.schema import Attribute
from tsdsl.space.parts import Scaled, Value
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.literal_types import Placed
from tsdsl.space.resolve.parts.literals import LARGEST_NUMBER, domain_values, exact, shared_path, shown
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import brief, either

FACTOR = Attribute("factor", "number", "", minimum=-float(LARGEST_NUMBER), maximum=float(LARGEST_NUMBER))


def factors_of(context: Context, product: ast.Scaled) -> tuple[Fraction, ast.Shared] | None:
    """The number and the shared decision that are multiplied; None with a diagnostic."""
    number, shared = Fraction(1), list[ast.Shared]()
    for factor in product.factors:
        if isinstance(factor, ast.Number):
            value = exact(context, factor)
            if value is None:
                return None
            number *= Fraction(value)
        elif (named := _shared(context, factor)) is None:
            return None
        else:
            shared.append(named)
    if len(shared) > 1:
        context.report(
            "TS201",
            product.span,
            f"a product needs one shared decision, got {len(shared)}",
            help="write numbers times one shared decision, such as `2 * width`",
        )
        return None
    return number, shared[0]


def _shared(context: Context, factor: ast.Selector) -> ast.Shared | None:
    name, alone = factor.bare_name, shared_path(context, factor)
    if name is not None and name in context.shared:
        return context.shared[name]
    if alone is not None:
        context.report(
            "TS201",
            factor.span,
            "use a shared decision by its name alone",
            help=f"write `{alone}`",
            fixes=[replacement(f"write `{alone}`", factor.span, alone, safe=True)],
        )
    elif name is not None and name in context.domains:
        values = domain_values(context, context.domains[name]) or ()
        listed = f"{{{', '.join(shown(getattr(v, 'text', v)) for v, _ in values)}}}"
        context.report(
            "TS104",
            factor.span,
            f"a product needs a shared decision, got the domain `{name}`",
            label="a domain",
            labels=[Label(context.domains[name].name.span, "declared here")],
            help=brief(f"declare it as `shared {name} = {listed}`, or write the products as a choice"),
        )
    elif name is not None:
        if not context.lacks_declarations:
            context.report(
                "TS101",
                factor.span,
                f"unknown shared decision `{name}`",
                label="not defined",
                help=did_you_mean(name, context.shared) or f"declare it: `shared {name} = {{1, 2}}`",
                fixes=renames(name, factor.span, sorted(context.shared)),
            )
    else:
        context.report(
            "TS201",
            factor.span,
            f"a product needs a shared decision, got {context.quoted(factor.span)}",
            help="declare a `shared` decision, and use it in both places",
        )
    return None


def are_numbers(context: Context, product: ast.Scaled, shared: ast.Shared, placed: Sequence[Placed]) -> bool:
    """Whether the values of a shared decision can be multiplied; otherwise adds a diagnostic."""
    wrong = next((value for value, _ in placed if not isinstance(value, Decimal)), None)
    if wrong is not None:
        context.report(
            "TS201",
            product.span,
            f"`{shared.name.text}` cannot be multiplied, as its value `{wrong.text}` is not a number",
            labels=[Label(shared.name.span, "shared here")],
            help="multiply a decision between numbers",
        )
    return wrong is None


def plain_numbers(values: Sequence[Value]) -> list[Value]:
    """Numbers as integers if all of them are whole, else as they are."""
    return [int(v) for v in values] if all(float(v) == int(v) for v in values) else list(values)


def scaled(path: str, number: Fraction, attribute: Attribute) -> Scaled:
    """The setting that multiplies the decision at a path."""
    factor = int(number) if number.denominator == 1 else float(number)
    return Scaled(decision=path, factor=factor, is_whole=attribute.kind == "integer")


def products_are_right(
    context: Context, attribute: Attribute, product: ast.Scaled, name: str, setting: Scaled, values: Sequence[Value]
) -> bool:
    """Whether the attribute accepts the product with each value; otherwise reports the first that it does not."""
    if attribute.kind not in ("integer", "number"):
        wanted = "a kernel size" if attribute.kind == "kernel" else either(f"`{word}`" for word in attribute.keywords)
        context.report("TS201", product.span, f"`{attribute.name}` must be {wanted}, got a product")
        return False
    for value in values:
        result = setting.of(value)
        got = f"got {shown(result)} where `{name}` is {shown(value)}"
        if not attribute.minimum <= result <= attribute.maximum:
            what = f"`{attribute.name}` must be between {attribute.minimum:g} and {attribute.maximum:g}, {got}"
            context.report("TS202", product.span, what, label="out of range")
            return False
        if attribute.odd and result % 2 == 0:
            context.report("TS205", product.span, f"`{attribute.name}` must be odd, {got}", label="even")
            return False
    return True
