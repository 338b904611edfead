"""Frames, rows and columns after each group, over all choices: whether strides and fused streams fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tsdsl.diagnostics import Edit, Fix, Label
from tsdsl.operators.layers import Sizes
from tsdsl.operators.strides import sizes_after_any
from tsdsl.operators.varying import Count, TableTooLarge, differs, either, exceeds, refuse_too_large, remainder
from tsdsl.source import Span
from tsdsl.space.combinations import Combination, combination
from tsdsl.space.parts import FusionSlot, Group, Slot, Stream, group_path
from tsdsl.space.reading import FirstBlock, Reading, symbolic_reading
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selection.places import Place
from tsdsl.syntax import ast

MAX_COMBINATIONS = 1 << 16
SizesByGroup: TypeAlias = Mapping[str, Sizes]


class _Met(NamedTuple):
    """A group, the sizes before and after it, and what its first block may be."""

    group: Group
    before: Sizes
    first: Sequence[FirstBlock]
    after: Sizes


def sizes_of(context: Context, stream: Stream, frames: int, side: int) -> dict[str, Sizes]:
    """The sizes after each group of a stream that sees so many frames; up to the first group that is not known."""
    return {met.group.path: met.after for met in _walk(context, stream, frames, side)}


def check_strides(context: Context, stream: Stream, side: int) -> dict[str, Sizes]:
    """The sizes after each group, as far as known; a stride above the size or frames that it meets is TS301.

    Sizes that depend on more than MAX_COMBINATIONS choices together are TS311.
    """
    sizes: dict[str, Sizes] = {}
    before = ""
    try:
        for met in _walk(context, stream, stream.frames, side):
            if not _strides_fit(context, stream, met, before):
                break
            before = met.group.path
            sizes[before] = met.after
    except TableTooLarge as error:
        group = next(group.path for group in stream.groups if group.path not in sizes)
        _report_too_many(context, context.origins[group], f"after `{group}`", error)
        context.uncertain.add(group)
    return sizes


def _report_too_many(context: Context, span: Span, where: str, error: TableTooLarge) -> None:
    names = ", ".join(sorted(axis.path for axis in error.axes))
    context.report(
        "TS311",
        span,
        f"the sizes {where} depend on more than {MAX_COMBINATIONS:,} combinations of choices: {names}",
        label="too many sizes",
        help="give several strides one `shared` decision, or fix some of them",
    )


def _walk(context: Context, stream: Stream, frames: int, side: int) -> Iterator[_Met]:
    reading = _reading(context)
    sizes: Sizes = (frames, side, side)
    for group in stream.groups:
        if group.path in context.uncertain:
            return
        first = tuple(reading.first_blocks(group))
        after = sizes_after_any(sizes, [(one.condition, one.strides) for one in first])
        _refuse_too_many(after)
        yield _Met(group, sizes, first, after)
        sizes = after


def _refuse_too_many(sizes: Iterable[Count]) -> None:
    refuse_too_large({axis for size in sizes for axis in getattr(size, "scope", ())}, MAX_COMBINATIONS)


def _reading(context: Context) -> Reading:
    return symbolic_reading(context.decisions, {d.path: rank for rank, d in enumerate(context.decisions)})


def _strides_fit(context: Context, stream: Stream, met: _Met, before: str) -> bool:
    frames, side, _ = met.before
    for one in met.first:
        frame_stride, stride, _ = one.strides
        found = _where(context, exceeds(frame_stride, frames) * one.condition)
        if found is not None and f"{stream.name}.frames" not in context.uncertain:
            context.report(
                "TS301",
                _origin(context, met.group, one, "frame_stride"),
                f"{found.prefix}the frame stride {found.of(frame_stride)} is larger than the {found.of(frames)} frames "
                "left here",
                label="leaves no frame",
                help="use a smaller frame stride, or raise `frames`",
            )
            context.uncertain.add(met.group.path)
            return False
        found = _where(context, exceeds(stride, side) * one.condition)
        if found is not None:
            left = f"{found.of(side)} x {found.of(side)}"
            context.report(
                "TS301",
                _origin(context, met.group, one, "stride"),
                f"{found.prefix}the stride {found.of(stride)} is larger than its {left} map",
                label="leaves no pixel",
                labels=[Label(context.origins[before], f"{left} after this group")] if before else [],
                help="use a smaller stride, or raise `size`",
            )
            return False
    return True


def _where(context: Context, flag: Count) -> Combination | None:
    return combination(flag, {decision.path: decision for decision in context.decisions})


def _origin(context: Context, group: Group, one: FirstBlock, name: str) -> Span:
    """Where a stride is written, or else its group."""
    own = f"{group.path}{'.block1' if group.is_each else ''}.op.{one.alternative.name}.{name}"
    written = (path for path in (own, f"{group.path}.{name}") if path in context.origins)
    return context.origins[next(written, group.path)]


def check_fused_frames(
    context: Context,
    fusion: ast.Fusion,
    source: Stream,
    target: Stream,
    places: Sequence[Place],
    sizes: SizesByGroup,
) -> bool:
    """Whether the source has a multiple of the receiver's frames at every place; else TS303, for the first one.

    Sizes of both that depend on more than MAX_COMBINATIONS choices together are TS311.
    """
    for stage, index in places:
        both = [sizes.get(group_path(stream.name, stage, index), ()) for stream in (source, target)]
        try:
            _refuse_too_many(size for of_stream in both for size in of_stream)
        except TableTooLarge as error:
            span = fusion.source.span.to(fusion.target.span)
            _report_too_many(context, span, f"of both streams after stage {stage} group {index}", error)
            return False
    if not context.frames_known(source.name, target.name):
        return True
    if source.frames > target.frames and source.frames % target.frames:
        return False  # `check_frames` has said so
    for stage, index in places:
        found = frames_differ(context, source.name, target.name, (stage, index), sizes)
        if found is None:
            continue
        where, more, fewer = found
        is_strided = more != source.frames or fewer != target.frames
        at = f" after stage {stage} group {index}" if is_strided else ""
        is_less = more < fewer
        context.report(
            "TS303",
            fusion.source.span.to(fusion.target.span),
            f"{where.prefix}`{source.name}` has fewer frames than `{target.name}`{at}: {more} for {fewer}"
            if is_less
            else f"{where.prefix}{fewer} frames of `{target.name}`{at} do not divide {more} of `{source.name}`",
            label="fewer frames than the receiver" if is_less else "does not divide",
            labels=[Label(context.origins[f"{target.name}.frames"], f"{target.frames} frames here")],
            help=_remedy(where, "frame_stride")
            if where.text
            else f"fuse from the stream with more frames: `{target.name} -> {source.name}`"
            if is_less
            else "choose `frames` and frame strides so that one divides the other here",
            fixes=[]
            if is_strided
            else [
                Fix(
                    "swap the streams",
                    (Edit(fusion.source.span, target.name), Edit(fusion.target.span, source.name)),
                )
            ],
        )
        return False
    return True


def _remedy(found: Combination, name: str) -> str:
    """What makes streams fit that do not with some choices."""
    if any(path.endswith((".op", ".repeat")) for path in found.chosen):
        return f"give the `{name}` to a group of its own, of one operator, that is always there"
    return f"let the streams share it (`shared down = {{1, 2}}` and `{name} = down` in both), or fix the strides"


def frames_differ(
    context: Context, source: str, target: str, place: Place, sizes: SizesByGroup
) -> tuple[Combination, int, int] | None:
    """Choices with which the receiver's frames do not divide the source's, and both numbers; None without any."""
    paths = group_path(source, *place), group_path(target, *place)
    if any(path not in sizes for path in paths):
        return None
    more, fewer = (sizes[path][0] for path in paths)
    found = _where(context, exceeds(remainder(more, fewer), 0))
    return (found, found.of(more), found.of(fewer)) if found is not None else None


def check_fused_maps(
    context: Context, slots: Sequence[Slot], sizes: SizesByGroup, at: Span | None = None, when: str = ""
) -> None:
    """Both streams of a fusion have the same height and width at its place (TS302).

    It is reported at the slot, or `at` the place that gives the streams other sizes.
    """
    reported: set[tuple[str, str]] = set()
    for slot in slots:
        if not isinstance(slot, FusionSlot) or (slot.source, slot.target) in reported:
            continue
        source = group_path(slot.source, slot.stage, slot.group)
        target = group_path(slot.target, slot.stage, slot.group)
        if source not in sizes or target not in sizes:
            continue
        (_, *one), (_, *other) = sizes[source], sizes[target]
        found = _where(context, either(differs(one[0], other[0]), differs(one[1], other[1])))
        if found is not None:
            reported.add((slot.source, slot.target))
            here, there = (" x ".join(str(found.of(size)) for size in both) for both in (one, other))
            context.report(
                "TS302",
                at or context.origins[slot.path],
                f"{when}{found.prefix}{slot.path} fuses maps of different sizes: {here} of `{slot.source}` and {there} "
                f"of `{slot.target}`",
                label="sizes differ",
                labels=[
                    Label(context.origins[source], f"{here} after this group"),
                    Label(context.origins[target], f"{there} after this group"),
                ],
                help=_remedy(found, "stride") if found.text else "give both streams the same strides up to this place",
            )
