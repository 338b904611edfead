"""Groups: operators looked up, attributes checked, choices made decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tsdsl.diagnostics import Label
from tsdsl.diagnostics.suggest import meant, renames, similar
from tsdsl.operators.registry import BLOCKS
from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.space.parts import Group, Parent, Setting, group_path
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.overrides import overridden
from tsdsl.space.resolve.parts.values import setting, whole
from tsdsl.syntax import ast

MOST_REPEATS = 1024


def resolve_group(context: Context, stream: str, stage: int, index: int, group: ast.Group) -> Group:
    """A group with its settings; one without any where they could not be resolved, with diagnostics."""
    path = group_path(stream, stage, index)
    resolved = _resolved(context, path, (stream, stage, index), group)
    if resolved is None:
        context.uncertain.add(path)
        return Group(path=path, stream=stream, stage=stage, index=index, operator="", attributes={})
    return resolved


def _resolved(context: Context, path: str, place: tuple[str, int, int], group: ast.Group) -> Group | None:
    """A group: its operator's attributes, those of a block alias first and overridden by its own."""
    context.origins[path] = group.span
    repeat = whole(context, group.repeat, "a repeat count", 1, MOST_REPEATS) if group.repeat is not None else 1
    call, operator_name, broken = group.call, group.call.name, group.call.broken
    inherited: tuple[ast.Attribute, ...] = ()
    alias = context.blocks.get(call.name.text)
    if alias is not None:
        inherited, broken = alias.call.arguments, broken or alias.call.broken
        operator_name = alias.call.name
        if operator_name.text not in BLOCKS:
            return None
    operator = BLOCKS.get(operator_name.text)
    if operator is None:
        known = [*BLOCKS, *context.blocks]
        if not context.lacks_declarations or similar(call.name.text, known):
            help_text = f"the operators are {', '.join(f'`{name}`' for name in BLOCKS)}"
            context.unknown_name(call.name, "operator or block", known, help=help_text)
        operator = BLOCKS.get(meant(call.name.text, BLOCKS))
        if operator is None:
            return None
    before = len(context.diagnostics)
    attributes = resolve_settings(
        context, operator.name, operator.attributes, call, path, broken=broken, inherited=inherited
    )
    found = context.diagnostics[before:]
    if operator_name.text != operator.name and any(d.code == "TS106" for d in found):  # another may be meant
        guess = context.diagnostics[before - 1]
        fixes = tuple(replace(fix, applicability="suggested") for fix in guess.fixes)
        context.diagnostics[before - 1 :] = [replace(guess, fixes=fixes), *(d for d in found if d.code != "TS106")]
    if alias is not None:
        context.block_uses[alias.name.text] += 1
    if attributes is None or repeat is None:
        return None
    return Group(
        path=path,
        stream=place[0],
        stage=place[1],
        index=place[2],
        operator=operator.name,
        attributes=attributes,
        repeat=repeat,
        is_repeated=group.repeat is not None,
    )


def resolve_settings(
    context: Context,
    name: str,
    schema: tuple[Attribute, ...],
    call: ast.Call | None,
    path: str,
    *,
    span: Span | None = None,
    broken: bool = False,
    inherited: tuple[ast.Attribute, ...] = (),
    parent: Parent | None = None,
) -> dict[str, Setting] | None:
    """The settings of an operator in the order of its attributes, or None with diagnostics."""
    arguments = call.arguments if call is not None else ()
    known = [attribute.name for attribute in schema]
    where = name if " " in name else f"`{name}`"
    before = len(context.diagnostics)
    own = context.attributes(arguments, known, where)
    given = {meant(a.name.text, known): a for a in inherited} | own
    given = {name: attribute for name, attribute in given.items() if name in known}
    lacks = [name for name in required(schema) if name not in given] if not broken else []
    if lacks and call is not None and call.name.text in context.blocks:
        for name in lacks:
            context.lacking.setdefault((call.name.text, name), []).append((call.name.span, where))
    elif lacks:
        context.missing(lacks, given, call.name.span if call is not None else span or Span(0, 0), where)
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
        value = setting(context, attribute, written, own_path, parent)
        if value is None and attribute.name in given and not _is_clear(given[attribute.name].name, known):
            del context.diagnostics[told:]  # it may have been another attribute that was misspelt so
        if value is not None:
            result[attribute.name] = value
    failed = lacks or len(context.diagnostics) > before or len(result) < len(given)
    return None if failed or broken else result


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


def check_block_alias(context: Context, alias: ast.BlockAlias) -> None:
    """Report an alias of an unknown operator, and attributes that its operator does not have."""
    operator = BLOCKS.get(alias.call.name.text)
    if operator is None:
        context.unknown_name(alias.call.name, "operator", BLOCKS)
        operator = BLOCKS.get(meant(alias.call.name.text, BLOCKS))
        if operator is None:
            return
    context.attributes(alias.call.arguments, [a.name for a in operator.attributes], f"`{operator.name}`")


def _is_clear(name: ast.Name, known: Sequence[str]) -> bool:
    """Whether it is known which attribute is meant."""
    return name.text in known or any(fix.applicability == "safe" for fix in renames(name.text, name.span, known))
