"""Steps and models: which decisions each step makes, in what order parts come in, how models scale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import gcd
from typing import Any

from tsdsl.diagnostics import Fix, Label, replacement
from tsdsl.operators.layers import Sizes
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import HEAD, Decision, FusionSlot, Scale, Slot, Step, Stream
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import exact
from tsdsl.space.resolve.parts.sizes import check_fused_maps, frames_differ, sizes_of
from tsdsl.space.resolve.parts.streams import MAX_FRAMES
from tsdsl.space.resolve.parts.values import flops, whole
from tsdsl.space.resolve.selection.selectors import all_selected, may_lack, selectors, selects
from tsdsl.space.resolve.selection.unmatched import Unmatched, unmatched
from tsdsl.syntax import ast

MAX_EPOCHS = 1_000_000
MAX_STEP = 999
MAX_PIXELS = 8192
_EVERYTHING = ("all", "any", "everything")


@dataclass(frozen=True, slots=True)
class Claim:
    """Which step makes a decision, at which level it is written, and where it names it."""

    step: int
    level: int
    span: Span


def resolve_steps(
    context: Context,
    steps: Sequence[tuple[ast.Step, int]],
    decisions: Sequence[Decision],
    streams: Mapping[str, Stream],
    slots: Sequence[Slot],
) -> tuple[Step, ...]:
    """The steps, each with its level, in order of their numbers; each decision belongs to at most one.

    A step that is taken over loses what the steps of the derived space name. A shared decision that no step names
    belongs to the first that names one of its uses.
    """
    made: dict[str, Claim] = {}
    seen: dict[int, Span] = {}
    resolved = []
    used: dict[str, set[int]] = {}
    is_whole = True
    all_paths = [decision.path for decision in decisions]
    for step, level in sorted(steps, key=lambda entry: -entry[1]):
        index = whole(context, step.index, "a step number", 1, MAX_STEP)
        where = f"step {index}"
        given = context.attributes(step.attributes, ["search", "target", "epochs"], where)
        if index is None or index in seen:
            is_whole = False
        if index is None:
            continue
        if index in seen:
            context.duplicate(where, step.index.span, seen[index])
            continue
        seen[index] = step.index.span
        context.origins[f"step{index}"] = step.index.span
        target = flops(context, given["target"].value, "`target`") if "target" in given else None
        if "target" in given:
            context.origins[f"step{index}.target"] = given["target"].value.span
        epochs = whole(context, given["epochs"].value, "`epochs`", 1, MAX_EPOCHS) if "epochs" in given else 1
        if step.broken or context.missing(["search"], given, step.index.span, where):
            is_whole = False
            continue
        parts = [*streams, *(slot.path for slot in slots)]
        order = {part: rank for rank, part in enumerate(parts)}
        paths: list[str] = []
        names: set[str] = set()
        lost = 0
        listed = selectors(context, given["search"].value, "search")
        if listed is None:
            is_whole = False
        for selector in listed or ():
            matched = list(all_selected(selector, all_paths))
            named = [part for part in parts if selects(selector, part)]
            named += [s.name for s in streams.values() if any(all_selected(selector, [g.path for g in s.groups]))]
            for path, uses in context.shared_uses.items():
                if any(all_selected(selector, uses)):
                    used.setdefault(path, set()).add(index)
            tolerated = level < context.own_level or may_lack(context, selector)
            if not matched and not named and not tolerated:
                groups = [group.path for stream in streams.values() for group in stream.groups]
                wrong = unmatched(
                    selector, [*parts, *groups, *context.shared_paths, *(decision.path for decision in decisions)]
                )
                if selector.bare_name in _EVERYTHING:
                    whole_space = ", ".join(dict.fromkeys(part.split(".")[0] for part in parts))
                    fix = replacement("name every part", selector.span, whole_space)
                    wrong = Unmatched(selector.span, f"name the parts to search: `{whole_space}`", (fix,))
                context.report(
                    "TS306",
                    wrong.span if wrong is not None else selector.span,
                    f"{context.quoted(selector.span)} selects no decision and no part of the space",
                    label="matches nothing",
                    help=wrong.help if wrong is not None else None,
                    fixes=wrong.fixes if wrong is not None else (),
                )
            names.update(named)
            names.update(_parts_around(matched, order))
            for path in matched:
                lost += _claim(context, path, Claim(index, level, selector.span), made, paths)
        if not paths and level < context.own_level and (lost or not names):
            continue  # the space that derives has nothing left of it
        own = set(paths)
        resolved.append(
            Step(
                index=index,
                title=step.title.value if step.title is not None else "",
                decisions=tuple(d.path for d in decisions if d.path in own),
                names=tuple(sorted(names, key=order.__getitem__)),
                target_macs=target,
                epochs=epochs or 1,
            )
        )
    ordered = tuple(sorted((_with_shared(step, used, made, decisions) for step in resolved), key=lambda s: s.index))
    if is_whole:
        _check_order(context, ordered, streams, slots)
    if steps and not context.is_lossy and not context.has_errors and not any(step.broken for step, _ in steps):
        _warn_undecided(context, decisions, {*made, *used})
    return ordered


def _with_shared(
    step: Step, used: Mapping[str, set[int]], made: Mapping[str, Claim], decisions: Sequence[Decision]
) -> Step:
    """The step with the shared decisions that are its own because no other names one of their places before."""
    paths = {path for path, steps in used.items() if path not in made and min(steps) == step.index}
    if not paths:
        return step
    paths.update(step.decisions)
    return replace(step, decisions=tuple(d.path for d in decisions if d.path in paths))


def _claim(context: Context, path: str, claim: Claim, made: dict[str, Claim], paths: list[str]) -> bool:
    """Whether the decision is lost to a step of a space that derives from the one this step is written in."""
    other = made.setdefault(path, claim)
    if other is claim:
        paths.append(path)
    elif other.level > claim.level:
        return True
    elif other.step != claim.step and not any(d.code == "TS401" and d.span == claim.span for d in context.diagnostics):
        context.report(
            "TS401",
            claim.span,
            f"step {claim.step} searches `{path}`, but step {other.step} already does",
            label="searched twice",
            labels=[Label(other.span, f"step {other.step} searches it here")],
            help="name it in one step only",
        )
    return False


def _check_order(context: Context, steps: Sequence[Step], streams: Collection[str], slots: Sequence[Slot]) -> None:
    """A slot is named no earlier than its streams, and the head no earlier than a stream (TS403)."""
    by_path = {slot.path: slot for slot in slots}
    present: set[str] = set()
    for step in steps:
        present |= set(step.names)
        if any(path.startswith(f"{HEAD}.") for path in step.decisions) and present.isdisjoint(streams):
            context.report(
                "TS403",
                context.origins[f"step{step.index}"],
                f"step {step.index} searches `{HEAD}`, but no step so far includes a stream",
                label="too early",
                help="add a stream to `search` of this step or an earlier one",
            )
        reported: set[str] = set()
        for name in step.names:
            slot = by_path.get(name)
            if slot is None:
                continue
            needed = (slot.source, slot.target) if isinstance(slot, FusionSlot) else (slot.stream,)
            for stream in needed:
                if stream not in present and stream not in reported:
                    reported.add(stream)
                    context.report(
                        "TS403",
                        context.origins[f"step{step.index}"],
                        f"step {step.index} searches `{name}`, but no step so far includes stream `{stream}`",
                        label="too early",
                        help=f"add `{stream}` to `search` of this step or an earlier one",
                    )


def _warn_undecided(context: Context, decisions: Sequence[Decision], made: Collection[str]) -> None:
    left = [d for d in decisions if d.path not in made]
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        context.report(
            "TS402",
            context.origins[left[0].path],
            f"no step searches `{left[0].path}`{more}",
            label="never searched",
            notes=["a progressive search keeps the first value of a decision that no step searches"],
            help="add it to `search` of a step",
        )


def resolve_models(
    context: Context, models: Sequence[tuple[ast.Model, int]], streams: Mapping[str, Stream], slots: Sequence[Slot]
) -> tuple[Scale, ...]:
    """The models in order; `from` takes over what an earlier one says."""
    resolved: dict[str, Scale] = {}
    spans: dict[str, Span] = {}
    parts = [*streams, *(slot.path for slot in slots)]
    for model, level in models:
        name = model.name.text
        if name in spans:
            context.duplicate(f"model `{name}`", model.name.span, spans[name])
            continue
        spans[name] = model.name.span
        base = Scale(name=name)
        if model.base is not None:
            if model.base.text not in resolved:
                if model.base.text not in spans:
                    context.unknown_name(model.base, "earlier model", resolved)
                continue
            base = resolved[model.base.text]
        given = context.attributes(model.attributes, ["size", "frames", "depth", "width", "without"], f"model `{name}`")
        changes: dict[str, Any] = {"name": name}
        if "size" in given:
            changes["size"] = _size(context, given["size"], streams, slots)
        if "frames" in given:
            changes["frames"] = _frames(context, given["frames"], streams, slots)
        for factor in ("depth", "width"):
            if factor in given:
                value = _factor(context, given[factor])
                if value is not None:
                    changes[factor] = value
                    context.origins[f"model.{name}.{factor}"] = given[factor].value.span
        if "without" in given:
            changes["without"] = _left_out(context, given["without"], parts, level < context.own_level)
        resolved[name] = replace(base, **changes)
    return tuple(resolved.values())


def _size(
    context: Context, attribute: ast.Attribute, streams: Mapping[str, Stream], slots: Sequence[Slot]
) -> int | None:
    """The side of the input in pixels, at which streams must still agree where they are fused (TS302).

    Strides round up, so that maps of one size may differ at another.
    """
    side = whole(context, attribute.value, "`size`", 1, MAX_PIXELS)
    if side is not None and not any(diagnostic.code == "TS302" for diagnostic in context.diagnostics):
        sizes: dict[str, Sizes] = {}
        for stream in streams.values():
            sizes |= sizes_of(context, stream, stream.frames, side)
        check_fused_maps(context, slots, sizes, attribute.value.span, f"with {side} x {side} pixels, ")
    return side


def _frames(
    context: Context, attribute: ast.Attribute, streams: Mapping[str, Stream], slots: Sequence[Slot]
) -> int | None:
    """The frames of the stream that sees most; every stream's share of them must be whole (TS303).

    Frame strides round up, so that what divided before may no longer divide where streams are fused.
    """
    frames = whole(context, attribute.value, "`frames`", 1, MAX_FRAMES)
    if frames is None or not streams or not context.frames_known(*streams):
        return None
    most = max(stream.frames for stream in streams.values())
    for stream in streams.values():
        if frames * stream.frames % most:
            least = most // gcd(*(other.frames for other in streams.values()))
            context.report(
                "TS303",
                attribute.value.span,
                f"with {frames} frames, `{stream.name}` would get {frames * stream.frames / most:g} frames "
                f"(it sees {stream.frames} of {most})",
                label="not a whole number of frames",
                help=f"use a multiple of {least}",
            )
            return None
    sizes: dict[str, Sizes] = {}
    for stream in streams.values():
        sizes |= sizes_of(context, stream, frames * stream.frames // most, MAX_PIXELS)
    for slot in slots:
        if not isinstance(slot, FusionSlot):
            continue
        found = frames_differ(context, slot.source, slot.target, (slot.stage, slot.group), sizes)
        if found is not None:
            where, more, fewer = found
            context.report(
                "TS303",
                attribute.value.span,
                f"with {frames} frames, {where.prefix}{fewer} frames of `{slot.target}` do not divide {more} of "
                f"`{slot.source}` at {slot.path}",
                label="does not divide",
                help="choose a number of frames that the frame strides divide",
            )
            return None
    return frames


def _factor(context: Context, attribute: ast.Attribute) -> float | None:
    value = attribute.value
    if not isinstance(value, ast.Factor | ast.Number):
        context.report(
            "TS201",
            value.span,
            f"`{attribute.name.text}` must be a factor, got {context.quoted(value.span)}",
            label="not a factor",
            help="for example `2x`",
            fixes=_turned(value),
        )
        return None
    number = exact(context, value)
    if number is None:
        return None
    if not 0 < number <= 64:
        context.report("TS202", value.span, f"`{attribute.name.text}` must be above 0x and at most 64x, got {number}x")
        return None
    return float(number)


def _turned(value: ast.Expression) -> list[Fix]:
    """`x2` as `2x`."""
    name = value.bare_name or "" if isinstance(value, ast.Selector) else ""
    if name[:1] not in ("x", "X") or not name[1:].isdigit():
        return []
    return [replacement(f"write `{name[1:]}x`", value.span, f"{name[1:]}x", safe=True)]


def _parts_around(paths: Iterable[str], parts: Mapping[str, int]) -> set[str]:
    """The parts that the paths name, or name something of."""
    found: set[str] = set()
    outer = set(paths)
    while outer:
        found |= outer
        outer = {path.rpartition(".")[0] for path in outer} - found
    return found & parts.keys()


def _left_out(context: Context, attribute: ast.Attribute, parts: Sequence[str], is_inherited: bool) -> tuple[str, ...]:
    left_out: set[str] = set()
    for selector in selectors(context, attribute.value, "without") or ():
        matched = [part for part in parts if selects(selector, part)]
        if not matched and not is_inherited and not may_lack(context, selector):
            wrong = unmatched(selector, parts)
            context.report(
                "TS306",
                wrong.span if wrong is not None else selector.span,
                f"{context.quoted(selector.span)} selects no part of the space",
                label="matches nothing",
                help=wrong.help if wrong is not None else None,
                fixes=wrong.fixes if wrong is not None else (),
            )
        left_out.update(matched)
    return tuple(part for part in parts if part in left_out)
