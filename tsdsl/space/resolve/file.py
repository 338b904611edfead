"""Resolving a file: its version, then each space in ten readable lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from tsdsl.diagnostics import Diagnostic, replacement
from tsdsl.operators.head import HEADS, PROJECTED
from tsdsl.source import SourceFile, Span
from tsdsl.space.model import Head, Slot, Space, Stream
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.mentions import mentions
from tsdsl.space.resolve.slots import check_sizes, resolve_attention, resolve_fusion
from tsdsl.space.resolve.steps import MOST_PIXELS, resolve_models, resolve_steps
from tsdsl.space.resolve.streams import (
    check_block_alias,
    check_frames,
    check_strides,
    resolve_settings,
    resolve_stream,
)
from tsdsl.space.resolve.values import domain_values, whole
from tsdsl.syntax import ast
from tsdsl.syntax.parser import parse

LANGUAGE_VERSION = 1
MOST_CLASSES = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResolvedSpace:
    """A space, and where each of its parts is written, by path."""

    space: Space
    origins: Mapping[str, Span]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The spaces of a file that have no errors, and everything that is wrong with the file."""

    source: SourceFile
    spaces: tuple[ResolvedSpace, ...]
    diagnostics: tuple[Diagnostic, ...]


def resolve(source: SourceFile) -> Resolved:
    """Parse and resolve a text. Never raises, whatever the text."""
    parsed = parse(source)
    context = Context(source, list(parsed.diagnostics))
    _check_version(context, parsed.file)
    if not parsed.file.spaces and not parsed.file.broken and not context.has_errors:
        at = Span(max(0, len(source.text.rstrip()) - 1), len(source.text.rstrip()))
        context.report("TS005", at, "there is no space in this file", help="add `space NAME { ... }`")
    spaces: list[ResolvedSpace] = []
    diagnostics = list(context.diagnostics)
    seen: dict[str, Span] = {}
    for space in parsed.file.spaces:
        own = Context(source)
        if space.name.text in seen:
            own.duplicate(f"space `{space.name.text}`", space.name.span, seen[space.name.text])
        seen.setdefault(space.name.text, space.name.span)
        resolved = _resolve_space(own, space)
        diagnostics += own.diagnostics
        if resolved is not None and not own.has_errors:
            spaces.append(ResolvedSpace(resolved, own.origins))
    return Resolved(source, tuple(spaces), tuple(diagnostics))


def _check_version(context: Context, file: ast.File) -> None:
    if file.version is None:
        if not file.broken:
            first = f"tsspace {LANGUAGE_VERSION}"
            context.report(
                "TS004",
                Span(0, 0),
                "the language version is missing",
                help=f"begin the file with `{first}`",
                fixes=[replacement(f"begin with `{first}`", Span(0, 0), f"{first}\n", safe=True)],
            )
    elif file.version.value != LANGUAGE_VERSION:
        context.report(
            "TS004",
            file.version.span,
            f"the file has language version {file.version.value}, this tool knows {LANGUAGE_VERSION}",
            help="install a newer tsdsl" if file.version.value > LANGUAGE_VERSION else "write `tsspace 1`",
        )


def _items(space: ast.Space, kind: type[T]) -> list[T]:
    return [item for item in space.items if isinstance(item, kind)]


