"""Every name of a file with what it stands for: the index behind definition, references, rename and hover."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, TypeAlias

from tsdsl.lsp.sites import stage_number, stream_sites
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS
from tsdsl.operators.schema import Operator
from tsdsl.source import Span
from tsdsl.space.resolve.selectors import selects
from tsdsl.syntax import ast

Kind: TypeAlias = Literal[
    "space",
    "domain",
    "block",
    "stream",
    "stage",
    "group",
    "fusion",
    "attention",
    "head",
    "step",
    "model",
    "operator",
    "attribute",
]
SELECTING = frozenset({"after", "search", "without"})
_PLACES: Mapping[str, Literal["stage", "group"]] = MappingProxyType({"stage": "stage", "group": "group"})
_SLOTS: Mapping[str, Literal["fusion", "attention"]] = MappingProxyType({"fusion": "fusion", "attention": "attention"})


@dataclass(frozen=True, slots=True)
class Key:
    """What a name stands for: its kind, the space it belongs to, and its name or path there."""

    kind: Kind
    space: str
    name: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name in the text. One in a selector may stand for several things, one of a default for none."""

    span: Span
    kind: Kind
    keys: tuple[Key, ...]
    declares: bool = False


@dataclass(frozen=True)
class Names:
    """All occurrences of a file, by place; none overlap."""

    occurrences: tuple[Occurrence, ...]

    @cached_property
    def _starts(self) -> list[int]:
        return [occurrence.span.start for occurrence in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The occurrence that an offset is in or directly behind; the one it is in goes first."""
        after = bisect_right(self._starts, offset)
        for occurrence in reversed(self.occurrences[max(0, after - 1) : after]):
            if occurrence.span.start <= offset <= occurrence.span.end:
                return occurrence
        return None

    @cached_property
    def _by_key(self) -> Mapping[Key, list[Occurrence]]:
        found: dict[Key, list[Occurrence]] = {}
        for occurrence in self.occurrences:
            for key in occurrence.keys:
                found.setdefault(key, []).append(occurrence)
        return found

    def of(self, keys: Iterable[Key]) -> list[Occurrence]:
        """The occurrences that stand for one of these, in order."""
        found = {o.span: o for key in keys for o in self._by_key.get(key, ())}
        return [found[span] for span in sorted(found, key=lambda span: span.start)]

    def declarations(self, keys: Iterable[Key]) -> list[Occurrence]:
        """Where these are declared."""
        return [occurrence for occurrence in self.of(keys) if occurrence.declares]

    def declared(self, space: str, *kinds: Kind) -> list[str]:
        """The names of some kinds that a space declares, in order."""
        return [k.name for o in self.occurrences if o.declares for k in o.keys if k.kind in kinds and k.space == space]


def names_of(file: ast.File) -> Names:
    """The index of a file."""
    found = [occurrence for space in file.spaces for occurrence in _SpaceIndex(space).occurrences()]
    return Names(tuple(sorted(found, key=lambda occurrence: (occurrence.span.start, occurrence.span.end))))


@dataclass
class _SpaceIndex:
    space: ast.Space
    domains: set[str] = field(default_factory=set)
    blocks: dict[str, ast.BlockAlias] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    users: dict[tuple[str, str], list[Key]] = field(default_factory=dict)

    def key(self, kind: Kind, name: str) -> Key:
        return Key(kind, self.space.name.text, name)

    def use(self, kind: Kind, name: ast.Name) -> Occurrence:
        return Occurrence(name.span, kind, (self.key(kind, name.text),))

    def declare(self, kind: Kind, name: ast.Name) -> Occurrence:
        return Occurrence(name.span, kind, (self.key(kind, name.text),), True)

    def occurrences(self) -> Iterator[Occurrence]:
        """Everything named in a space. Streams come first: what they use of aliases is needed for those."""
        for item in self.space.items:
            if isinstance(item, ast.Domain):
                self.domains.add(item.name.text)
            elif isinstance(item, ast.BlockAlias):
                self.blocks.setdefault(item.name.text, item)
            elif isinstance(item, ast.Stream):
                self.streams.add(item.name.text)
            elif isinstance(item, ast.Fusion):
                pair = (item.source.text, item.target.text)
                self.pairs["_to_".join(pair)] = pair
        yield self.declare("space", self.space.name)
        streams = [item for item in self.space.items if isinstance(item, ast.Stream)]
        for stream in streams:
            yield from self.stream(stream)
        for item in self.space.items:
            if not isinstance(item, ast.Stream):
                yield from self.item(item)

    def item(self, item: ast.Item) -> Iterator[Occurrence]:
        if isinstance(item, ast.Attribute):
            yield Occurrence(item.name.span, "attribute", ())
        elif isinstance(item, ast.Domain):
            yield self.declare("domain", item.name)
            yield from self.value(item.value)
        elif isinstance(item, ast.BlockAlias):
            yield self.declare("block", item.name)
            yield from self.alias(item)
        elif isinstance(item, ast.Fusion):
            yield self.keyword("fusion", item.span, f"{item.source.text} -> {item.target.text}")
            yield self.use("stream", item.source)
            yield self.use("stream", item.target)
            yield from self.attributes(item.attributes, FUSIONS)
        elif isinstance(item, ast.Attention):
            yield self.keyword("attention", item.span, ", ".join(name.text for name in item.streams))
            for name in item.streams:
                yield self.use("stream", name)
            yield from self.attributes(item.attributes, ATTENTIONS)
        elif isinstance(item, ast.Head):
            yield self.keyword("head", item.span, "head")
            yield from self.attributes(item.attributes, {})
        elif isinstance(item, ast.Step):
            yield Occurrence(
                Span(item.span.start, item.index.span.end), "step", (self.key("step", str(item.index.value)),), True
            )
            yield from self.attributes(item.attributes, {})
        elif isinstance(item, ast.Model):
            yield self.declare("model", item.name)
            if item.base is not None:
                yield self.use("model", item.base)
            yield from self.attributes(item.attributes, {})

    def keyword(self, kind: Kind, span: Span, name: str) -> Occurrence:
        return Occurrence(Span(span.start, span.start + len(kind)), kind, (self.key(kind, name),), True)

    def stream(self, stream: ast.Stream) -> Iterator[Occurrence]:
        yield self.declare("stream", stream.name)
        for attribute in stream.attributes:
            yield Occurrence(attribute.name.span, "attribute", ())
        for stage in stream.stages:
            index = stage_number(stage)
            if index is None:
                continue
            path = f"{stream.name.text}.stage{index}"
            self.paths.append(path)
            yield Occurrence(Span(stage.span.start, stage.index.span.end), "stage", (self.key("stage", path),), True)
        for site in stream_sites(self.space, stream):
            self.paths.append(site.path)
            yield self.keyword("group", site.group.span, site.path)
            yield from self.call(site.group.call, site.path)

    def call(self, call: ast.Call, path: str) -> Iterator[Occurrence]:
        """The operator or alias of a group, and its attributes as parts of the group's path."""
        alias = self.blocks.get(call.name.text)
        written = {argument.name.text for argument in call.arguments}
        if alias is not None:
            yield self.use("block", call.name)
            for argument in alias.call.arguments:
                name = argument.name.text
                if name not in written:
                    self.users.setdefault((call.name.text, name), []).append(self.key("attribute", f"{path}.{name}"))
        else:
            yield self.use("operator", call.name)
        operator = BLOCKS.get(alias.call.name.text if alias else call.name.text)
        for argument in call.arguments:
            key = self.key("attribute", f"{path}.{argument.name.text}")
            yield Occurrence(argument.name.span, "attribute", (key,), True)
            yield from self.argument_value(argument, operator)

    def alias(self, alias: ast.BlockAlias) -> Iterator[Occurrence]:
        """The operator of an alias, and its attributes as parts of all groups that take them over."""
        yield self.use("operator", alias.call.name)
        operator = BLOCKS.get(alias.call.name.text)
        for argument in alias.call.arguments:
            keys = tuple(self.users.get((alias.name.text, argument.name.text), ()))
            yield Occurrence(argument.name.span, "attribute", keys, True)
            yield from self.argument_value(argument, operator)

    def argument_value(self, argument: ast.Attribute, operator: Operator | None) -> Iterator[Occurrence]:
        schema = next((a for a in operator.attributes if a.name == argument.name.text), None) if operator else None
        if schema is None or schema.kind != "keyword" or schema.searchable:
            yield from self.value(argument.value)

    def value(self, value: ast.Expression) -> Iterator[Occurrence]:
        """The domains that a value names."""
        if isinstance(value, ast.Selector) and value.bare_name in self.domains:
            yield self.use("domain", value.segments[0].word)
        elif isinstance(value, ast.Choice | ast.Sequence):
            for item in value.items:
                yield from self.value(item)

    def attributes(
        self, attributes: Iterable[ast.Attribute], operators: Mapping[str, Operator]
    ) -> Iterator[Occurrence]:
        for attribute in attributes:
            yield Occurrence(attribute.name.span, "attribute", ())
            if attribute.name.text in SELECTING:
                yield from self.selectors(attribute.value)
            elif attribute.name.text == "op":
                yield from self.alternatives(attribute.value, operators)

    def alternatives(self, value: ast.Expression, operators: Mapping[str, Operator]) -> Iterator[Occurrence]:
        for item in value.items if isinstance(value, ast.Choice) else (value,):
            if isinstance(item, ast.Call):
                yield self.use("operator", item.name)
                for argument in item.arguments:
                    yield Occurrence(argument.name.span, "attribute", ())
                    yield from self.argument_value(argument, operators.get(item.name.text))
            elif isinstance(item, ast.Selector) and item.bare_name is not None:
                yield self.use("operator", item.segments[0].word)

    def selectors(self, value: ast.Expression) -> Iterator[Occurrence]:
        for item in value.items if isinstance(value, ast.Sequence) else (value,):
            if isinstance(item, ast.Selector):
                yield from self.selector(item)

    def selector(self, selector: ast.Selector) -> Iterator[Occurrence]:
        """Each segment with the streams, stages or groups that the selector has met up to there."""
        for count, segment in enumerate(selector.segments, 1):
            word = segment.word.text
            place, slot = _PLACES.get(word), _SLOTS.get(word)
            if place is not None:
                part = ast.Selector(selector.segments[:count], selector.span)
                if part.segments[0].word.text in ("fusion", "attention"):
                    part = ast.Selector(part.segments[1:], selector.span)
                tail = f".{word}"
                found = [p for p in self.paths if tail in p[p.rfind(".") :] and selects(part, p)]
                yield Occurrence(segment.word.span, place, tuple(self.key(place, p) for p in found))
            elif slot is not None:
                yield Occurrence(segment.word.span, slot, self.statements(slot))
            elif word in self.streams or count == 1:
                yield self.use("stream", segment.word)
            elif word in self.pairs:
                source, target = self.pairs[word]
                start, end = segment.word.span.start, segment.word.span.end
                yield self.use("stream", ast.Name(source, Span(start, start + len(source))))
                yield self.use("stream", ast.Name(target, Span(end - len(target), end)))
            else:
                yield Occurrence(segment.word.span, "attribute", ())

    def statements(self, kind: Literal["fusion", "attention"]) -> tuple[Key, ...]:
        found = []
        for item in self.space.items:
            if kind == "fusion" and isinstance(item, ast.Fusion):
                found.append(self.key(kind, f"{item.source.text} -> {item.target.text}"))
            elif kind == "attention" and isinstance(item, ast.Attention):
                found.append(self.key(kind, ", ".join(name.text for name in item.streams)))
        return tuple(found)
