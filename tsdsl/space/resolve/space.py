"""Resolving one space, written out with what it derives from, in ten readable lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from tsdsl.diagnostics import Diagnostic, Label, replacement
from tsdsl.diagnostics.suggest import meant, similar
from tsdsl.operators.head import HEADS, PROJECTED
from tsdsl.operators.layers import Sizes
from tsdsl.source import Span
from tsdsl.space.model import Space
from tsdsl.space.parts import AttentionSlot, FusionSlot, Head, Slot, Stream
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.derive import Declaration, Flat
from tsdsl.space.resolve.mentions import has_gaps, mentions
from tsdsl.space.resolve.parts.groups import check_block_alias
from tsdsl.space.resolve.parts.literals import domain_values
from tsdsl.space.resolve.parts.settings import report_lacking, resolve_settings
from tsdsl.space.resolve.parts.sizes import SizesByGroup, check_fused_maps, check_strides
from tsdsl.space.resolve.parts.slots import resolve_attention, resolve_fusion
from tsdsl.space.resolve.parts.steps import MAX_PIXELS, resolve_models, resolve_steps
from tsdsl.space.resolve.parts.streams import check_frames, resolve_stream
from tsdsl.space.resolve.parts.values import whole
from tsdsl.space.resolve.relations.requires import resolve_requires
from tsdsl.space.resolve.selection.overrides import report_idle
from tsdsl.syntax import ast

MAX_CLASSES = 1_000_000

T = TypeVar("T", bound=ast.Item)


def resolve_space(context: Context, flat: Flat) -> Space | None:
    """The space, or None with diagnostics."""
    space = _resolved(context, flat)
    context.diagnostics += context.postponed
    return None if context.has_errors else space


def _resolved(context: Context, flat: Flat) -> Space | None:
    space = flat.written
    context.own_level = flat.level
    context.origins["space"] = space.name.span
    written = [item for item in _items(flat, ast.Attribute) if not _is_domain(context, item, space.name.text)]
    given = context.attributes(written, ["classes", "size"], f"space `{space.name.text}`")
    if not space.loses_names and not context.has_wrong_base:
        context.missing(["classes", "size"], given, space.name.span, f"space `{space.name.text}`")
    classes = whole(context, given["classes"].value, "`classes`", 2, MAX_CLASSES) if "classes" in given else None
    size = whole(context, given["size"].value, "`size`", 1, MAX_PIXELS) if "size" in given else None
    _declare(context, flat)
    streams = _streams(context, flat)
    report_lacking(context)
    order = {name: rank for rank, name in enumerate(["shared", *streams])}
    context.decisions.sort(key=lambda decision: order[decision.path.split(".", 1)[0]])
    sizes: dict[str, Sizes] = {}
    check_frames(context, streams)
    for stream in streams.values():
        sizes |= check_strides(context, stream, size or MAX_PIXELS)
    slots = _slots(context, flat, streams, sizes)
    context.decisions.sort(key=lambda decision: not decision.path.startswith("shared."))
    check_fused_maps(context, slots, sizes)
    head = _head(context, flat)
    models = resolve_models(context, _placed(flat, ast.Model), streams, slots)
    steps = resolve_steps(context, _placed(flat, ast.Step), context.decisions, streams, slots)
    requires = resolve_requires(context, _items(flat, ast.Require), streams, slots, head)
    report_idle(context, flat.level)
    _report_unused(context, flat)
    if context.has_errors or classes is None or size is None or head is None:
        return None
    if context.is_lossy or context.uncertain or context.incomplete or any(s.broken for s in (space, *flat.bases)):
        return None  # reported elsewhere
    return Space(
        name=space.name.text,
        classes=classes,
        size=size,
        streams=tuple(streams.values()),
        fusions=tuple(slot for slot in slots if isinstance(slot, FusionSlot)),
        attentions=tuple(slot for slot in slots if isinstance(slot, AttentionSlot)),
        head=head,
        decisions=tuple(context.decisions),
        steps=steps,
        models=models,
        requires=requires,
    )


def _is_domain(context: Context, item: ast.Attribute, space: str) -> bool:
    """Whether an attribute is a domain without its keyword, which is reported and read as one."""
    name = item.name.text
    if not isinstance(item.value, ast.Choice | ast.Range) or similar(name, ["classes", "size"]):
        return False
    context.report(
        "TS105",
        item.name.span,
        f"space `{space}` has no attribute `{name}`",
        label="unknown attribute",
        help=f"to declare a set of values, write `domain {name} = ...`",
        fixes=[replacement("insert `domain`", Span(item.span.start, item.span.start), "domain ", safe=True)],
    )
    context.domains[name] = ast.Domain(item.name, item.value, item.span)
    return True


def as_seen_from(flat: Flat, diagnostic: Diagnostic) -> Diagnostic:
    """A diagnostic of a derived space as one of its own text.

    An error in what it inherits is reported at its name, and the place in the base becomes a label.
    """
    if not is_taken_over(flat, diagnostic.span):
        return diagnostic
    there = Label(diagnostic.span, diagnostic.label or "inherited from here")
    name = flat.written.name.text
    label, notes = f"in a declaration that `{name}` uses", diagnostic.notes
    if flat.bases:
        label = f"in what `{name}` inherits"
        if diagnostic.code.startswith("TS3"):
            notes = (*notes, f"replace what no longer fits in `{name}`, or leave it out with `without`")
    labels = (there, *diagnostic.labels)
    return replace(diagnostic, span=flat.written.name.span, label=label, labels=labels, notes=notes, fixes=())


def is_taken_over(flat: Flat, span: Span) -> bool:
    """Whether a place is in what a space takes over, not in its own text."""
    return span.source != flat.written.span.source or any(_is_within(span, base.span) for base in flat.bases)


def _is_within(span: Span, outer: Span) -> bool:
    return span.source == outer.source and outer.start <= span.start and span.end <= outer.end


def _placed(flat: Flat, kind: type[T]) -> list[tuple[T, int]]:
    """The items of a kind, each with its level."""
    return [(entry.item, entry.level) for entry in flat.items if isinstance(entry.item, kind)]


def _items(flat: Flat, kind: type[T]) -> list[T]:
    return [item for item, _ in _placed(flat, kind)]


def check_declarations(context: Context, declarations: Iterable[Declaration]) -> None:
    """Report what is wrong with the declarations outside of a file's spaces, whether they are used or not."""
    alone = Context(context.source)
    for item in declarations:
        _known(alone, item)
    _check_known(alone, {**alone.domains, **alone.blocks})
    context.diagnostics += alone.diagnostics


