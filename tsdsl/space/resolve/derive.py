"""Deriving: a space written out with what it takes over from the space it derives from.

Nothing is resolved here. Items replace each other by what they name, and each keeps its level: how many
derivations lie between it and the first space. Overrides apply to items of their own level and below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from tsdsl.records import dataclass
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selection.selectors import selectors
from tsdsl.space.resolve.selection.unmatched import unmatched
from tsdsl.syntax import ast

Declaration: TypeAlias = ast.Domain | ast.BlockAlias


@dataclass(frozen=True, slots=True)
class Placed:
    """An item and its level."""

    item: ast.Item
    level: int


@dataclass(frozen=True, slots=True)
class Flat:
    """A space with everything it takes over; `declarations` are those outside of the spaces, which items replace.

    `bases` are the spaces that it derives from, the nearest first.
    """

    written: ast.Space
    items: tuple[Placed, ...]
    declarations: tuple[Declaration, ...]
    bases: tuple[ast.Space, ...] = ()

    @property
    def level(self) -> int:
        """How many derivations it is made by."""
        return len(self.bases)


def first(space: ast.Space, declarations: tuple[Declaration, ...]) -> Flat:
    """A space that derives from none."""
    return Flat(space, tuple(Placed(item, 0) for item in space.items), declarations)


def without_base(space: ast.Space, declarations: tuple[Declaration, ...]) -> Flat:
    """What a space itself says whose base is not known, as if something in it could not be read."""
    items = tuple(Placed(item, 0) for item in space.items if not _is_without(item))
    return Flat(replace(space, broken=True, loses_names=True), items, declarations)


def derive(context: Context, base: Flat, space: ast.Space, declarations: tuple[Declaration, ...]) -> Flat:
    """`space` with what it takes over from `base`; reports what it leaves out and `base` does not have."""
    level = base.level + 1
    own = [item for item in space.items if not _is_without(item)]
    kept = _left_out(context, base.items, [item for item in space.items if _is_without(item)])
    given = {name.text for item in own if isinstance(item, ast.Attention) for name in item.streams}
    kept = _without_attention(kept, given)
    by_key: dict[tuple[object, ...], ast.Item] = {}
    for item in own:
        by_key.setdefault(_key(item), item)
    merged: list[Placed] = []
    placed: set[int] = set()
    for entry in kept:
        replacement = by_key.get(_key(entry.item))
        if replacement is None:
            merged.append(entry)
        elif id(replacement) not in placed:
            placed.add(id(replacement))
            merged.append(Placed(replacement, level))
    merged += [Placed(item, level) for item in own if id(item) not in placed]
    joined = _joined(context, base.declarations, declarations)
    return Flat(space, tuple(merged), joined, (base.written, *base.bases))


def _joined(context: Context, inherited: Sequence[Declaration], own: Sequence[Declaration]) -> tuple[Declaration, ...]:
    """Declarations of both files; one name with two meanings is an error, since either may be meant."""
    by_name = {item.name.text: item for item in inherited}
    for item in own:
        other = by_name.setdefault(item.name.text, item)
        if other is not item and other != item:
            context.duplicate(f"`{item.name.text}`", item.name.span, other.name.span)
    return tuple(by_name.values())


def _key(item: ast.Item) -> tuple[object, ...]:
    """What an item names: an item of a derived space takes the place of the one that names the same."""
    match item:
        case ast.Domain() | ast.Shared() | ast.BlockAlias():
            return ("declaration", item.name.text)
        case ast.Attribute() | ast.Stream() | ast.Model():
            return (type(item), item.name.text)
        case ast.Fusion():
            return (ast.Fusion, item.source.text, item.target.text)
        case ast.Step():
            return (ast.Step, item.index.value)
        case ast.Head():
            return (ast.Head,)
        case _:
            return (id(item),)  # attention is taken over stream by stream, overrides add up


def _is_without(item: ast.Item) -> bool:
    return isinstance(item, ast.Attribute) and item.name.text == "without"


def _without_attention(items: Iterable[Placed], streams: set[str]) -> list[Placed]:
    kept = []
    for entry in items:
        if isinstance(entry.item, ast.Attention):
            names = tuple(name for name in entry.item.streams if name.text not in streams)
            if not names:
                continue
            entry = Placed(replace(entry.item, streams=names), entry.level)
        kept.append(entry)
    return kept


def _left_out(context: Context, items: Sequence[Placed], without: Sequence[ast.Item]) -> list[Placed]:
    """The items of the base but for the streams, the fusion and the attention that `without` names."""
    kept = list(items)
    seen: ast.Attribute | None = None
    for attribute in without:
        if not isinstance(attribute, ast.Attribute):
            continue
        if seen is not None:
            context.duplicate("`without`", attribute.name.span, seen.name.span)
            continue
        seen = attribute
        for selector in selectors(context, attribute.value, "without") or ():
            words = [segment.word.text for segment in selector.segments]
            fewer = _less(kept, words) if all(s.indices is None for s in selector.segments) else kept
            if len(fewer) == len(kept) and fewer == kept:
                wrong = unmatched(selector, _parts(items))
                is_close = wrong is not None and bool(wrong.fixes)
                context.report(
                    "TS306",
                    wrong.span if wrong is not None and is_close else selector.span,
                    f"{context.quoted(selector.span)} is not a part that can be left out",
                    label="matches nothing",
                    fixes=wrong.fixes if wrong is not None else (),
                    help=wrong.help
                    if wrong is not None and is_close
                    else "expected a stream, `fusion`, `attention` or `attention.STREAM`; "
                    "to empty a single slot write `fix fusion.stage[3] = none`",
                )
            elif words:
                context.left_out[words[0]] = selector.span
                for kind, word in ((ast.Fusion, "fusion"), (ast.Attention, "attention")):
                    if not any(isinstance(entry.item, kind) for entry in fewer):
                        context.left_out.setdefault(word, selector.span)
            kept = fewer
    return kept


def _parts(items: Sequence[Placed]) -> list[str]:
    """What can be left out, as paths."""
    streams = [entry.item.name.text for entry in items if isinstance(entry.item, ast.Stream)]
    attention = {n.text for entry in items if isinstance(entry.item, ast.Attention) for n in entry.item.streams}
    return [*streams, "fusion", "attention", *(f"attention.{name}" for name in sorted(attention))]


def _less(items: list[Placed], words: Sequence[str]) -> list[Placed]:
    streams = {entry.item.name.text for entry in items if isinstance(entry.item, ast.Stream)}
    match words:
        case ["fusion"]:
            return [entry for entry in items if not isinstance(entry.item, ast.Fusion)]
        case ["attention"]:
            return [entry for entry in items if not isinstance(entry.item, ast.Attention)]
        case ["attention", stream]:
            return _without_attention(items, {stream})
        case [stream] if stream in streams:
            return [e for e in _without_attention(items, {stream}) if not _stands_on(e.item, stream)]
        case _:
            return items


def _stands_on(item: ast.Item, stream: str) -> bool:
    match item:
        case ast.Stream():
            return item.name.text == stream
        case ast.Fusion():
            return stream in (item.source.text, item.target.text)
        case _:
            return False
