"""Fusion and attention slots: places selected, alternatives resolved, sizes compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from tsdsl.diagnostics import Edit, Fix, Label, replacement
from tsdsl.operators.registry import ATTENTIONS, FUSIONS, NONE
from tsdsl.operators.schema import Operator
from tsdsl.source import Span
from tsdsl.space.parts import Alternative, AttentionSlot, FusionSlot, Parent, Slot, Stream, group_path
from tsdsl.space.resolve.context import Context, did_you_mean, renames
from tsdsl.space.resolve.groups import resolve_settings
from tsdsl.space.resolve.literals import shared_path
from tsdsl.space.resolve.origins import Origins
from tsdsl.space.resolve.overrides import overridden
from tsdsl.space.resolve.places import Place, selected_places
from tsdsl.space.resolve.values import decide_shared, report_fixed_use, shared_named
from tsdsl.syntax import ast
from tsdsl.syntax.words import brief

Sizes: TypeAlias = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Written:
    """A slot statement whose attributes are known: where its slots are, and what they may hold."""

    after: ast.Attribute
    op: ast.Attribute
    merge: Literal["concat", "sum"]


def resolve_fusion(
    context: Context, fusion: ast.Fusion, streams: Mapping[str, Stream], prefix: str, taken: dict[str, Span]
) -> list[FusionSlot]:
    """The slots of one `fusion A -> B { ... }`."""
    names = (fusion.source, fusion.target)
    known = True
    for name in names:
        if name.text not in streams:
            if not context.is_lossy:
                context.unknown_name(name, "stream", streams)
            known = False
    if known and names[0].text == names[1].text:
        context.report("TS104", names[1].span, f"a fusion joins two streams, not `{names[1].text}` with itself")
        known = False
    where = f"fusion {fusion.source.text} -> {fusion.target.text}"
    written = _written(
        context, fusion.attributes, fusion.source.span.to(fusion.target.span), where, fusion.broken, True
    )
    fails = written is not None and not _alternatives_are_right(context, written.op.value, FUSIONS, where)
    if not known or written is None:
        context.incomplete.add("fusion")
        return []
    source, target = streams[fusion.source.text], streams[fusion.target.text]
    with_successor = {(g.stage, g.index) for g in target.groups[:-1]}
    in_both = {(g.stage, g.index) for g in source.groups} & {(g.stage, g.index) for g in target.groups}
    places = selected_places(context, written.after, target.name, sorted(in_both), with_successor, (), source.name)
    if not _check_fused_frames(context, fusion, source, target, places) or fails:
        context.incomplete.add("fusion")
        return []
    slots = []
    for stage, index in places:
        path = f"{prefix}.stage{stage}.group{index}"
        if not _is_free(context, path, written.after.value.span, taken):
            continue
        made, decision = _decided(context, path, written.op, FUSIONS, where)
        if made is None:
            context.incomplete.add("fusion")
        else:
            slots.append(
                FusionSlot(
                    path=path,
                    source=source.name,
                    target=target.name,
                    stage=stage,
                    group=index,
                    merge=written.merge,
                    alternatives=made,
                    decision=decision,
                )
            )
    return slots


def _check_fused_frames(
    context: Context, fusion: ast.Fusion, source: Stream, target: Stream, places: Sequence[Place]
) -> bool:
    """Whether the source has a multiple of the receiver's frames at every place; else TS303, for the first one."""
    if not context.frames_known(source.name, target.name):
        return True
    if source.frames > target.frames and source.frames % target.frames:
        return False  # `check_frames` has said so
    for stage, index in places:
        more, fewer = source.frames_after(stage, index), target.frames_after(stage, index)
        if more % fewer == 0:
            continue
        strided = more != source.frames or fewer != target.frames
        at = f" after stage {stage} group {index}" if strided else ""
        is_less = more < fewer
        context.report(
            "TS303",
            fusion.source.span.to(fusion.target.span),
            f"`{source.name}` has fewer frames than `{target.name}`{at}: {more} for {fewer}"
            if is_less
            else f"{fewer} frames of `{target.name}`{at} do not divide {more} of `{source.name}`",
            label="nothing to stride over" if is_less else "does not divide",
            labels=[Label(context.origins[f"{target.name}.frames"], f"{target.frames} frames here")],
            help="fuse from the stream with more frames to the one with fewer"
            if is_less
            else "give both streams frame strides that divide their frames alike",
            fixes=[]
            if strided
            else [
                Fix(
                    "swap the streams",
                    (Edit(fusion.source.span, target.name), Edit(fusion.target.span, source.name)),
                )
            ],
        )
        return False
    return True


