"""Fusion and attention slots: places selected, alternatives resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

from tsdsl.operators.fusion import MERGE
from tsdsl.operators.registry import ATTENTIONS, FUSIONS
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import AttentionSlot, DecisionRef, FusionSlot, Stream, group_path
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.alternatives import Chosen, alternatives_are_right, chosen
from tsdsl.space.resolve.parts.settings import Given, settings_at
from tsdsl.space.resolve.parts.sizes import SizesByGroup, check_fused_frames
from tsdsl.space.resolve.selection.places import selected_places
from tsdsl.syntax import ast

Merge: TypeAlias = Literal["concat", "sum"]


@dataclass(frozen=True, slots=True)
class Written:
    """A slot statement whose attributes are known: where its slots are, and what they may hold."""

    after: ast.Attribute
    op: ast.Attribute
    merge: ast.Attribute | None = None

    @property
    def merges(self) -> Given:
        """`merge` as an attribute that is given, if it is."""
        return {} if self.merge is None else {"merge": self.merge}


def resolve_fusion(
    context: Context,
    fusion: ast.Fusion,
    streams: Mapping[str, Stream],
    sizes: SizesByGroup,
    prefix: str,
    taken: dict[str, Span],
) -> list[FusionSlot]:
    """The slots of one `fusion A -> B { ... }`; `sizes` are those after each group."""
    names = (fusion.source, fusion.target)
    known = True
    for name in names:
        if name.text not in streams:
            if not context.is_lossy:
                context.unknown_name(name, "stream", streams)
            known = False
    if known and names[0].text == names[1].text:
        context.report(
            "TS104",
            names[1].span,
            f"a fusion needs two different streams, got `{names[1].text}` twice",
            help="name another stream",
        )
        known = False
    where = f"fusion {fusion.source.text} -> {fusion.target.text}"
    written = _written(
        context, fusion.attributes, fusion.source.span.to(fusion.target.span), where, fusion.broken, True
    )
    fails = written is not None and not (
        alternatives_are_right(context, written.op.value, FUSIONS, where) & _merge_is_right(context, written, where)
    )
    if not known or written is None:
        context.incomplete.add("fusion")
        return []
    source, target = streams[fusion.source.text], streams[fusion.target.text]
    with_successor = {(g.stage, g.index) for g in target.groups[:-1]}
    in_both = {(g.stage, g.index) for g in source.groups} & {(g.stage, g.index) for g in target.groups}
    places = selected_places(context, written.after, target.name, sorted(in_both), with_successor, (), source.name)
    if not check_fused_frames(context, fusion, source, target, places, sizes) or fails:
        context.incomplete.add("fusion")
        return []
    slots = []
    for stage, index in places:
        path = f"{prefix}.stage{stage}.group{index}"
        if not _is_free(context, path, written.after.value.span, taken):
            continue
        choice = chosen(context, path, written.op, FUSIONS, where)
        merge = _merge(context, written, path, choice) if choice is not None else "concat"
        made = choice.made(path, {"merge": merge}) if choice is not None else None
        if choice is None or made is None:
            context.incomplete.add("fusion")
            continue
        slots.append(
            FusionSlot(
                path=path,
                source=source.name,
                target=target.name,
                stage=stage,
                group=index,
                merge=merge,
                alternatives=made,
                decision=choice.decision,
            )
        )
    return slots


def _merge_is_right(context: Context, written: Written, where: str) -> bool:
    """Whether what is written for `merge` is right at any place; otherwise adds diagnostics."""
    alone = context.scratch()
    settings_at(alone, (MERGE,), written.merges, where)
    context.diagnostics += alone.diagnostics
    return not alone.has_errors


def _merge(context: Context, written: Written, path: str, choice: Chosen) -> Merge | DecisionRef:
    """How a slot merges; a decision exists where the slot holds an operator, so none in a slot that never does."""
    own = context if choice.operators else context.scratch()
    found = settings_at(own, (MERGE,), written.merges, path, choice.where_present).get("merge", MERGE.default)
    if not choice.operators and isinstance(found, DecisionRef):
        found = own.decisions[0].values[0]
    return cast("Merge | DecisionRef", found)


def resolve_attention(
    context: Context, attention: ast.Attention, streams: Mapping[str, Stream], taken: dict[str, Span]
) -> list[AttentionSlot]:
    """The slots of one `attention A, B { ... }`."""
    names = ", ".join(name.text for name in attention.streams)
    where = f"attention {names}"
    span = attention.streams[0].span.to(attention.streams[-1].span)
    written = _written(context, attention.attributes, span, where, attention.broken, False)
    fails = written is not None and not alternatives_are_right(context, written.op.value, ATTENTIONS, where)
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
            choice = chosen(context, path, written.op, ATTENTIONS, where)
            made = choice.made(path) if choice is not None else None
            if choice is None or made is None:
                context.incomplete.add("attention")
            else:
                slots.append(
                    AttentionSlot(
                        path=path,
                        stream=stream.name,
                        stage=stage,
                        group=index,
                        alternatives=made,
                        decision=choice.decision,
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
    return Written(given["after"], given["op"], given.get("merge"))


def _is_free(context: Context, path: str, span: Span, taken: dict[str, Span]) -> bool:
    if path in taken:
        if not any(d.code == "TS102" and d.span == span for d in context.diagnostics):
            context.duplicate(f"slot `{path}`", span, taken[path])
        return False
    taken[path] = span
    return True
