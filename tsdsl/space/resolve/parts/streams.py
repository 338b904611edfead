"""Streams and stages: what they hold, and whether their frames fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from tsdsl.diagnostics import Label, replacement
from tsdsl.source import Span
from tsdsl.space.parts import Stage, Stream
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.groups import resolve_group
from tsdsl.space.resolve.parts.values import whole
from tsdsl.syntax import ast

MAX_FRAMES = 4096


def resolve_stream(context: Context, stream: ast.Stream) -> Stream:
    """A stream with its stages; where something in it could not be resolved, what is known of it."""
    name = stream.name.text
    context.origins[name] = stream.name.span
    if name == "training":  # torch sets an attribute of this name on every module
        context.report(
            "TS109",
            stream.name.span,
            "a stream cannot be named `training`, as PyTorch's modules have an attribute of this name",
            label="taken by PyTorch",
            help="choose another name",
        )
    given = context.attributes(stream.attributes, ["frames"], f"stream `{name}`")
    frames = None
    if stream.broken and "frames" not in given:
        pass
    elif not context.missing(["frames"], given, stream.name.span, f"stream `{name}`"):
        frames = whole(context, given["frames"].value, "`frames`", 1, MAX_FRAMES)
        context.origins[f"{name}.frames"] = given["frames"].value.span
    if frames is None:
        context.uncertain.add(f"{name}.frames")
    if stream.broken:
        context.incomplete.add(name)
    seen: dict[int, Span] = {}
    stages: list[Stage] = []
    for stage in stream.stages:
        index = whole(context, stage.index, "a stage number", 0, 999)
        if index is None or index in seen:
            context.incomplete.add(name)
        if index is None:
            continue
        if index in seen:
            context.duplicate(f"stage {index} of `{name}`", stage.index.span, seen[index])
            continue
        if seen and index < max(seen):
            context.report(
                "TS309",
                stage.index.span,
                f"stage {index} comes after stage {max(seen)}",
                label="out of order",
                help="write stages in the order they run, with rising numbers",
            )
        seen[index] = stage.index.span
        stages.append(resolve_stage(context, name, index, stage))
    if not stream.stages and not stream.broken:
        context.report("TS307", stream.name.span, f"stream `{name}` has no stages", help="add `stage 0 { ... }`")
    if not any(stage.groups for stage in stages):
        context.incomplete.add(name)
    return Stream(name=name, frames=frames or 1, stages=tuple(stages))


def resolve_stage(context: Context, stream: str, index: int, stage: ast.Stage) -> Stage:
    """A stage with its groups."""
    context.origins[f"{stream}.stage{index}"] = stage.index.span
    if not stage.groups and not stage.broken:
        context.report(
            "TS307",
            stage.index.span,
            f"stage {index} of `{stream}` has no groups",
            label="empty",
            help="add a group or remove the stage",
        )
    if not stage.groups or stage.broken:
        context.incomplete.add(stream)
    groups = [resolve_group(context, stream, index, number, g) for number, g in enumerate(stage.groups, 1)]
    return Stage(index=index, groups=tuple(groups))


def check_frames(context: Context, streams: Mapping[str, Stream]) -> None:
    """Every stream's frames divide those of every stream that sees more (TS303); one report a stream to change."""
    known = sorted(
        (stream for stream in streams.values() if f"{stream.name}.frames" not in context.uncertain),
        key=lambda stream: stream.frames,
    )
    wrong = [(few, many) for few, many in combinations(known, 2) if many.frames % few.frames]
    while wrong:
        involved = Counter(stream.name for pair in wrong for stream in pair)
        culprit = max((stream for pair in wrong for stream in pair), key=lambda stream: involved[stream.name])
        few, many = next(pair for pair in wrong if culprit in pair)
        other = many if culprit is few else few
        span = context.origins[f"{culprit.name}.frames"]
        nearest = _nearest_agreeing(culprit.frames, [stream.frames for stream in known if stream is not culprit])
        context.report(
            "TS303",
            span,
            f"{few.frames} frames of `{few.name}` do not divide {many.frames} of `{many.name}`",
            label="does not divide" if culprit is few else "not a multiple",
            labels=[Label(context.origins[f"{other.name}.frames"], f"{other.frames} frames here")],
            notes=["streams see the same clip: the sparser one takes every n-th frame of the denser one"],
            help="use " + " or ".join(map(str, nearest)),
            fixes=[
                replacement(f"change to {n}", span, str(n))
                for n in sorted(nearest, key=lambda n: abs(n - culprit.frames))
            ],
        )
        wrong = [pair for pair in wrong if culprit not in pair]


def _nearest_agreeing(near: int, others: Sequence[int]) -> list[int]:
    """The nearest numbers below and above that divide, or are divided by, each of the others."""

    def agrees(number: int) -> bool:
        return all(max(number, other) % min(number, other) == 0 for other in others)

    below = next((n for n in range(near - 1, 0, -1) if agrees(n)), None)
    above = next((n for n in range(near + 1, MAX_FRAMES + 1) if agrees(n)), None)
    return [n for n in (below, above) if n is not None]