def resolve_attention(
    context: Context, attention: ast.Attention, streams: Mapping[str, Stream], taken: dict[str, Span]
) -> list[AttentionSlot]:
    """The slots of one `attention A, B { ... }`."""
    names = ", ".join(name.text for name in attention.streams)
    where = f"attention {names}"
    span = attention.streams[0].span.to(attention.streams[-1].span)
    written = _written(context, attention.attributes, span, where, attention.broken, False)
    fails = written is not None and not _alternatives_are_right(context, written.op.value, ATTENTIONS, where)
    if written is None or fails:
        context.incomplete.add("attention")
    slots = []
    for name in attention.streams:
        stream = streams.get(name.text)
        if stream is None:
            context.incomplete.add("attention")
            if not context.is_lossy:
                context.unknown_name(name, "stream", streams)
            continue
        if written is None:
            continue
        all_places = [(g.stage, g.index) for g in stream.groups]
        others = [other.text for other in attention.streams if other.text != stream.name]
        for stage, index in selected_places(context, written.after, stream.name, all_places, set(all_places), others):
            path = f"attention.{group_path(stream.name, stage, index)}"
            if fails or not _is_free(context, path, written.after.value.span, taken):
                continue
            made, decision = _decided(context, path, written.op, ATTENTIONS, where)
            if made is None:
                context.incomplete.add("attention")
            else:
                slots.append(
                    AttentionSlot(
                        path=path,
                        stream=stream.name,
                        stage=stage,
                        group=index,
                        alternatives=made,
                        decision=decision,
                    )
                )
    return slots


def _written(
    context: Context, attributes: Sequence[ast.Attribute], span: Span, where: str, broken: bool, merges: bool
) -> Written | None:
    known = ["after", "op", "merge"] if merges else ["after", "op"]
    given = context.attributes(attributes, known, where)
    if broken or context.missing(["after", "op"], given, span, where):
        return None
    merge = "concat"
    if "merge" in given:
        value = given["merge"].value
        name = value.bare_name if isinstance(value, ast.Selector) else None
        if name not in ("concat", "sum"):
            context.report(
                "TS201",
                value.span,
                "`merge` is concat or sum",
                label="unknown value",
                help=did_you_mean(name or "", ["concat", "sum"]),
                fixes=renames(name or "", value.span, ["concat", "sum"]),
            )
            context.incomplete.add("fusion")
        else:
            merge = name
    return Written(given["after"], given["op"], cast("Literal['concat', 'sum']", merge))


Made: TypeAlias = Callable[[str, Parent | None], Alternative | None]


def _alternatives(
    context: Context, op: ast.Expression, operators: Mapping[str, Operator], where: str
) -> list[tuple[str, Made]] | None:
    """The alternatives by name, each with what makes it at a place; None with diagnostics."""
    shared = shared_named(context, op)
    if shared is not None:
        op = shared.value
    if isinstance(op, ast.Sequence):
        braces = f"{{{context.text(op.span)}}}"
        context.report(
            "TS201",
            op.span,
            "several alternatives are a choice, which stands in braces",
            help=brief(f"write `{braces}`"),
            fixes=[replacement(f"write {braces}", op.span, braces, safe=True)],
        )
        return None
    items = op.items if isinstance(op, ast.Choice) else (op,)
    if not items:
        context.empty_choice(op.span)
        return None
    found: list[tuple[str, Made]] = []
    failed = False
    for item in items:
        call = item if isinstance(item, ast.Call) else None
        name = call.name if call else _bare(item)
        if name is not None and name.text in context.shared:
            context.report(
                "TS104",
                name.span,
                f"`{name.text}` is a shared decision, which stands alone",
                labels=[Label(context.shared[name.text].name.span, "shared here")],
                help=f"write only `{name.text}`, or write its alternatives out",
            )
            failed = True
            continue
        if name is None and (alone := shared_path(context, item)) is not None:
            context.report(
                "TS201",
                item.span,
                "a shared decision is used by its name alone",
                help=f"write `{alone}`",
                fixes=[replacement(f"write `{alone}`", item.span, alone, safe=True)],
            )
            failed = True
            continue
        if name is None:
            context.report("TS201", item.span, "an alternative is an operator or `none`", label="not an operator")
            failed = True
            continue
        if name.text != NONE and name.text not in operators:
            context.unknown_name(
                name,
                f"operator of {where.split(' ')[0]}",
                [NONE, *operators, *([] if isinstance(op, ast.Choice) else context.shared)],
            )
            failed = True
            continue
        if any(name.text == other for other, _ in found):
            first = next(other for other in items if _named(other) == name.text)
            same = context.text(first.span).split() == context.text(item.span).split()
            context.report(
                "TS203",
                name.span,
                f"`op` repeats `{name.text}`",
                label="again here",
                labels=[Label(first.span, "first given here")],
                help="remove one",
                fixes=[context.removal(f"remove the second {name.text}", item.span, safe=same)],
            )
            failed = True
            continue
        if name.text == NONE:
            if call is not None and call.arguments:
                context.report(
                    "TS105",
                    call.arguments[0].name.span,
                    "`none` has no attributes",
                    label="unknown attribute",
                    fixes=[replacement("leave `none` alone", call.span, NONE)],
                )
                failed = True
            found.append((NONE, lambda path, parent: Alternative(operator=NONE)))
        else:
            found.append((name.text, _maker(context, operators[name.text], call, name.span)))
    return None if failed else found


