"""The attributes of an operator: which are given, and the value or decision of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from tsdsl.diagnostics import Label
from tsdsl.diagnostics.suggest import meant, renames
from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.space.effect import NOWHERE, matters_at
from tsdsl.space.parts import Parent, Reference, Setting
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.values import setting
from tsdsl.space.resolve.selection.overrides import Overridden, overridden
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import either

Given = Mapping[str, ast.Attribute]
NOTHING: Mapping[str, Setting] = MappingProxyType({})
NO_PARENTS: Mapping[str, Parent | None] = MappingProxyType({})


def resolve_settings(
    context: Context,
    name: str,
    schema: tuple[Attribute, ...],
    call: ast.Call | None,
    path: str,
    *,
    span: Span | None = None,
    parent: Parent | None = None,
    beside: Mapping[str, Setting] = NOTHING,
) -> dict[str, Setting] | None:
    """The settings of an operator in the order of its attributes, or None with diagnostics."""
    before = len(context.diagnostics)
    given = given_attributes(context, name, schema, call, span=span)
    settings = settings_at(context, schema, given or {}, path, parent, beside)
    return None if given is None or len(context.diagnostics) > before else settings


def given_attributes(
    context: Context,
    name: str,
    schema: tuple[Attribute, ...],
    call: ast.Call | None,
    *,
    span: Span | None = None,
    inherited: tuple[ast.Attribute, ...] = (),
    elsewhere: Collection[str] = (),
) -> Given | None:
    """The attributes that are written for an operator, those of its block first and overridden by its own.

    Attributes that are given `elsewhere` need not be among them, and replace those of its block. None where one is
    missing or what is written is broken, with diagnostics; what is strange is reported as well.
    """
    arguments = call.arguments if call is not None else ()
    known = [attribute.name for attribute in schema]
    where = name if " " in name else f"`{name}`"
    own = context.attributes(arguments, known, where)
    given = {meant(a.name.text, known): a for a in inherited if a.name.text not in elsewhere} | own
    given = {name: attribute for name, attribute in given.items() if name in known}
    broken = call is not None and call.broken
    lacks = [name for name in required(schema) if name not in {*given, *elsewhere}] if not broken else []
    if lacks and call is not None and call.name.text in context.blocks:
        for name in lacks:
            context.lacking.setdefault((call.name.text, name), []).append((call.name.span, where))
    elif lacks:
        context.missing(lacks, given, call.name.span if call is not None else span or Span(0, 0), where)
    return None if lacks or broken else given


def settings_at(
    context: Context,
    schema: Sequence[Attribute],
    given: Given,
    path: str,
    parent: Parent | None = None,
    beside: Mapping[str, Setting] = NOTHING,
    parents: Mapping[str, Parent | None] = NO_PARENTS,
) -> dict[str, Setting]:
    """The settings below a path, in the order of the schema; what is wrong is left out, with diagnostics.

    `beside` are further settings there, on which it depends whether an attribute has an effect. `parents` are those of
    attributes that have others than `parent`.
    """
    known = [attribute.name for attribute in schema]
    defaults = {attribute.name: attribute.default for attribute in schema if attribute.default is not None}
    result: dict[str, Setting] = {}
    for attribute in schema:
        own_path = f"{path}.{attribute.name}"
        expression = given[attribute.name].value if attribute.name in given else None
        if expression is None and not context.overrides:
            continue
        written = overridden(context, own_path, expression)
        if written.expression is None and not written.pins:
            continue
        told = len(context.diagnostics)
        own = parents.get(attribute.name, parent)
        where = matters_at(attribute, defaults | dict(beside) | result, own, context.decision)
        if where == NOWHERE and _is_choice(context, attribute, written, own_path):
            _report_without_effect(context, attribute, written, own_path)
            continue
        value = setting(context, attribute, written, own_path, own if where == NOWHERE else where)
        if value is None and attribute.name in given and not _is_clear(given[attribute.name].name, known):
            del context.diagnostics[told:]  # it may have been another attribute that was misspelt so
        if value is not None:
            result[attribute.name] = value
    return result


def _is_choice(context: Context, attribute: Attribute, written: Overridden, path: str) -> bool:
    """Whether what is written would be a decision of its own, not a shared one."""
    found = setting(context.scratch(), attribute, written, path)
    return isinstance(found, Reference) and found.decision == path


def _report_without_effect(context: Context, attribute: Attribute, written: Overridden, path: str) -> None:
    """Warn that a choice decides nothing, without spoiling what is being resolved."""
    if attribute.matters_for is None or written.expression is None:
        return
    before, (other, words) = len(context.diagnostics), attribute.matters_for
    context.report(
        "TS410",
        written.expression.span,
        f"`{path}` has no effect, as `{other}` is never {either(f'`{word}`' for word in words)}",
        label="has no effect",
        help=f"remove it, or change `{other}`",
    )
    context.postpone(before)


def report_lacking(context: Context) -> None:
    """Report required attributes that neither a block nor groups of it give: once at the block where no group does."""
    for (block, name), lacking in context.lacking.items():
        alias = context.blocks[block]
        if len(lacking) > 1 and len(lacking) == context.block_uses[block]:
            first, where = lacking[0]
            context.report(
                "TS106",
                alias.call.name.span,
                f"{where} needs `{name}`, set neither in block `{block}` nor in any of its {len(lacking)} groups",
                label=f"`{name}` is missing",
                labels=[Label(first, "its first group")],
                help=f"add `{name} = ...` to the block, or to each group",
            )
        else:
            for span, where in lacking:
                context.missing([name], {}, span, where)


def required(attributes: tuple[Attribute, ...]) -> list[str]:
    """The attributes that must be written."""
    return [a.name for a in attributes if a.default is None and not a.optional]


def _is_clear(name: ast.Name, known: Sequence[str]) -> bool:
    """Whether it is known which attribute is meant."""
    return name.text in known or any(fix.applicability == "safe" for fix in renames(name.text, name.span, known))