def _declare(context: Context, flat: Flat) -> None:
    """Collect overrides and declared names, so that they can be used before they are written."""
    context.overrides += _placed(flat, ast.Override)
    for declaration in flat.declarations:
        _known(context, declaration)
    spans: dict[str, Span] = {}  # what is declared outside has been checked there
    for item in (entry.item for entry in flat.items):
        if isinstance(item, ast.Domain | ast.Shared | ast.BlockAlias):
            name = item.name.text
            if name in spans:
                context.duplicate(f"`{name}`", item.name.span, spans[name])
                continue
            spans[name] = item.name.span
            _known(context, item)
    _check_known(context, spans)


def _known(context: Context, item: ast.Domain | ast.Shared | ast.BlockAlias) -> None:
    """Make a name known; what it meant outside of the space is hidden."""
    name = item.name.text
    for table in (context.domains, context.shared, context.blocks):
        table.pop(name, None)
    match item:
        case ast.Domain():
            context.domains[name] = item
        case ast.Shared():
            context.shared[name] = item
        case ast.BlockAlias():
            context.blocks[name] = item


def _check_known(context: Context, names: Collection[str]) -> None:
    """Report what is wrong with these declared names, whether they are used or not."""
    for name in names:
        if name in context.domains:
            domain_values(context, context.domains[name])
        elif name in context.blocks:
            check_block_alias(context, context.blocks[name])
        elif isinstance(value := context.shared[name].value, ast.Choice) and not value.items:
            context.empty_choice(value.span)


