"""Rules of several comparisons: `and`, `or`, `implies`, `min` and `max`, as clauses of comparisons.

An architecture is allowed if in each clause at least one comparison holds. Where a comparison is negated, as on the
left of `implies`, its relation is turned around. A sum with `max` is at most a bound if it is with every argument,
and at least a bound if it is with one of them; `min` is the other way around.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from math import prod
from typing import Literal, NoReturn, TypeAlias

from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.relations.sums import Wrong, wrong
from tsdsl.syntax import ast

Clauses: TypeAlias = list[tuple[ast.Comparison, ...]]
MAX_COMPARISONS = 256
NEGATED: Mapping[ast.Relation, ast.Relation] = {"<=": ">", ">": "<=", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}
_TWO_SIDES: Mapping[ast.Relation, tuple[Literal["and", "or"], ast.Relation, ast.Relation]] = {
    "==": ("and", "<=", ">="),
    "!=": ("or", "<", ">"),
}


def clauses(context: Context, rule: ast.Rule) -> Clauses:
    """The clauses that say what a rule does.

    Raises:
        Wrong: they would be too many, or something is called that is neither `min` nor `max`; it has been reported.
    """
    return list(dict.fromkeys(_Expansion(context, rule).clauses(rule, is_negated=False)))


def sums_of(rule: ast.Rule) -> Iterator[ast.Sum]:
    """The sums that a rule compares."""
    if isinstance(rule, ast.Comparison):
        yield from (rule.left, rule.right)
    else:
        for part in rule.parts:
            yield from sums_of(part)


@dataclass
class _Expansion:
    """Writes a rule out in clauses; `left` is how many more comparisons it may become."""

    context: Context
    whole: ast.Rule
    left: int = MAX_COMPARISONS

    def clauses(self, rule: ast.Rule, *, is_negated: bool) -> Clauses:
        if isinstance(rule, ast.Comparison):
            if is_negated:
                rule = replace(rule, relation=NEGATED[rule.relation])
            expanded = self.without_extreme(rule)
            if expanded is not None:
                return self.clauses(expanded, is_negated=False)
            self.left -= 1
            if self.left < 0:
                self.too_many()
            return [(rule,)]
        word: Literal["and", "or"] = "or" if rule.word == "implies" else rule.word
        if is_negated:
            word = "and" if word == "or" else "or"
        turned = [is_negated != (rule.word == "implies" and number == 0) for number in range(len(rule.parts))]
        parts = [self.clauses(part, is_negated=n) for part, n in zip(rule.parts, turned, strict=True)]
        if word == "and":
            return [clause for part in parts for clause in part]
        if prod(map(len, parts)) * sum(len(part[0]) for part in parts) > MAX_COMPARISONS:
            self.too_many()
        return [tuple(dict.fromkeys(chain(*one))) for one in product(*parts)]

    def too_many(self) -> NoReturn:
        wrong(
            self.context,
            self.whole,
            f"this rule needs more than {MAX_COMPARISONS} comparisons",
            "write several `require`, with fewer `or`, `min` and `max` in each",
        )

    def without_extreme(self, comparison: ast.Comparison) -> ast.Rule | None:
        """A rule without the first `min` or `max` of a comparison; None where it has none."""
        left, right = self.first(comparison.left, 1), self.first(comparison.right, -1)
        found = left or right
        if found is None:
            return None
        extreme, factor = found
        if comparison.relation in _TWO_SIDES:
            two, *relations = _TWO_SIDES[comparison.relation]
            halves = tuple(replace(comparison, relation=relation) for relation in relations)
            return ast.Junction(two, halves, comparison.span)
        is_at_most = (comparison.relation in ("<=", "<")) == (factor > 0)
        word: Literal["and", "or"] = "and" if is_at_most == (extreme.name.text == "max") else "or"
        ways = [
            replace(comparison, left=_replaced(comparison.left, extreme, argument))
            if left is not None
            else replace(comparison, right=_replaced(comparison.right, extreme, argument))
            for argument in extreme.arguments
        ]
        return ast.Junction(word, tuple(ways), comparison.span)

    def first(self, written: ast.Sum, sign: int) -> tuple[ast.Extreme, int] | None:
        """The first extreme in a sum, and the sign of what it is multiplied by."""
        for one in written.products:
            own = sign * one.sign
            for factor in one.factors:
                own = -own if isinstance(factor, ast.Number) and factor.value < 0 else own
            for number, factor in enumerate(one.factors):
                found = None
                if isinstance(factor, ast.Sum):
                    found = self.first(factor, own)
                elif isinstance(factor, ast.Extreme):
                    if factor.name.text not in ("min", "max"):
                        self.context.unknown_name(factor.name, "function", ["min", "max"])
                        raise Wrong
                    found = factor, own
                if found is None:
                    continue
                if any(not isinstance(other, ast.Number) for n, other in enumerate(one.factors) if n != number):
                    name = found[0].name.text
                    what = f"`{name}` may only be multiplied by numbers"
                    wrong(self.context, one, what, "write its factor as a number")
                return found
        return None


def _replaced(written: ast.Sum, extreme: ast.Extreme, argument: ast.Sum) -> ast.Sum:
    """A sum with one of its arguments in place of an extreme."""
    return replace(
        written,
        products=tuple(
            replace(one, factors=tuple(_operand(factor, extreme, argument) for factor in one.factors))
            for one in written.products
        ),
    )


def _operand(operand: ast.Operand, extreme: ast.Extreme, argument: ast.Sum) -> ast.Operand:
    if operand is extreme:
        return argument
    return _replaced(operand, extreme, argument) if isinstance(operand, ast.Sum) else operand
