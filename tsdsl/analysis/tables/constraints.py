"""The meaning of `require` for a free space: tables of what is allowed, and sums that must stay within bounds.

A constraint over few decisions becomes a table of ones and zeros. One over costs spans every decision; it stays a sum
of small tables, which a trellis adds up along its paths (see `constrained`). So does each rule of a constraint of which
one of several must hold, unless all of them together span few decisions. A constraint applies to networks in which
all its parts are present; `flops` and `params` are of the whole network. In a sum, a decision that does not exist
counts 0. A comparison of names with a decision that does not exist is satisfied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import lcm, prod
from typing import Literal, TypeAlias

import numpy as np

from tsdsl.analysis.tables.elimination import one_table
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.operators.varying import Array, Axis, Varying, combine
from tsdsl.records import dataclass
from tsdsl.space.model import Space
from tsdsl.space.parts import HEAD, Alike, Amount, AnyOf, DecisionRef, LinearRule, Reference, Requirement, Value

LARGEST_ALLOWED_TABLE = 1 << 16


@dataclass(frozen=True, eq=False)
class Form:
    """A sum of integer tables that must lie within `least` .. `most`, or outside where `is_inside` is false.

    None leaves an end open. `is_window`: the sum is all multiply-adds, so that code which adds those up anyway needs
    only the bounds.
    """

    text: str
    factors: Sequence[Varying]
    least: int | None
    most: int | None
    is_inside: bool = True
    is_window: bool = False

    def allows(self, total: Array) -> Array:
        """Whether each total is allowed."""
        inside = np.ones(np.shape(total), dtype=bool)
        if self.least is not None:
            inside &= total >= self.least
        if self.most is not None:
            inside &= total <= self.most
        return inside if self.is_inside else ~inside


Clause: TypeAlias = tuple[Form, ...]


@dataclass(frozen=True, eq=False)
class Rules:
    """All constraints on a free space: tables of ones and zeros, and sums that span too much for a table.

    At least one sum of each clause must be within its bounds.
    """

    tables: Sequence[Varying] = ()
    clauses: Sequence[Clause] = ()

    def __bool__(self) -> bool:
        return bool(self.tables or self.clauses)

    def allow(self, free: FreeSpace, rows: Array) -> Array:
        """Whether each index row (architectures x free decisions) satisfies every constraint."""
        allowed = np.ones(len(rows), dtype=bool)
        for table in self.tables:
            allowed &= looked_up(free, table, rows) > 0
        for clause in self.clauses:
            is_satisfied = np.zeros(len(rows), dtype=bool)
            for form in clause:
                total = np.zeros(len(rows), dtype=np.int64)
                for factor in form.factors:
                    total += looked_up(free, factor, rows)
                is_satisfied |= form.allows(total)
            allowed &= is_satisfied
        return allowed


def looked_up(free: FreeSpace, table: Varying, rows: Array) -> Array:
    """The entry of a table for each index row."""
    index = tuple(rows[:, free.columns[axis.path]] for axis in table.scope)
    return np.asarray(table.table[index]) if index else np.full(len(rows), table.table)


@lru_cache(maxsize=8)
def rules_of(free: FreeSpace) -> Rules:
    """The constraints of a space on parts that are present, for the free decisions; made once."""
    return _rules(free, free.table.blueprint.space.requires)


def _rules(free: FreeSpace, requirements: Sequence[Requirement]) -> Rules:
    space = free.table.blueprint.space
    present = free.table.blueprint.present(free.table.step)
    tables: list[Varying] = []
    clauses: list[Clause] = []
    for requirement in requirements:
        if not all(part in present for part in spoken_of(space, requirement)):
            continue
        small, wide = [], []
        for rule in requirement.rules if isinstance(requirement, AnyOf) else (requirement,):
            form = None if isinstance(rule, Alike) else form_of(free, rule)
            if isinstance(rule, Alike):
                small.append(_alike(free, rule))
            elif form is not None and _is_small(form.factors):
                total = one_table(form.factors)
                small.append(Varying(total.scope, form.allows(total.table).astype(np.int64)))
            elif form is not None:
                wide.append(replace(form, is_window=form.is_window and not isinstance(requirement, AnyOf)))
        if not wide and _is_small(small):
            tables.append(_either(small))
        else:
            clauses.append((*wide, *(Form(requirement.text, [table], 1, None) for table in small)))
    return Rules(tuple(tables), tuple(clauses))


def _is_small(tables: Sequence[Varying]) -> bool:
    """Whether one table over all their decisions may be made."""
    scope = {axis for table in tables for axis in table.scope}
    return prod(axis.size for axis in scope) <= LARGEST_ALLOWED_TABLE


def _either(tables: Sequence[Varying]) -> Varying:
    """1 where one of the tables is."""
    joined = tables[0]
    for table in tables[1:]:
        joined = combine(np.maximum, joined, table)
    return joined


def spoken_of(space: Space, requirement: Requirement) -> set[str]:
    """The parts that must be present for a constraint to apply."""
    parts: set[str] = set()
    for path in named_in(requirement):
        parts |= _parts_of_decision(space, path)
    for rule in requirement.rules if isinstance(requirement, AnyOf) else (requirement,):
        for term in rule.terms if isinstance(rule, LinearRule) else ():
            if isinstance(term.of, Amount):
                parts |= _parts_of_amount(space, term.of)
    return parts


def named_in(requirement: Requirement) -> list[str]:
    """The paths of the decisions that a constraint names."""
    if isinstance(requirement, AnyOf):
        return [path for rule in requirement.rules for path in named_in(rule)]
    if isinstance(requirement, Alike):
        return [of.decision for of in (requirement.left, requirement.right) if isinstance(of, DecisionRef)]
    return [term.of.decision for term in requirement.terms if isinstance(term.of, Reference)]


def _parts_of_decision(space: Space, path: str) -> set[str]:
    if path.startswith("shared."):
        return {part for part in space.parts if space.is_of(path, {part})}
    part = space.part_of(path)
    return {stream.name for stream in space.streams} if part == HEAD else {part}


def _parts_of_amount(space: Space, amount: Amount) -> set[str]:
    match amount.part:
        case None:
            return set(space.parts)
        case "fusion":
            return {slot.path for slot in space.fusions}
        case "attention":
            return {slot.path for slot in space.attentions}
        case "head":
            return {stream.name for stream in space.streams}
        case stream:
            return {stream}


def form_of(free: FreeSpace, linear: LinearRule) -> Form:
    """The constraint in integers, with fixed decisions inserted."""
    values = [_value_table(free, t.of) for t in linear.terms if isinstance(t.of, Reference)]
    whole = lcm(*(Fraction(str(value)).denominator for table in values for value in table.table.ravel().tolist()))
    factors: list[Varying] = []
    for term in linear.terms:
        if isinstance(term.of, Reference):
            table = _value_table(free, term.of)
            scaled = [int(Fraction(str(value)) * whole * term.factor) for value in table.table.ravel().tolist()]
            factors.append(Varying(table.scope, np.array(scaled, dtype=np.int64).reshape(table.table.shape)))
        else:
            amounts = _amount_tables(free, term.of)
            factors += [Varying(f.scope, f.table.astype(np.int64) * (term.factor * whole)) for f in amounts]
    bound = linear.bound * whole
    alone = linear.terms[0]
    if len(linear.terms) == 1 and alone.of == Amount(quantity="flops") and linear.relation != "!=":
        return _window(linear, [*free.costs()])
    match linear.relation:
        case "<=":
            return Form(linear.text, factors, None, bound)
        case "<":
            return Form(linear.text, factors, None, bound - 1)
        case "==":
            return Form(linear.text, factors, bound, bound)
        case "!=":
            return Form(linear.text, factors, bound, bound, is_inside=False)


def _window(linear: LinearRule, factors: Sequence[Varying]) -> Form:
    """The constraint that all multiply-adds lie between two numbers."""
    factor, bound = linear.terms[0].factor, linear.bound
    if linear.relation == "<":
        bound -= 1
    least = most = None
    if linear.relation == "==":
        # Between two integers there is none.
        least, most = -(-bound // factor), bound // factor
    elif factor > 0:
        most = bound // factor
    else:
        least = -(bound // -factor)
    return Form(linear.text, factors, least, most, is_window=True)


def _amount_tables(free: FreeSpace, amount: Amount) -> list[Varying]:
    space = free.table.blueprint.space
    quantity: Literal["macs", "params"] = "macs" if amount.quantity == "flops" else "params"
    match amount.part:
        case None:
            return list(free.costs(quantity))
        case "fusion":
            parts = [slot.path for slot in space.fusions]
        case "attention":
            parts = [slot.path for slot in space.attentions]
        case part:
            parts = [part]
    return [table for part in parts for table in free.costs(quantity, part)]


def _value_table(free: FreeSpace, of: Reference) -> Varying:
    """The value of a decision or product as a table over it and what it is nested under; 0 where it does not exist."""
    path = of.decision
    decision = free.table.blueprint.space.decision_by_path[path]
    if path in free.axes:
        own = np.array([of.of(value) for value in decision.values])
        return free.over_existence(decision, own, np.zeros_like(own))
    value, above = of.of(decision.values[free.pinned[path]]), free.ancestors(decision)
    scope: tuple[Axis, ...] = tuple(sorted(axis for axis, _ in above))
    table = np.zeros([axis.size for axis in scope], dtype=np.array([value]).dtype)
    if _may_exist(free, path):
        required = dict(above)
        table[np.ix_(*(required[axis] for axis in scope))] = value
    return Varying(scope, table)


def _may_exist(free: FreeSpace, path: str) -> bool:
    """Whether a decision can exist with the decisions already made."""
    by_path = free.table.blueprint.space.decision_by_path
    parent = by_path[path].parent
    if parent is None:
        return True
    above = by_path[parent.path]
    is_picked = parent.path in free.axes or above.values[free.pinned[parent.path]] in parent.values
    return is_picked and _may_exist(free, parent.path)


def _alike(free: FreeSpace, alike: Alike) -> Varying:
    """1 where both sides are equal (or not), or where one of them does not exist."""
    by_path = free.table.blueprint.space.decision_by_path
    left_values = by_path[alike.left.decision].values
    right_values: tuple[Value, ...]
    if isinstance(alike.right, DecisionRef):
        right_values = by_path[alike.right.decision].values
        right = _index_table(free, alike.right.decision)
    else:
        right_values, right = (alike.right,), Varying((), np.asarray(0))
    both = np.array([[(a == b) == alike.is_equal for b in right_values] for a in left_values])

    def allowed(one: Array, other: Array) -> Array:
        exist = (one >= 0) & (other >= 0)
        result: Array = np.where(exist, both[np.maximum(one, 0), np.maximum(other, 0)], True).astype(np.int64)
        return result

    return combine(allowed, _index_table(free, alike.left.decision), right)


def _index_table(free: FreeSpace, path: str) -> Varying:
    """The index of a decision's value; -1 where it does not exist."""
    decision = free.table.blueprint.space.decision_by_path[path]
    size = len(decision.values)
    if path in free.axes:
        return free.over_existence(decision, np.arange(size), np.full(size, -1))
    above = dict(free.ancestors(decision))
    scope = tuple(sorted(above))
    table = np.full([axis.size for axis in scope], -1)
    if _may_exist(free, path):
        table[np.ix_(*(above[axis] for axis in scope))] = free.pinned[path]
    return Varying(scope, table)


def violated(free: FreeSpace, decisions: Mapping[str, Value]) -> list[str]:
    """The constraints, as written, that an architecture does not satisfy."""
    wrong = []
    space = free.table.blueprint.space
    row = np.array([free.row(decisions)])
    for requirement in space.requires:
        rules = _rules(free, (requirement,))
        if not rules.allow(free, row)[0] and requirement.text not in wrong:
            wrong.append(requirement.text)
    return wrong
