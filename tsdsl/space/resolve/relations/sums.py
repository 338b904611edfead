"""Sums in constraints: linear forms over multiply-adds, parameters and decisions, brought into integers.

Own design. Costs have units, and what is added or compared has the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from fractions import Fraction
from functools import partial
from math import lcm
from operator import eq, le, lt, ne
from typing import Literal, NoReturn, TypeAlias

from tsdsl.diagnostics import replacement
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import Amount, DecisionRef, LinearRule, Reference, Scaled, Setting, Term
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import exact
from tsdsl.space.resolve.selection.selectors import may_lack, selects
from tsdsl.space.resolve.selection.unmatched import unmatched, written_path
from tsdsl.syntax import ast
from tsdsl.units import PREFIXES

Unit: TypeAlias = Literal["FLOPs", "parameters", "plain numbers"]
QUANTITIES: Mapping[str, Literal["flops", "params"]] = {"flops": "flops", "params": "params"}
HOLDS: Mapping[str, Callable[[Fraction | int, Fraction], bool]] = {"<=": le, "<": lt, "==": eq, "!=": ne}
_TURNED: Mapping[str, Literal["<=", "<"]] = {">=": "<=", ">": "<"}


@dataclass(frozen=True, slots=True)
class Side:
    """A linear form: what it adds to a constant, and the unit of it all (None: a number that scales)."""

    constant: Fraction = Fraction(0)
    terms: Mapping[Amount | Reference, Fraction] = field(default_factory=dict)
    unit: Unit | None = None


class Wrong(Exception):
    """The constraint has been reported."""


@dataclass(frozen=True, slots=True)
class Places:
    context: Context
    settings: Mapping[str, Setting]
    streams: Sequence[str]
    absent: frozenset[str] = frozenset()

    def setting(self, selector: ast.Selector) -> Setting:
        """The decision or constant that a selector names."""
        return self.settings[self.path(selector)]

    def is_absent(self, selector: ast.Selector) -> bool:
        """Whether what a selector names does not exist in the situation that is looked at."""
        return bool(self.absent) and self.path(selector) in self.absent

    def path(self, selector: ast.Selector) -> str:
        """The path of what a selector names; it names exactly one decision or constant."""
        last = selector.segments[-1].word.text
        matched = [p for p in self.settings if p.rpartition(".")[2] == last and selects(selector, p)]
        if not matched and may_lack(self.context, selector):
            raise Wrong
        if not matched:
            costs = [f"{part}.{cost}" for part in (*self.streams, "fusion", "attention", "head") for cost in QUANTITIES]
            wrong = unmatched(
                selector, [*self.settings, *self.context.uncertain, *self.context.shared_paths, *QUANTITIES, *costs]
            )
            example = next((written_path(decision.path) for decision in self.context.decisions), "flops")
            self.context.report(
                "TS306",
                wrong.span if wrong is not None else selector.span,
                f"{self.context.quoted(selector.span)} selects no decision and no cost",
                label="matches nothing",
                help=wrong.help
                if wrong is not None
                else f"name an attribute or a cost, such as `{example}` or `flops`",
                fixes=wrong.fixes if wrong is not None else (),
            )
            raise Wrong
        found = {str(self.settings[path]) for path in matched}
        if len(matched) > 1 and len(found) > 1:
            self.context.report(
                "TS104",
                selector.span,
                f"expected one decision, got {len(matched)} from `{matched[0]}` to `{matched[-1]}`",
                label="selects more than one",
                help="name one decision, and write one `require` for each",
            )
            raise Wrong
        return matched[0]

    def amount(self, selector: ast.Selector) -> Amount | None:
        """The cost that a selector names: `flops`, `sparse.params`, `fusion.flops`."""
        words = [segment.word.text for segment in selector.segments]
        if words[-1] not in QUANTITIES or any(segment.indices is not None for segment in selector.segments):
            return None
        quantity = QUANTITIES[words[-1]]
        if len(words) == 1:
            return Amount(quantity=quantity)
        if len(words) == 2 and words[0] in (*self.streams, "fusion", "attention", "head"):
            return Amount(quantity=quantity, part=words[0])
        return None


def linear(places: Places, comparison: ast.Comparison) -> LinearRule | bool:
    """A comparison of sums; in a derived space, whether it holds where both sides are constants."""
    left, right = _each([partial(_side, places, side) for side in (comparison.left, comparison.right)])
    _same_unit(places.context, comparison, [left, right])
    relation = comparison.relation
    if relation in _TURNED:
        left, right, relation = right, left, _TURNED[relation]
    terms = dict(left.terms)
    for of, factor in right.terms.items():
        terms[of] = terms.get(of, Fraction(0)) - factor
    terms = {of: factor for of, factor in terms.items() if factor}
    bound = right.constant - left.constant
    if not terms and places.context.own_level > 0:  # what varies in the base may be fixed
        return HOLDS[relation](0, bound)
    if not terms:
        wrong(places.context, comparison, "both sides are constants", "name a decision or a cost")
    whole = lcm(bound.denominator, *(factor.denominator for factor in terms.values()))
    return LinearRule(
        text="",
        terms=tuple(Term(factor=int(factor * whole), of=of) for of, factor in terms.items()),
        relation=relation,  # type: ignore[arg-type]  # `>` and `>=` have been turned
        bound=int(bound * whole),
    )


def _each(makers: Sequence[Callable[[], Side]]) -> list[Side]:
    """What each of them makes, so that one that is wrong does not hide the next."""
    made: list[Side] = []
    for make in makers:
        with suppress(Wrong):
            made.append(make())
    if len(made) < len(makers):
        raise Wrong
    return made


def _side(places: Places, side: ast.Sum) -> Side:
    """A sum as a linear form."""
    parts = _each([partial(_product, places, product) for product in side.products])
    unit = _same_unit(places.context, side, parts)
    terms: dict[Amount | Reference, Fraction] = {}
    for part in parts:
        for of, factor in part.terms.items():
            terms[of] = terms.get(of, Fraction(0)) + factor
    return Side(sum((part.constant for part in parts), Fraction(0)), terms, unit)


def _product(places: Places, product: ast.Product) -> Side:
    """A product with at most one factor that is not a plain number."""
    scale, result = Fraction(product.sign), None
    for side in _each([partial(_operand, places, factor) for factor in product.factors]):
        if side.unit is None:
            scale *= side.constant
        elif result is None:
            result = side
        else:
            wrong(
                places.context,
                product,
                "only one factor of a product may vary or have a unit",
                "multiply by a plain number",
            )
    if result is None:
        return Side(scale, {}, None)
    return Side(result.constant * scale, {of: f * scale for of, f in result.terms.items()}, result.unit)


def _operand(places: Places, operand: ast.Operand) -> Side:
    context = places.context
    match operand:
        case ast.Sum():
            return _side(places, operand)
        case ast.Number():
            return Side(_number(context, operand))
        case ast.Quantity():
            prefix, unit = _unit(operand.unit)
            if unit is None:
                wrong(
                    context,
                    operand,
                    f"`{operand.unit}` is not a unit of cost",
                    "use FLOPs or params, such as `1.4 GFLOPs`",
                )
            return Side(_number(context, operand) * PREFIXES[prefix], {}, unit)
        case ast.KernelSize():
            wrong(
                context, operand, "kernel sizes cannot be added or multiplied", "compare kernel sizes with `==` or `!=`"
            )
        case ast.Extreme():
            raise TypeError(f"`{operand.name.text}` should have been replaced by its arguments")
    amount = places.amount(operand)
    if amount is not None:
        return Side(Fraction(0), {amount: Fraction(1)}, "FLOPs" if amount.quantity == "flops" else "parameters")
    if places.is_absent(operand):
        return Side(Fraction(0), {}, "plain numbers")
    setting = places.setting(operand)
    if isinstance(setting, DecisionRef):
        values = context.decision(setting.decision).values
        if any(isinstance(value, str) for value in values):
            wrong(context, operand, "names cannot be added or multiplied", "compare names with `==` or `!=`")
        return Side(Fraction(0), {setting: Fraction(1)}, "plain numbers")
    if isinstance(setting, Scaled):
        values = context.decision(setting.decision).values
        factor = Fraction(str(setting.factor))
        if all(setting.of(value) == factor * Fraction(str(value)) for value in values):
            return Side(Fraction(0), {DecisionRef(decision=setting.decision): factor}, "plain numbers")
        return Side(Fraction(0), {setting: Fraction(1)}, "plain numbers")
    if isinstance(setting, str):
        wrong(context, operand, "names cannot be added or multiplied", "compare names with `==` or `!=`")
    return Side(Fraction(str(setting)), {}, "plain numbers")


def _unit(unit: str) -> tuple[str, Unit | None]:
    for suffix, name in (("FLOPs", "FLOPs"), ("params", "parameters")):
        if unit.endswith(suffix):
            return unit.removesuffix(suffix), "FLOPs" if name == "FLOPs" else "parameters"
    return "", None


def _number(context: Context, number: ast.Number | ast.Quantity) -> Fraction:
    value = exact(context, number)
    if value is None:
        raise Wrong
    return Fraction(value)


def _same_unit(context: Context, place: ast.Sum | ast.Comparison, sides: Sequence[Side]) -> Unit | None:
    """The unit that all sides have; a bare number has none, and is not a cost."""
    units = [side.unit or "plain numbers" for side in sides if side.unit is not None or side.constant]
    bare = _bare_numbers(place)
    if len(set(units)) > 1 and bare and len(set(units) - {"plain numbers"}) == 1:
        other = next(unit for unit in units if unit != "plain numbers")
        unit = "FLOPs" if other == "FLOPs" else "params"
        context.report(
            "TS201",
            bare[0].span,
            f"expected a number of {other}, got the plain number `{context.text(bare[0].span)}`",
            label="has no unit",
            help=f"add a unit, such as `M{unit}`",
            fixes=[
                replacement(f"write {prefix}{unit}", Span(bare[0].span.end, bare[0].span.end), f" {prefix}{unit}")
                for prefix in ("M", "G", "K")
            ],
        )
        raise Wrong
    if len(set(units)) > 1:
        two = sorted(set(units))
        wrong(
            context, place, f"{two[0]} and {two[1]} cannot be added or compared", "use one kind of cost on both sides"
        )
    known = [side.unit for side in sides if side.unit is not None]
    return known[0] if known else None


def _bare_numbers(place: ast.Sum | ast.Comparison) -> list[ast.Number]:
    """The terms of a sum or comparison that are a number and nothing else."""
    sums = (place.left, place.right) if isinstance(place, ast.Comparison) else (place,)
    products = [product for side in sums for product in side.products if len(product.factors) == 1]
    return [factor for product in products for factor in product.factors if isinstance(factor, ast.Number)]


def wrong(context: Context, place: ast.Sum | ast.Product | ast.Operand | ast.Rule, what: str, help: str) -> NoReturn:
    context.report("TS201", place.span, what, help=help)
    raise Wrong