def _streams(context: Context, flat: Flat) -> dict[str, Stream]:
    """The streams by name, with what is known of those in which something is wrong."""
    space, written = flat.written, _placed(flat, ast.Stream)
    if not written and not space.loses_names and not context.has_wrong_base:
        context.report(
            "TS307",
            space.name.span,
            f"space `{space.name.text}` has no streams",
            help="add `stream NAME { ... }`",
        )
    streams: dict[str, Stream] = {}
    context.lacks_declarations = any(one.loses_declarations for one in (space, *flat.bases))
    context.is_lossy = not written or any(one.loses_names for one in (space, *flat.bases))
    spans: dict[str, Span] = {}
    for item, level in written:
        context.level = level
        if item.name.text in spans:
            context.duplicate(f"stream `{item.name.text}`", item.name.span, spans[item.name.text])
            context.is_lossy = True  # it was meant to have another name, which others may use
            continue
        spans[item.name.text] = item.name.span
        streams[item.name.text] = resolve_stream(context, item)
    return streams


def _slots(context: Context, flat: Flat, streams: dict[str, Stream], sizes: SizesByGroup) -> list[Slot]:
    """The fusion slots, then the attention slots."""
    taken: dict[str, Span] = {}
    slots: list[Slot] = []
    pairs = {(f.source.text, f.target.text) for f in _items(flat, ast.Fusion)}
    for fusion, level in _placed(flat, ast.Fusion):
        context.level = level
        prefix = "fusion" if len(pairs) == 1 else f"fusion.{fusion.source.text}_to_{fusion.target.text}"
        slots += resolve_fusion(context, fusion, streams, sizes, prefix, taken)
    for attention, level in _placed(flat, ast.Attention):
        context.level = level
        slots += resolve_attention(context, attention, streams, taken)
    return slots


def _head(context: Context, flat: Flat) -> Head | None:
    written = _placed(flat, ast.Head)
    for again, _ in written[1:]:
        context.duplicate("`head`", again.span, written[0][0].span)
    head, context.level = written[0] if written else (None, flat.level)
    if head is None:
        return Head(attributes={})
    call = ast.Call(ast.Name("head", head.span), head.attributes, head.broken, head.span)
    named = (a.value for a in call.arguments if a.name.text == "kind")
    words = (value.bare_name for value in named if isinstance(value, ast.Selector))
    kind = next((word for word in words if word in HEADS), None) or PROJECTED
    where = "head" if kind == PROJECTED else f"head of kind {kind}"
    settings = resolve_settings(context, where, HEADS[kind].attributes, call, "head")
    return None if settings is None else Head(attributes=settings)


def _report_unused(context: Context, flat: Flat) -> None:
    """Warn of names that this space declares, in its own text, and does not mention (TS103)."""
    own = (entry.item for entry in flat.items if entry.level == flat.level)
    declared = [item for item in own if isinstance(item, ast.Domain | ast.Shared | ast.BlockAlias)]
    if not declared or has_gaps(flat.written):
        return
    used = mentions(tuple(entry.item for entry in flat.items))
    if flat.bases:
        used |= mentions(flat.written)
    for item in declared:
        report_unused(context, item, used)


def report_unused(context: Context, item: ast.Domain | ast.Shared | ast.BlockAlias, used: Collection[str]) -> None:
    """Warn of a declared name that is not among the used."""
    if item.name.text in used:
        return
    if any(d.code == "TS101" for d in context.diagnostics) and any(
        meant(word, [item.name.text]) == item.name.text for word in used
    ):
        return  # it is used where it is misspelt
    kind = _KINDS[type(item)]
    context.report(
        "TS103",
        item.name.span,
        f"{kind} `{item.name.text}` is never used",
        help=f"use it, or remove the {kind}",
        fixes=[context.removal(f"remove {kind} `{item.name.text}`", item.span)],
    )


_KINDS = {ast.Domain: "domain", ast.Shared: "shared decision", ast.BlockAlias: "block"}
