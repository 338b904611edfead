"""`require`: rules over multiply-adds, parameters and decisions, as clauses that must all hold.

Own design. What an `or` joins becomes one clause; `and` makes several; `implies`, `min` and `max` are written with
these two. So a constraint is a sum within a bound, a comparison of names, or a few of them of which one must hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tsdsl.diagnostics.suggest import did_you_mean, renames
from tsdsl.space.parts import (
    HEAD,
    SHARED,
    Alike,
    AnyOf,
    DecisionRef,
    Head,
    LinearRule,
    Reference,
    Requirement,
    Scaled,
    Setting,
    Slot,
    Stream,
)
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.relations.conditions import clauses, sums_of
from tsdsl.space.resolve.relations.nested_constants import one_of_rules, situations
from tsdsl.space.resolve.relations.sums import QUANTITIES, Places, Wrong, linear, wrong
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import either


def resolve_requires(
    context: Context,
    requires: Sequence[ast.Require],
    streams: Mapping[str, Stream],
    slots: Sequence[Slot],
    head: Head | None,
) -> tuple[Requirement, ...]:
    """The constraints that are well formed; the others with a diagnostic each."""
    if not requires:
        return ()
    places = Places(context, _settings(context, streams, slots, head), list(streams))
    resolved: list[Requirement] = []
    for require in requires:
        if not _all_found(places, tuple(sums_of(require.rule))):
            continue
        try:
            made = [one for each in clauses(context, require.rule) for one in _situated(places, each)]
        except Wrong:
            continue
        text = context.text(require.span)
        for clause in made:
            if isinstance(clause, bool) and not clause:
                context.report("TS408", require.span, f"no architecture satisfies `{text}`", help="fix other values")
                break
            if not isinstance(clause, bool):
                context.origins[f"require{len(resolved)}"] = require.span
                resolved.append(replace(clause, text=text))
    return tuple(resolved)


def _situated(places: Places, comparisons: Sequence[ast.Comparison]) -> Iterator[Requirement | bool]:
    """What comparisons of which one must hold say in each situation of a derived space's nested constants."""
    if places.context.own_level == 0:
        yield _clause(places, comparisons)
        return
    for there, ways in situations(places, comparisons):
        made = _clause(there, comparisons)
        yield from (one_of_rules(made, rules) for rules in ways)


def _clause(places: Places, comparisons: Sequence[ast.Comparison]) -> Requirement | bool:
    """What one comparison says, or one of several must; whether it holds where fixed decisions settle it."""
    rules: list[LinearRule | Alike] = []
    for comparison in comparisons:
        names = _alike(places, comparison)
        rule = linear(places, comparison) if names is None else names
        if isinstance(rule, bool) and rule:
            return True
        if not isinstance(rule, bool):
            rules.append(rule)
    if not rules:
        return False
    return rules[0] if len(rules) == 1 else AnyOf(text="", rules=tuple(rules))


def _all_found(places: Places, sums: Sequence[ast.Sum]) -> bool:
    """Whether each selector of several words names a decision or a cost, so that one does not hide the next."""
    found = True
    for operand in (factor for side in sums for product in side.products for factor in product.factors):
        if isinstance(operand, ast.Sum | ast.Extreme):
            found &= _all_found(places, [operand] if isinstance(operand, ast.Sum) else operand.arguments)
        elif isinstance(operand, ast.Selector) and len(operand.segments) > 1 and places.amount(operand) is None:
            try:
                places.setting(operand)
            except Wrong:
                found = False
    return found


def _settings(
    context: Context, streams: Mapping[str, Stream], slots: Sequence[Slot], head: Head | None
) -> dict[str, Setting]:
    """Every value written in the space, by path; a shared decision, or what is left of it, also by its own."""
    found: dict[str, Setting] = {}
    for stream in streams.values():
        for group in stream.groups:
            found |= group.settings
    for slot in slots:
        found |= slot.settings
    if head is not None:
        found |= {f"{HEAD}.{name}": setting for name, setting in head.attributes.items()}
    used = {s.decision for s in found.values() if isinstance(s, Reference) and s.decision.startswith(SHARED)}
    constant = {path: values[0] for path, values in context.shared_values.items() if path not in used}
    return {**constant, **{path: DecisionRef(decision=path) for path in used}, **found}


def _alike(places: Places, comparison: ast.Comparison) -> Alike | bool | None:
    """`a.op == none`, `a.op != b.op`, `a.kernel == 1x3x3`; None where numbers are compared."""
    left, right = _single(comparison.left), _single(comparison.right)
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
        raise Wrong
    if not isinstance(left, ast.Selector) or isinstance(right, ast.Number | ast.Quantity | ast.Extreme | ast.Sum):
        wrong(
            places.context,
            comparison,
            "a name cannot be compared with a number",
            "compare a decision with one of its values",
        )
    if comparison.relation not in ("==", "!="):
        wrong(places.context, comparison, "names have no order", "compare names with `==` or `!=`")
    is_equal = comparison.relation == "=="
    named = [side for side in (left, right) if isinstance(side, ast.Selector) and not _is_word(places, side)]
    if any(places.is_absent(side) for side in named):
        return True
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
        wrong(places.context, comparison, "a name cannot be compared with a number", "compare it with a number")
    if not isinstance(first, DecisionRef):
        first, second = second, first
    if not isinstance(first, DecisionRef) and places.context.own_level > 0:  # what varies in the base may be fixed
        return (first == second) == is_equal
    if not isinstance(first, DecisionRef):
        wrong(places.context, comparison, "both sides are constants", "name a decision")
    if not isinstance(second, DecisionRef):
        decision = places.context.decision(first.decision)
        is_settled = len(named) == 2 and (decision.parent is None or not is_equal)
        if second not in decision.values and is_settled:  # the base compares decisions, one of which is fixed
            return not is_equal
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
            raise Wrong
    return Alike(text="", left=first, right=second, is_equal=is_equal)


def _single(side: ast.Sum) -> ast.Operand | None:
    product = side.products[0]
    is_one = len(side.products) == 1 and product.sign == 1 and len(product.factors) == 1
    return product.factors[0] if is_one else None


def _is_word(places: Places, operand: ast.Operand) -> bool:
    """Whether it is a bare name of neither a cost nor a decision: an operator or a keyword."""
    if not isinstance(operand, ast.Selector) or operand.bare_name is None:
        return False
    name = operand.bare_name
    if any(name in decision.values for decision in places.context.decisions):
        return True  # even if an attribute is called so, as `se` is
    return name not in QUANTITIES and not any(path.rpartition(".")[2] == name for path in places.settings)


def _names_words(places: Places, operand: ast.Operand) -> bool:
    """Whether it names a decision or constant whose values are names."""
    if not isinstance(operand, ast.Selector) or places.amount(operand) is not None:
        return False
    setting = places.setting(operand)
    if isinstance(setting, DecisionRef):
        return isinstance(places.context.decision(setting.decision).values[0], str)
    return isinstance(setting, str)
