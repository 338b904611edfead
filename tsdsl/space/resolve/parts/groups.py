"""Groups: operators looked up, attributes checked, choices made decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tsdsl.diagnostics.suggest import meant
from tsdsl.operators.registry import BLOCKS, NONE
from tsdsl.operators.schema import Attribute
from tsdsl.operators.strides import STRIDES
from tsdsl.space.parts import (
    BlockAlternative,
    BlockChoice,
    Group,
    Parent,
    Reference,
    Value,
    group_path,
)
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.block_choices import called_operator, resolve_choice
from tsdsl.space.resolve.parts.settings import given_attributes, settings_at
from tsdsl.space.resolve.parts.values import setting
from tsdsl.space.resolve.selection.overrides import overridden
from tsdsl.syntax import ast

MAX_REPEATS = 1024
DEPTH = Attribute("repeat", "integer", "the number of blocks", 1, minimum=0, maximum=MAX_REPEATS)
OF_ALL_BLOCKS = ("channels", *STRIDES)
"""Attributes that `each` leaves to the group: they belong to its first block, which the others follow."""


def resolve_group(context: Context, stream: str, stage: int, index: int, group: ast.Group) -> Group:
    """A group with its settings; one without any where they could not be resolved, with diagnostics."""
    path = group_path(stream, stage, index)
    context.origins[path] = group.span
    nothing = Group(path=path, stream=stream, stage=stage, index=index, operator="", attributes={})
    call = group.call
    resolved = (
        _one(context, group, call, nothing) if isinstance(call, ast.Call) else _several(context, group, call, nothing)
    )
    if resolved is None:
        context.uncertain.add(path)
        return nothing
    if set(resolved.operators) <= {NONE}:
        return resolved  # fixed at a depth of 0 or at `none`, so that nothing else of it is decided
    is_repeated = group.repeat is not None or isinstance(resolved.repeat, Reference)
    return replace(resolved, is_repeated=is_repeated, is_each=group.is_each)


def _one(context: Context, group: ast.Group, call: ast.Call, nothing: Group) -> Group | None:
    """A group of one operator: its attributes, those of a block alias first and overridden by its own."""
    called = called_operator(context, call.name)
    if called is None:
        return None
    before = len(context.diagnostics)
    operator = called.operator
    call = replace(call, broken=call.broken or called.is_broken)
    given = given_attributes(context, operator.name, operator.attributes, call, inherited=called.inherited)
    repeat = _depth(context, nothing.path, group)
    if repeat == 0:
        return replace(nothing, repeat=0)
    parent = _where_deep(context, repeat)
    of_all = [a for a in operator.attributes if not group.is_each or a.name in OF_ALL_BLOCKS]
    attributes = settings_at(context, of_all, given or {}, nothing.path, parent)
    own = [attribute for attribute in operator.attributes if attribute not in of_all]

    def block(path: str, parent: Parent | None) -> BlockChoice:
        settings = settings_at(context, own, given or {}, path, parent)
        return BlockChoice(alternatives=(BlockAlternative(name="", operator=operator.name, attributes=settings),))

    choices = _each(context, nothing.path, repeat, block) if group.is_each else ()
    if called.is_guess and any(d.code == "TS106" for d in context.diagnostics[before:]):  # another may be meant
        _suggest_only(context, before)
    if given is None or repeat is None or len(context.diagnostics) > before:
        return None
    return replace(nothing, operator=operator.name, attributes=attributes, repeat=repeat, choices=choices)


def _several(context: Context, group: ast.Group, blocks: ast.Blocks, nothing: Group) -> Group | None:
    """A group whose blocks may be of several operators."""
    path, before = nothing.path, len(context.diagnostics)
    choice = resolve_choice(context, blocks)
    if choice is None:
        return None
    schema = list(choice.schema.values())
    if not group.is_each:
        left = choice.left(context, path)
        if left is None:
            return None
        if left.is_always_absent:
            nowhere = choice.decided(context, path, left, None)
            return replace(nothing, choices=(choice.with_settings(context, path, nowhere, None),))
        made = choice.decided(context, path, left, None) if left.may_be_absent else None
        repeat = _depth(context, path, group, made.where_present if made is not None else None)
        if repeat is None or repeat == 0:
            return replace(nothing, repeat=0) if repeat == 0 else None
        if made is not None and min(_depths(context, repeat)) == 0:
            context.report(
                "TS203",
                group.repeat.span if group.repeat is not None else group.span,
                "the group can be absent in two ways, by a depth of 0 and by `none`",
                label="begins at 0",
                help="begin at 1, or remove `none`",
            )
            return None
        made = made or choice.decided(context, path, left, _where_deep(context, repeat))
        parent = made.where_present or _where_deep(context, repeat)
        attributes = choice.settings_of_all(context, path, schema, made, parent)
        choices: tuple[BlockChoice, ...] = (choice.with_settings(context, path, made, parent),)
    else:
        repeat = _depth(context, path, group)
        if repeat == 0:
            return replace(nothing, repeat=0)
        parent = _where_deep(context, repeat)
        of_all = [attribute for attribute in schema if attribute.name in OF_ALL_BLOCKS]
        attributes = settings_at(context, of_all, choice.common, path, parent)
        own = [attribute for attribute in schema if attribute not in of_all]

        def block(path: str, parent: Parent | None) -> BlockChoice:
            is_first = path.endswith(".block1")
            left = choice.left(context, path, is_first=is_first)
            if left is None:
                return BlockChoice(alternatives=())
            made = choice.decided(context, path, left, parent)
            of_block = choice.settings_of_all(context, path, own, made, made.where_present or parent)
            return choice.with_settings(context, path, made, parent, of_block, is_first=is_first)

        choices = _each(context, path, repeat, block)
    if repeat is None or len(context.diagnostics) > before:
        return None
    return replace(nothing, attributes=attributes, repeat=repeat, choices=choices)


def _each(
    context: Context, path: str, repeat: int | Reference | None, block: Callable[[str, Parent | None], BlockChoice]
) -> tuple[BlockChoice, ...]:
    """The choice of each block, under the depths at which there is one; the first that is wrong ends them."""
    found: list[BlockChoice] = []
    for number in range(1, max(_depths(context, repeat), default=0) + 1):
        before = len(context.diagnostics)
        found.append(block(f"{path}.block{number}", _where_deep(context, repeat, number)))
        if len(context.diagnostics) > before:
            break
    return tuple(found)


def _depth(context: Context, path: str, group: ast.Group, parent: Parent | None = None) -> int | Reference | None:
    """The number of blocks, or what it follows from; 0 only where `fix` chooses that; None with diagnostics."""
    written = overridden(context, f"{path}.repeat", group.repeat)
    if written.expression is None and not written.pins:
        return 1
    found = setting(context, DEPTH, written, f"{path}.repeat", parent)
    if found == 0 and not written.pins:
        span = written.expression.span if written.expression is not None else group.span
        context.report(
            "TS202", span, "a group needs at least 1 block, got 0", label="out of range", help="remove the group"
        )
        return None
    return found if isinstance(found, Reference) or found is None else int(found)


def _depths(context: Context, repeat: int | Reference | None) -> dict[int, Value]:
    """The numbers of blocks that there may be, each with the value that decides it."""
    if isinstance(repeat, Reference):
        decision = next(d for d in reversed(context.decisions) if d.path == repeat.decision)
        return {int(repeat.of(value)): value for value in decision.values}
    return {repeat: repeat} if repeat is not None else {}


def _where_deep(context: Context, repeat: int | Reference | None, number: int = 1) -> Parent | None:
    """Where a group has a block of this number, if not at every depth."""
    depths = _depths(context, repeat)
    deep = tuple(value for depth, value in depths.items() if depth >= number)
    if not isinstance(repeat, Reference) or len(deep) == len(depths):
        return None
    return Parent(path=repeat.decision, value=deep[0], others=deep[1:])


def _suggest_only(context: Context, before: int) -> None:
    """Leave an operator that was guessed, and that lacks attributes, as a suggestion."""
    found = context.diagnostics[before:]
    guess = context.diagnostics[before - 1]
    fixes = tuple(replace(fix, applicability="suggested") for fix in guess.fixes)
    context.diagnostics[before - 1 :] = [replace(guess, fixes=fixes), *(d for d in found if d.code != "TS106")]


def check_block_alias(context: Context, alias: ast.BlockAlias) -> None:
    """Report an alias of an unknown operator, and attributes that its operator does not have."""
    operator = BLOCKS.get(alias.call.name.text)
    if operator is None:
        context.unknown_name(alias.call.name, "operator", BLOCKS)
        operator = BLOCKS.get(meant(alias.call.name.text, BLOCKS))
        if operator is None:
            return
    context.attributes(alias.call.arguments, [a.name for a in operator.attributes], f"`{operator.name}`")
