"""Constants in constraints that exist only under some choices, as where a derived space fixes a nested decision.

In the base such a decision counts as 0, and a comparison of its name holds, where it does not exist. So a clause is
written once for each way in which its constants exist or not, each beside what excludes that way. Own design.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import TypeAlias

from tsdsl.space.parts import Alike, AnyOf, DecisionRef, LinearRule, Parent, Requirement, Term, Value
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.relations.sums import Places, wrong
from tsdsl.syntax import ast

Rule: TypeAlias = LinearRule | Alike
MAX_CONSTANTS = 4


def situations(
    places: Places, comparisons: Sequence[ast.Comparison]
) -> Iterator[tuple[Places, tuple[tuple[Rule, ...], ...]]]:
    """For each way in which nested constants exist: the places then, and rules of which one holds in any other way."""
    named = dict.fromkeys(path for one in comparisons for path in _named(places, (one.left, one.right)))
    nested = [path for path in named if path in places.context.nested]
    if len(nested) > MAX_CONSTANTS:
        wrong(
            places.context,
            comparisons[0],
            f"the constraint names {len(nested)} fixed settings that exist only under some choices",
            f"fix at most {MAX_CONSTANTS} of them, or write the constraint anew",
        )
    for exist in product((True, False), repeat=len(nested)):
        absent = frozenset(path for path, exists in zip(nested, exist, strict=True) if not exists)
        ways = [_ways(places.context, path, exists) for path, exists in zip(nested, exist, strict=True)]
        yield replace(places, absent=absent), tuple(product(*ways))


def one_of_rules(rule: Requirement | bool, others: Sequence[Rule]) -> Requirement | bool:
    """That a rule holds or one of the others."""
    if isinstance(rule, bool):
        known: tuple[Rule, ...] = ()
        if rule or not others:
            return rule
    else:
        known = rule.rules if isinstance(rule, AnyOf) else (rule,)
    rules = (*known, *others)
    return rules[0] if len(rules) == 1 else AnyOf(text="", rules=rules)


def _named(places: Places, sums: Sequence[ast.Sum]) -> Iterator[str]:
    """The paths of the settings that sums name."""
    for operand in (factor for side in sums for part in side.products for factor in part.factors):
        if isinstance(operand, ast.Sum):
            yield from _named(places, (operand,))
        elif isinstance(operand, ast.Selector) and len(operand.segments) > 1 and places.amount(operand) is None:
            yield places.path(operand)


def _ways(context: Context, path: str, exists: bool) -> list[Rule]:
    """Each way in which a setting exists, or does not, as the rule that excludes it."""
    parent: Parent | None = context.nested[path]
    if exists and parent is not None:
        return [_differs(parent.path, value) for value in parent.values]
    found: list[Rule] = []
    while parent is not None:
        decision = context.decision(parent.path)
        found += [_differs(decision.path, value) for value in decision.values if value not in parent.values]
        parent = decision.parent
    return found


def _differs(path: str, value: Value) -> Rule:
    if isinstance(value, str):
        return Alike(text="", left=DecisionRef(decision=path), right=value, is_equal=False)
    return LinearRule(text="", terms=(Term(factor=1, of=DecisionRef(decision=path)),), relation="!=", bound=int(value))
