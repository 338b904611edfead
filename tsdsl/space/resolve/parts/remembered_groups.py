"""Groups that were resolved before: what came of a group's text while the names in it meant the same.

An edit changes few groups of a long file, and the others need not be resolved again. Only what has no diagnostics is
remembered, and only for groups that no override reaches; all else is resolved as it is met. A group that is
remembered is the same object each time, and so are its decisions. Own design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from tsdsl.operators.registry import BLOCKS
from tsdsl.source import SourceFile, Span
from tsdsl.space.parts import SHARED, Decision, DecisionRef, Group, Setting, Value, group_path
from tsdsl.space.resolve.context import Context, meant
from tsdsl.space.resolve.mentions import mentioned_by, mentions
from tsdsl.space.resolve.origins import GroupOrigins
from tsdsl.space.resolve.parts.groups import resolved_group
from tsdsl.space.resolve.parts.selectors import selects
from tsdsl.space.resolve.parts.values import decide_shared
from tsdsl.syntax import ast
from tsdsl.syntax.remembered import MOST_REMEMBERED

Named: TypeAlias = ast.Domain | ast.Shared | ast.BlockAlias


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """What a name is declared as, and the names in that, wherever they are written; there is one of each meaning."""

    declarations: tuple[Named, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GroupMeaning:
    """What a group's text comes to: its attributes, where None stands for a decision of that name.

    `shared_uses` are the attributes that each shared decision stands at, `shared` those that decide between values.
    `order`, `own` and `inherited`: where attributes are written, as in `GroupOrigins`.
    """

    operator: str
    block: str | None
    repeat: int
    is_repeated: bool
    attributes: Mapping[str, Setting | None]
    decisions: Sequence[tuple[str, tuple[Value, ...]]]
    shared_uses: Mapping[str, Sequence[str]]
    shared: Mapping[str, tuple[Value, ...]]
    order: Sequence[str]
    own: Mapping[str, Span]
    inherited: Mapping[str, int]


def resolve_group(context: Context, stream: str, stage: int, index: int, group: ast.Group) -> Group:
    """A group with its settings; one without any where they could not be resolved."""
    path = group_path(stream, stage, index)
    known = _meaning_of(context, path, group.written) if group.written is not None else None
    if known is not None:
        made, decisions = _made(known, stream, stage, index)
        block = context.blocks[known.block] if known.block is not None else None
        if known.block is not None:
            context.block_uses[known.block] += 1
        context.decisions += decisions
        context.origins.add_group(path, GroupOrigins(group, known.order, known.own, known.inherited, block))
        for shared, attributes in known.shared_uses.items():
            _use_shared(context, shared, [f"{path}.{attribute}" for attribute in attributes], known.shared.get(shared))
        return made
    resolved = resolved_group(context, stream, stage, index, group)
    if resolved is None:
        context.uncertain.add(path)
        return Group(path=path, stream=stream, stage=stage, index=index, operator="", attributes={})
    return resolved


def _use_shared(context: Context, shared: str, paths: list[str], values: tuple[Value, ...] | None) -> None:
    span = context.shared[shared.removeprefix(SHARED)].value.span
    context.shared_uses.setdefault(shared, []).extend(paths)
    context.origins.add(shared, span)
    if values is not None:
        decide_shared(context, shared, values, span)


def _meaning_of(context: Context, path: str, written: ast.GroupText) -> GroupMeaning | None:
    if context.domains_may_be_too_deep or _is_overridden(context, path):
        return None
    known = _group_meaning(written, tuple([_meaning(context, name) for name in mentioned_by(written)]))
    if known is None or any(_is_overridden(context, shared, is_part=False) for shared in known.shared_uses):
        return None
    return known if all(context.shared_values.get(s, v) == v for s, v in known.shared.items()) else None


def _is_overridden(context: Context, path: str, *, is_part: bool = True) -> bool:
    """Whether an override reaches what stands at a path, or any attribute of the part there."""
    for override, level in context.overrides:
        reached = f"{path}.{override.selector.segments[-1].word.text}" if is_part else path
        if level >= context.level and selects(override.selector, reached):
            return True
    return False


def _meaning(context: Context, name: str) -> Meaning:
    if name not in context.meanings:
        found: dict[str, Named] = {}
        pending = [name]
        while pending:
            one = pending.pop()
            declared = context.domains.get(one) or context.shared.get(one) or context.blocks.get(one)
            if declared is not None and one not in found:
                found[one] = declared
                pending += sorted(mentions(declared))
        context.meanings[name] = _the_meaning(ast.without_places(tuple(found.values())))
    return context.meanings[name]


@lru_cache(maxsize=MOST_REMEMBERED)
def _the_meaning(declarations: tuple[Named, ...]) -> Meaning:
    return Meaning(declarations)


@lru_cache(maxsize=MOST_REMEMBERED)
def _group_meaning(written: ast.GroupText, names: tuple[Meaning, ...]) -> GroupMeaning | None:
    """What a text comes to where its names mean this; None where it has diagnostics."""
    context = Context(SourceFile("", written.text))
    for item in (item for name in names for item in name.declarations):
        match item:
            case ast.Domain():
                context.domains[item.name.text] = item
            case ast.Shared():
                context.shared[item.name.text] = item
            case ast.BlockAlias():
                context.blocks[item.name.text] = item
    group = ast.Group(written.call, written.repeat, Span(0, len(written.text)))
    resolved = resolved_group(context, "", 0, 0, group)
    if resolved is None or context.diagnostics:
        return None
    inside = f"{resolved.path}."
    block = context.blocks.get(written.call.name.text)
    arguments = block.call.arguments if block is not None else ()
    known = [attribute.name for attribute in BLOCKS[resolved.operator].attributes]
    numbers = {meant(a.name.text, known): number for number, a in enumerate(arguments)}
    own = {a.name.text: a.value.span for a in written.call.arguments}
    return GroupMeaning(
        operator=resolved.operator,
        block=block.name.text if block is not None else None,
        repeat=resolved.repeat,
        is_repeated=resolved.is_repeated,
        attributes={n: None if _is_decided(value, inside) else value for n, value in resolved.attributes.items()},
        decisions=[(d.path.removeprefix(inside), d.values) for d in context.decisions if d.path.startswith(inside)],
        shared_uses={s: [path.removeprefix(inside) for path in paths] for s, paths in context.shared_uses.items()},
        shared=dict(context.shared_values),
        order=[path.removeprefix(resolved.path) for path in context.origins],
        own={name: span for name, span in own.items() if inside + name in context.origins},
        inherited={n: number for n, number in numbers.items() if n not in own and inside + n in context.origins},
    )


def _is_decided(value: Setting, inside: str) -> bool:
    return isinstance(value, DecisionRef) and value.decision.startswith(inside)


@lru_cache(maxsize=MOST_REMEMBERED)
def _made(meaning: GroupMeaning, stream: str, stage: int, index: int) -> tuple[Group, tuple[Decision, ...]]:
    path = group_path(stream, stage, index)
    group = Group(
        path=path,
        stream=stream,
        stage=stage,
        index=index,
        operator=meaning.operator,
        attributes={
            name: DecisionRef(decision=f"{path}.{name}") if value is None else value
            for name, value in meaning.attributes.items()
        },
        repeat=meaning.repeat,
        is_repeated=meaning.is_repeated,
    )
    return group, tuple(Decision(path=f"{path}.{name}", values=values) for name, values in meaning.decisions)
