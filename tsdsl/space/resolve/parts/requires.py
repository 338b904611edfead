"""`require`: linear constraints over multiply-adds, parameters and decisions; decisions that are alike or not.

Own design. A constraint is brought into integers, with everything that varies on the left. Costs have units,
and what is added or compared has the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from fractions import Fraction
from functools import partial
from math import lcm
from typing import Literal, NoReturn, TypeAlias

from tsdsl.diagnostics import replacement
from tsdsl.diagnostics.suggest import did_you_mean, renames
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import (
    SHARED,
    Alike,
    Amount,
    DecisionRef,
    LinearRule,
    Reference,
    Requirement,
    Scaled,
    Setting,
    Slot,
    Stream,
    Term,
)
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import exact
from tsdsl.space.resolve.parts.selectors import may_lack, selects
from tsdsl.space.resolve.parts.unmatched import unmatched, written_path
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import either

Unit: TypeAlias = Literal["FLOPs", "parameters", "plain numbers"]
_QUANTITIES: Mapping[str, Literal["flops", "params"]] = {"flops": "flops", "params": "params"}
_PREFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TURNED: Mapping[str, Literal["<=", "<"]] = {">=": "<=", ">": "<"}


@dataclass(frozen=True, slots=True)
class Side:
    """A linear form: what it adds to a constant, and the unit of it all (None: a number that scales)."""

    constant: Fraction = Fraction(0)
    terms: Mapping[Amount | Reference, Fraction] = field(default_factory=dict)
    unit: Unit | None = None


class _Wrong(Exception):
    """The constraint has been reported."""


def resolve_requires(
    context: Context, requires: Sequence[ast.Require], streams: Mapping[str, Stream], slots: Sequence[Slot]
) -> tuple[Requirement, ...]:
    """The constraints that are well formed; the others with a diagnostic each."""
    if not requires:
        return ()
    places = _Places(context, _settings(streams, slots), list(streams))
    resolved: list[Requirement] = []
    for require in requires:
        if not _all_found(places, (require.left, require.right)):
            continue
        try:
            made = _alike(places, require) or _linear(places, require)
        except _Wrong:
            continue
        context.origins[f"require{len(resolved)}"] = require.span
        resolved.append(made)
    return tuple(resolved)


def _all_found(places: _Places, sums: Sequence[ast.Sum]) -> bool:
    """Whether each selector of several words names a decision or a cost, so that one does not hide the next."""
    found = True
    for operand in (factor for side in sums for product in side.products for factor in product.factors):
        if isinstance(operand, ast.Sum):
            found &= _all_found(places, [operand])
        elif isinstance(operand, ast.Selector) and len(operand.segments) > 1 and places.amount(operand) is None:
            try:
                places.setting(operand)
            except _Wrong:
                found = False
    return found


@dataclass(frozen=True, slots=True)
class _Places:
    context: Context
    settings: Mapping[str, Setting]
    streams: Sequence[str]

    def setting(self, selector: ast.Selector) -> Setting:
        """The decision or constant that a selector names; it names exactly one."""
        last = selector.segments[-1].word.text
        matched = [p for p in self.settings if p.rpartition(".")[2] == last and selects(selector, p)]
        if not matched and may_lack(self.context, selector):
            raise _Wrong
        if not matched:
            costs = [
                f"{part}.{cost}" for part in (*self.streams, "fusion", "attention", "head") for cost in _QUANTITIES
            ]
            wrong = unmatched(
                selector, [*self.settings, *self.context.uncertain, *self.context.shared_paths, *_QUANTITIES, *costs]
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
            raise _Wrong
        found = {str(self.settings[path]) for path in matched}
        if len(matched) > 1 and len(found) > 1:
            self.context.report(
                "TS104",
                selector.span,
                f"expected one decision, got {len(matched)} from `{matched[0]}` to `{matched[-1]}`",
                label="selects more than one",
                help="name one decision, and write one `require` for each",
            )
            raise _Wrong
        return self.settings[matched[0]]

    def amount(self, selector: ast.Selector) -> Amount | None:
        """The cost that a selector names: `flops`, `sparse.params`, `fusion.flops`."""
        words = [segment.word.text for segment in selector.segments]
        if words[-1] not in _QUANTITIES or any(segment.indices is not None for segment in selector.segments):
            return None
        quantity = _QUANTITIES[words[-1]]
        if len(words) == 1:
            return Amount(quantity=quantity)
        if len(words) == 2 and words[0] in (*self.streams, "fusion", "attention", "head"):
            return Amount(quantity=quantity, part=words[0])
        return None


def _settings(streams: Mapping[str, Stream], slots: Sequence[Slot]) -> dict[str, Setting]:
    """Every value written in the space, by path; a shared decision also by its own."""
    found: dict[str, Setting] = {}
    for stream in streams.values():
        for group in stream.groups:
            found |= {f"{group.path}.{name}": setting for name, setting in group.attributes.items()}
    for slot in slots:
        op = slot.decision
        found[f"{slot.path}.op"] = DecisionRef(decision=op) if op is not None else slot.alternatives[0].operator
        for alternative in slot.alternatives:
            path = f"{slot.path}.op.{alternative.operator}"
            found |= {f"{path}.{name}": setting for name, setting in alternative.attributes.items()}
    used = {s.decision for s in found.values() if isinstance(s, Reference) and s.decision.startswith(SHARED)}
    return {**{path: DecisionRef(decision=path) for path in used}, **found}


def _alike(places: _Places, require: ast.Require) -> Alike | None:
    """`a.op == none`, `a.op != b.op`, `a.kernel == 1x3x3`; None where numbers are compared."""
    left, right = _single(require.left), _single(require.right)
    if left is None or right is None:
        return None
    if isinstance(left, ast.KernelSize) or _is_word(places, left):
        left, right = right, left
    is_symbolic = isinstance(right, ast.KernelSize) or _is_word(places, right) or _names_words(places, left)
    if not is_symbolic:
        return None
    if isinstance(right, ast.Selector) and isinstance(left, ast.Number | ast.Quantity):
        shared = (path for path in places.settings if path.startswith("shared."))
        places.context.unknown_name(right.segments[0].word, "cost or decision", ["flops", "params", *shared])
        raise _Wrong
    if not isinstance(left, ast.Selector) or isinstance(right, ast.Number | ast.Quantity | ast.Sum):
        _wrong(
            places.context,
            require,
            "a name cannot be compared with a number",
            "compare a decision with one of its values",
        )
    if require.relation not in ("==", "!="):
        _wrong(places.context, require, "names have no order", "compare names with `==` or `!=`")
    text, is_equal = places.context.text(require.span), require.relation == "=="
    first = places.setting(left)
    second: Setting
    if isinstance(right, ast.KernelSize):
        second = "x".join(str(int(size)) for size in right.text.split("x"))
    elif isinstance(right, ast.Selector) and _is_word(places, right):
        second = right.bare_name or ""
    else:
        assert isinstance(right, ast.Selector)
        second = places.setting(right)
    if isinstance(first, Scaled) or isinstance(second, Scaled):
        _wrong(places.context, require, "a name cannot be compared with a number", "compare it with a number")
    if not isinstance(first, DecisionRef):
        first, second = second, first
    if not isinstance(first, DecisionRef):
        _wrong(places.context, require, "both sides are constants", "name a decision")
    if not isinstance(second, DecisionRef):
        decision = next(d for d in places.context.decisions if d.path == first.decision)
        if second not in decision.values:
            values = [str(value) for value in decision.values]
            places.context.report(
                "TS207",
                right.span,
                f"`{second}` is not among the values of `{first.decision}`",
                label="not a value here",
                help=did_you_mean(str(second), values) or f"expected {either(values)}",
                fixes=renames(str(second), right.span, values),
            )
            raise _Wrong
    return Alike(text=text, left=first, right=second, is_equal=is_equal)


def _single(side: ast.Sum) -> ast.Operand | None:
    product = side.products[0]
    is_one = len(side.products) == 1 and product.sign == 1 and len(product.factors) == 1
    return product.factors[0] if is_one else None


def _is_word(places: _Places, operand: ast.Operand) -> bool:
    """Whether it is a bare name of neither a cost nor a decision: an operator or a keyword."""
    if not isinstance(operand, ast.Selector) or operand.bare_name is None:
        return False
    name = operand.bare_name
    return name not in _QUANTITIES and not any(path.rpartition(".")[2] == name for path in places.settings)


def _names_words(places: _Places, operand: ast.Operand) -> bool:
    """Whether it names a decision or constant whose values are names."""
    if not isinstance(operand, ast.Selector) or places.amount(operand) is not None:
        return False
    setting = places.setting(operand)
    if isinstance(setting, DecisionRef):
        decision = next(d for d in places.context.decisions if d.path == setting.decision)
        return isinstance(decision.values[0], str)
    return isinstance(setting, str)


def _linear(places: _Places, require: ast.Require) -> LinearRule:
    left, right = _each([partial(_side, places, side) for side in (require.left, require.right)])
    _same_unit(places.context, require, [left, right])
    relation = require.relation
    if relation in _TURNED:
        left, right, relation = right, left, _TURNED[relation]
    terms = dict(left.terms)
    for of, factor in right.terms.items():
        terms[of] = terms.get(of, Fraction(0)) - factor
    terms = {of: factor for of, factor in terms.items() if factor}
    bound = right.constant - left.constant
    if not terms:
        _wrong(places.context, require, "both sides are constants", "name a decision or a cost")
    whole = lcm(bound.denominator, *(factor.denominator for factor in terms.values()))
    return LinearRule(
        text=places.context.text(require.span),
        terms=tuple(Term(factor=int(factor * whole), of=of) for of, factor in terms.items()),
        relation=relation,  # type: ignore[arg-type]  # `>` and `>=` have been turned
        bound=int(bound * whole),
    )


def _each(makers: Sequence[Callable[[], Side]]) -> list[Side]:
    """What each of them makes, so that one that is wrong does not hide the next."""
    made: list[Side] = []
    for make in makers:
        with suppress(_Wrong):
            made.append(make())
    if len(made) < len(makers):
        raise _Wrong
    return made


def _side(places: _Places, side: ast.Sum) -> Side:
    """A sum as a linear form."""
    parts = _each([partial(_product, places, product) for product in side.products])
    unit = _same_unit(places.context, side, parts)
    terms: dict[Amount | Reference, Fraction] = {}
    for part in parts:
        for of, factor in part.terms.items():
            terms[of] = terms.get(of, Fraction(0)) + factor
    return Side(sum((part.constant for part in parts), Fraction(0)), terms, unit)


def _product(places: _Places, product: ast.Product) -> Side:
    """A product with at most one factor that is not a plain number."""
    scale, result = Fraction(product.sign), None
    for side in _each([partial(_operand, places, factor) for factor in product.factors]):
        if side.unit is None:
            scale *= side.constant
        elif result is None:
            result = side
        else:
            _wrong(
                places.context,
                product,
                "only one factor of a product may vary or have a unit",
                "multiply by a plain number",
            )
    if result is None:
        return Side(scale, {}, None)
    return Side(result.constant * scale, {of: f * scale for of, f in result.terms.items()}, result.unit)


def _operand(places: _Places, operand: ast.Operand) -> Side:
    context = places.context
    match operand:
        case ast.Sum():
            return _side(places, operand)
        case ast.Number():
            return Side(_number(context, operand))
        case ast.Quantity():
            prefix, unit = _unit(operand.unit)
            if unit is None:
                _wrong(
                    context,
                    operand,
                    f"`{operand.unit}` is not a unit of cost",
                    "use FLOPs or params, such as `1.4 GFLOPs`",
                )
            return Side(_number(context, operand) * _PREFIXES[prefix], {}, unit)
        case ast.KernelSize():
            _wrong(
                context, operand, "kernel sizes cannot be added or multiplied", "compare kernel sizes with `==` or `!=`"
            )
    amount = places.amount(operand)
    if amount is not None:
        return Side(Fraction(0), {amount: Fraction(1)}, "FLOPs" if amount.quantity == "flops" else "parameters")
    setting = places.setting(operand)
    if isinstance(setting, DecisionRef):
        values = next(d.values for d in context.decisions if d.path == setting.decision)
        if any(isinstance(value, str) for value in values):
            _wrong(context, operand, "names cannot be added or multiplied", "compare names with `==` or `!=`")
        return Side(Fraction(0), {setting: Fraction(1)}, "plain numbers")
    if isinstance(setting, Scaled):
        values = next(d.values for d in context.decisions if d.path == setting.decision)
        factor = Fraction(str(setting.factor))
        if all(setting.of(value) == factor * Fraction(str(value)) for value in values):
            return Side(Fraction(0), {DecisionRef(decision=setting.decision): factor}, "plain numbers")
        return Side(Fraction(0), {setting: Fraction(1)}, "plain numbers")
    if isinstance(setting, str):
        _wrong(context, operand, "names cannot be added or multiplied", "compare names with `==` or `!=`")
    return Side(Fraction(str(setting)), {}, "plain numbers")


def _unit(unit: str) -> tuple[str, Unit | None]:
    for suffix, name in (("FLOPs", "FLOPs"), ("params", "parameters")):
        if unit.endswith(suffix):
            return unit.removesuffix(suffix), "FLOPs" if name == "FLOPs" else "parameters"
    return "", None


def _number(context: Context, number: ast.Number | ast.Quantity) -> Fraction:
    value = exact(context, number)
    if value is None:
        raise _Wrong
    return Fraction(value)


def _same_unit(context: Context, place: ast.Sum | ast.Require, sides: Sequence[Side]) -> Unit | None:
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
        raise _Wrong
    if len(set(units)) > 1:
        two = sorted(set(units))
        _wrong(
            context, place, f"{two[0]} and {two[1]} cannot be added or compared", "use one kind of cost on both sides"
        )
    known = [side.unit for side in sides if side.unit is not None]
    return known[0] if known else None


def _bare_numbers(place: ast.Sum | ast.Require) -> list[ast.Number]:
    """The terms of a sum or comparison that are a number and nothing else."""
    sums = (place.left, place.right) if isinstance(place, ast.Require) else (place,)
    products = [product for side in sums for product in side.products if len(product.factors) == 1]
    return [factor for product in products for factor in product.factors if isinstance(factor, ast.Number)]


def _wrong(
    context: Context, place: ast.Sum | ast.Product | ast.Operand | ast.Require, what: str, help: str
) -> NoReturn:
    context.report("TS201", place.span, what, help=help)
    raise _Wrong
