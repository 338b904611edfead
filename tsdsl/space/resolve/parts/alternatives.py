"""What a slot may hold: its alternatives, the decision between them, and what `fix` leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias, TypeVar

from tsdsl.diagnostics import Label, replacement
from tsdsl.diagnostics.suggest import did_you_mean, renames
from tsdsl.operators.registry import NONE
from tsdsl.operators.schema import Operator
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import Alternative, Parent, Setting
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import shared_path
from tsdsl.space.resolve.parts.settings import NOTHING, resolve_settings
from tsdsl.space.resolve.parts.values import decide_shared, report_fixed_use, shared_named
from tsdsl.space.resolve.selection.overrides import overridden
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import brief, either

Made: TypeAlias = Callable[[str, Parent | None, Mapping[str, Setting]], Alternative | None]
T = TypeVar("T")
_NOTHING = frozenset({"identity", "skip", "skip_connect", "null", "nothing", "zero"})


@dataclass(frozen=True, slots=True)
class Named:
    """An alternative as it is written: the name of an operator or block, or `none`, and its attributes if any."""

    name: ast.Name
    call: ast.Call | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The alternatives at a place by name, each with what makes it, and the decision between them."""

    alternatives: tuple[tuple[str, Made], ...]
    decision: str | None

    @property
    def operators(self) -> tuple[str, ...]:
        """The names without `none`."""
        return tuple(name for name, _ in self.alternatives if name != NONE)

    @property
    def where_present(self) -> Parent | None:
        """Where there is an operator, if not everywhere."""
        if self.decision is None or not 0 < len(self.operators) < len(self.alternatives):
            return None
        return Parent(path=self.decision, value=self.operators[0], others=self.operators[1:])

    def made(self, path: str, beside: Mapping[str, Setting] = NOTHING) -> tuple[Alternative, ...] | None:
        """The alternatives with their settings, `beside` those of the place; None with diagnostics."""
        found = []
        for name, make in self.alternatives:
            parent = Parent(path=self.decision, value=name) if self.decision is not None else None
            found.append(make(path, parent, beside))
        made = tuple(alternative for alternative in found if alternative is not None)
        return made if len(made) == len(found) else None


def _alternatives(
    context: Context, op: ast.Expression, operators: Mapping[str, Operator], where: str
) -> list[tuple[str, Made]] | None:
    """The alternatives by name, each with what makes it at a place; None with diagnostics."""
    named = named_alternatives(context, op, operators, f"{where.split(' ')[0]} operator")
    if named is None:
        return None
    found: list[tuple[str, Made]] = []
    for one in named:
        if one.name.text == NONE:
            found.append((NONE, lambda path, parent, beside: Alternative(operator=NONE)))
        else:
            found.append((one.name.text, _maker(context, operators[one.name.text], one.call, one.name.span)))
    return found


def named_alternatives(context: Context, op: ast.Expression, known: Collection[str], what: str) -> list[Named] | None:
    """The alternatives that are written, each once, by names among the known; None with diagnostics."""
    shared = shared_named(context, op)
    if shared is not None:
        op = shared.value
    if isinstance(op, ast.Sequence):
        braces = f"{{{context.text(op.span)}}}"
        context.report(
            "TS201",
            op.span,
            "put several alternatives in braces",
            help=brief(f"write `{braces}`"),
            fixes=[replacement(f"write {braces}", op.span, braces, safe=True)],
        )
        return None
    items = op.items if isinstance(op, ast.Choice) else (op,)
    if not items:
        context.empty_choice(op.span)
        return None
    found: list[Named] = []
    failed = False
    for item in items:
        call = item if isinstance(item, ast.Call) else None
        name = call.name if call else _bare(item)
        if name is not None and name.text in context.shared:
            context.report(
                "TS104",
                name.span,
                f"the shared decision `{name.text}` cannot be part of a choice",
                labels=[Label(context.shared[name.text].name.span, "shared here")],
                help=f"write `{name.text}` alone, or list its alternatives here",
            )
            failed = True
            continue
        if name is None and (alone := shared_path(context, item)) is not None:
            context.report(
                "TS201",
                item.span,
                "use a shared decision by its name alone",
                help=f"write `{alone}`",
                fixes=[replacement(f"write `{alone}`", item.span, alone, safe=True)],
            )
            failed = True
            continue
        if name is None:
            context.report(
                "TS201",
                item.span,
                f"expected an operator or `none`, got {context.quoted(item.span)}",
                label="not an operator",
            )
            failed = True
            continue
        if name.text.casefold() in _NOTHING and name.text not in known:
            context.report(
                "TS101",
                name.span,
                f"unknown {what} `{name.text}`",
                label="not defined",
                help="`none` passes the input on",
                fixes=[replacement("write `none`", item.span, NONE)],
            )
            failed = True
            continue
        if name.text != NONE and name.text not in known:
            context.unknown_name(name, what, [NONE, *known, *([] if isinstance(op, ast.Choice) else context.shared)])
            failed = True
            continue
        if any(name.text == other.name.text for other in found):
            first = next(other for other in items if _named(other) == name.text)
            named_blocks = ", or a `block` for each" if what == "operator or block" else ""
            same = context.text(first.span).split() == context.text(item.span).split()
            context.report(
                "TS203",
                name.span,
                f"`op` lists `{name.text}` twice",
                label="second one",
                labels=[Label(first.span, "first one")],
                help="remove one of them" if same else f"write one with a choice{named_blocks}",
                fixes=[context.removal(f"remove the second {name.text}", item.span, safe=same)],
            )
            failed = True
            continue
        if name.text == NONE and call is not None and call.arguments:
            context.report(
                "TS105",
                call.arguments[0].name.span,
                "`none` takes no attributes",
                label="unknown attribute",
                fixes=[replacement("write `none`", call.span, NONE)],
            )
            failed = True
        found.append(Named(name, call))
    return None if failed else found