def _alternatives_are_right(
    context: Context, op: ast.Expression, operators: Mapping[str, Operator], where: str
) -> bool:
    """Whether the alternatives and their attributes are right, wherever they will stand; else diagnostics."""
    alone = replace(
        context,
        diagnostics=[],
        overrides=[],
        applied=set(),
        shared_uses={},
        shared_values={},
        postponed=[],
        decisions=[],
        origins=Origins(),
    )
    alternatives = _alternatives(alone, op, operators, where)
    for name, make in alternatives or ():
        make(f"{where}.{name}", None)
    context.diagnostics += alone.diagnostics
    return not alone.has_errors


def _maker(context: Context, operator: Operator, call: ast.Call | None, span: Span) -> Made:
    def make(path: str, parent: Parent | None) -> Alternative | None:
        settings = resolve_settings(
            context,
            operator.name,
            operator.attributes,
            call,
            f"{path}.op.{operator.name}",
            span=span,
            broken=call.broken if call else False,
            parent=parent,
        )
        return None if settings is None else Alternative(operator=operator.name, attributes=settings)

    return make


def _named(item: ast.Expression) -> str | None:
    name = item.name if isinstance(item, ast.Call) else _bare(item)
    return name.text if name is not None else None


def _bare(item: ast.Expression) -> ast.Name | None:
    return item.segments[0].word if isinstance(item, ast.Selector) and item.bare_name is not None else None


def _decided(
    context: Context, path: str, op: ast.Attribute, operators: Mapping[str, Operator], where: str
) -> tuple[tuple[Alternative, ...] | None, str | None]:
    """The alternatives made at a place, and the path of the decision between them."""
    own = f"{path}.op"
    written = overridden(context, own, op.value, slot=path)
    expression, pins = written.expression or op.value, written.pins
    shared = shared_named(context, expression)
    if shared is not None:
        if pins:
            report_fixed_use(context, own, shared, pins[0].span)
            return None, None
        context.shared_uses.setdefault(f"shared.{shared.name.text}", []).append(own)
        own = f"shared.{shared.name.text}"
        changed = overridden(context, own, shared.value)
        expression, pins = changed.expression or shared.value, changed.pins
    alternatives = _alternatives(context, expression, operators, where)
    if alternatives is None:
        return None, None
    for pin in pins:
        alternatives = _pinned(context, pin, alternatives, own)
    context.origins[path] = (pins[-1] if pins else expression).span
    decision = own if len(alternatives) > 1 else None
    names = tuple(name for name, _ in alternatives)
    if decision is not None and shared is not None:
        decide_shared(context, decision, names, expression.span)
    elif decision is not None:
        context.decide(decision, names, expression.span)
    made = []
    for name, make in alternatives:
        made.append(make(path, Parent(path=decision, value=name) if decision is not None else None))
    if any(alternative is None for alternative in made):
        return None, None
    return tuple(alternative for alternative in made if alternative is not None), decision


def _pinned(
    context: Context, pin: ast.Expression, alternatives: list[tuple[str, Made]], path: str
) -> list[tuple[str, Made]]:
    """The alternative that `fix` names alone; all of them, with a diagnostic, where it is not among them."""
    name = _bare(pin)
    kept = [alternative for alternative in alternatives if name is not None and alternative[0] == name.text]
    if kept:
        return kept
    before = len(context.diagnostics)
    if name is None:
        context.report("TS201", pin.span, "`fix` names an operator or `none`", help="use `free` to give attributes")
    else:
        known = [alternative for alternative, _ in alternatives]
        context.report(
            "TS207",
            pin.span,
            f"`{path}` is never `{name.text}`",
            label="not among its alternatives",
            help=did_you_mean(name.text, known) or f"it has {', '.join(known)}; `free` gives it others",
            fixes=renames(name.text, pin.span, known),
        )
    context.postpone(before)
    return alternatives


def _is_free(context: Context, path: str, span: Span, taken: dict[str, Span]) -> bool:
    if path in taken:
        if not any(d.code == "TS102" and d.span == span for d in context.diagnostics):
            context.duplicate(f"slot `{path}`", span, taken[path])
        return False
    taken[path] = span
    return True


def check_sizes(context: Context, slots: Sequence[Slot], sizes: Sizes) -> None:
    """Both streams of a fusion have the same height and width at its place (TS302)."""
    reported: set[tuple[str, str]] = set()
    for slot in slots:
        if not isinstance(slot, FusionSlot) or (slot.source, slot.target) in reported:
            continue
        source = group_path(slot.source, slot.stage, slot.group)
        target = group_path(slot.target, slot.stage, slot.group)
        if source not in sizes or target not in sizes:
            continue
        if sizes[source] != sizes[target]:
            reported.add((slot.source, slot.target))
            context.report(
                "TS302",
                context.origins[slot.path],
                f"{slot.path} joins {_by(sizes[source])} of `{slot.source}` to {_by(sizes[target])}",
                label="sizes differ",
                labels=[
                    Label(context.origins[source], f"{_by(sizes[source])} after this group"),
                    Label(context.origins[target], f"{_by(sizes[target])} after this group"),
                ],
                help="give both streams the same strides up to here",
            )


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