def _resolve_space(context: Context, space: ast.Space) -> Space | None:
    context.origins["space"] = space.name.span
    given = context.attributes(_items(space, ast.Attribute), ["classes", "size"], f"space `{space.name.text}`")
    if not space.broken:
        context.missing(["classes", "size"], given, space.name.span, f"space `{space.name.text}`")
    classes = whole(context, given["classes"].value, "`classes`", 2, MOST_CLASSES) if "classes" in given else None
    size = whole(context, given["size"].value, "`size`", 1, MOST_PIXELS) if "size" in given else None
    _declare(context, space)
    streams = _streams(context, space)
    if streams is None:
        _report_unused(context, space)
        return None
    context.decisions.sort(key=lambda decision: list(streams).index(decision.path.split(".", 1)[0]))
    sizes: dict[str, tuple[int, int]] = {}
    check_frames(context, streams)
    for stream in streams.values():
        sizes |= check_strides(context, stream, size or MOST_PIXELS)
    taken: dict[str, Span] = {}
    written = _items(space, ast.Fusion)
    pairs = {(f.source.text, f.target.text) for f in written}
    fusions = [
        slot
        for f in written
        for slot in resolve_fusion(
            context,
            f,
            streams,
            "fusion" if len(pairs) == 1 else f"fusion.{f.source.text}_to_{f.target.text}",
            taken,
        )
    ]
    attentions = [slot for a in _items(space, ast.Attention) for slot in resolve_attention(context, a, streams, taken)]
    if context.has_errors:
        # Slots may be missing because of what was wrong before: a selector of them is then no mistake.
        context.incomplete.update(("fusion", "attention"))
    check_sizes(context, fusions, sizes)
    head = _head(context, space)
    slots: tuple[Slot, ...] = (*fusions, *attentions)
    models = resolve_models(context, _items(space, ast.Model), streams, slots)
    steps = resolve_steps(context, _items(space, ast.Step), context.decisions, streams, slots)
    _report_unused(context, space)
    if context.has_errors or classes is None or size is None or head is None or space.broken:
        return None
    return Space(
        name=space.name.text,
        classes=classes,
        size=size,
        streams=tuple(streams.values()),
        fusions=tuple(fusions),
        attentions=tuple(attentions),
        head=head,
        decisions=tuple(context.decisions),
        steps=steps,
        models=models,
    )


def _declare(context: Context, space: ast.Space) -> None:
    """Collect domains and block aliases, so that they can be used before they are written."""
    spans: dict[str, Span] = {}
    for item in space.items:
        if isinstance(item, ast.Domain | ast.BlockAlias):
            name = item.name.text
            if name in spans:
                context.duplicate(f"`{name}`", item.name.span, spans[name])
                continue
            spans[name] = item.name.span
            if isinstance(item, ast.Domain):
                context.domains[name] = item
            else:
                context.blocks[name] = item
    for domain in context.domains.values():
        domain_values(context, domain)
    for alias in context.blocks.values():
        check_block_alias(context, alias)


def _streams(context: Context, space: ast.Space) -> dict[str, Stream] | None:
    written = _items(space, ast.Stream)
    if not written and not space.broken:
        context.report(
            "TS307",
            space.name.span,
            f"space `{space.name.text}` has no streams",
            help="add `stream NAME { ... }`",
        )
    streams: dict[str, Stream] = {}
    failed = not written
    spans: dict[str, Span] = {}
    for item in written:
        if item.name.text in spans:
            context.duplicate(f"stream `{item.name.text}`", item.name.span, spans[item.name.text])
            continue
        spans[item.name.text] = item.name.span
        stream = resolve_stream(context, item)
        if stream is None:
            failed = True
        else:
            streams[stream.name] = stream
    return None if failed else streams


def _head(context: Context, space: ast.Space) -> Head | None:
    written = _items(space, ast.Head)
    for again in written[1:]:
        context.duplicate("`head`", again.span, written[0].span)
    if not written:
        return Head(attributes={})
    call = ast.Call(ast.Name("head", written[0].span), written[0].attributes, written[0].broken, written[0].span)
    named = (a.value for a in call.arguments if a.name.text == "kind")
    words = (value.bare_name for value in named if isinstance(value, ast.Selector))
    kind = next((word for word in words if word in HEADS), None) or PROJECTED
    where = "head" if kind == PROJECTED else f"head of kind {kind}"
    settings = resolve_settings(context, where, HEADS[kind].attributes, call, "head", broken=written[0].broken)
    return None if settings is None else Head(attributes=settings)


def _report_unused(context: Context, space: ast.Space) -> None:
    if space.broken:
        return
    used = mentions(space)
    for kind, declared in (("domain", context.domains), ("block", context.blocks)):
        for name, item in declared.items():
            if name not in used:
                context.report(
                    "TS103",
                    item.name.span,
                    f"{kind} `{name}` is never used",
                    help="use it, or remove it",
                    fixes=[context.removal(f"remove {kind} `{name}`", item.span)],
                )