def alternatives_are_right(context: Context, op: ast.Expression, operators: Mapping[str, Operator], where: str) -> bool:
    """Whether the alternatives and their attributes are right at any place; otherwise adds diagnostics."""
    alone = context.scratch()
    alternatives = _alternatives(alone, op, operators, where)
    for name, make in alternatives or ():
        make(f"{where}.{name}", None, {})
    context.diagnostics += alone.diagnostics
    return not alone.has_errors


def _maker(context: Context, operator: Operator, call: ast.Call | None, span: Span) -> Made:
    def make(path: str, parent: Parent | None, beside: Mapping[str, Setting]) -> Alternative | None:
        settings = resolve_settings(
            context,
            operator.name,
            operator.attributes,
            call,
            f"{path}.op.{operator.name}",
            span=span,
            parent=parent,
            beside=beside,
        )
        return None if settings is None else Alternative(operator=operator.name, attributes=settings)

    return make


def _named(item: ast.Expression) -> str | None:
    name = item.name if isinstance(item, ast.Call) else _bare(item)
    return name.text if name is not None else None


def _bare(item: ast.Expression) -> ast.Name | None:
    return item.segments[0].word if isinstance(item, ast.Selector) and item.bare_name is not None else None


def chosen(
    context: Context, path: str, op: ast.Attribute, operators: Mapping[str, Operator], where: str
) -> Chosen | None:
    """What may be at a place; None with diagnostics."""
    own = f"{path}.op"
    written = overridden(context, own, op.value, slot=path)
    expression, pins = written.expression or op.value, written.pins
    shared = shared_named(context, expression)
    if shared is not None:
        if pins:
            report_fixed_use(context, own, shared, pins[0].span)
            return None
        context.shared_uses.setdefault(f"shared.{shared.name.text}", []).append(own)
        own = f"shared.{shared.name.text}"
        changed = overridden(context, own, shared.value)
        expression, pins = changed.expression or shared.value, changed.pins
    alternatives = _alternatives(context, expression, operators, where)
    if alternatives is None:
        return None
    for pin in pins:
        alternatives = pinned_alternatives(context, pin, alternatives, own)
    context.origins[path] = (pins[-1] if pins else expression).span
    decision = own if len(alternatives) > 1 else None
    names = tuple(name for name, _ in alternatives)
    if decision is not None and shared is not None:
        decide_shared(context, decision, names, expression.span)
    elif decision is not None:
        context.decide(decision, names, expression.span)
    elif shared is not None:
        context.shared_values.setdefault(own, names)
    return Chosen(tuple(alternatives), decision)


def pinned_alternatives(
    context: Context, pin: ast.Expression, alternatives: list[tuple[str, T]], path: str
) -> list[tuple[str, T]]:
    """The alternative that `fix` names alone; all of them, with a diagnostic, where it is not among them."""
    name = _bare(pin)
    kept = [alternative for alternative in alternatives if name is not None and alternative[0] == name.text]
    if kept:
        return kept
    before = len(context.diagnostics)
    if name is None:
        context.report(
            "TS201", pin.span, "`fix` needs the name of an operator or `none`", help="use `free` to change attributes"
        )
    else:
        known = [alternative for alternative, _ in alternatives]
        context.report(
            "TS207",
            pin.span,
            f"`{name.text}` is not among the alternatives of `{path}`",
            label="not an alternative here",
            help=did_you_mean(name.text, known)
            or f"expected {either(known)}; use `free` to give it other alternatives",
            fixes=renames(name.text, pin.span, known),
        )
    context.postpone(before)
    return alternatives
