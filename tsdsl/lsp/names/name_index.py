"""Builds the index of names: every name in a file and its imports, with its meaning at each place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, TypeAlias

from tsdsl.lsp.names.names import Key, Kind, Names, Occurrence
from tsdsl.lsp.names.sites import stage_number, stream_sites
from tsdsl.lsp.wording import COSTS
from tsdsl.operators.fusion import MERGE
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS, NONE
from tsdsl.operators.schema import Operator
from tsdsl.source import Span
from tsdsl.space.resolve.relations.conditions import sums_of
from tsdsl.space.resolve.selection.selectors import selects
from tsdsl.syntax import ast

SELECTING = frozenset({"after", "search", "without"})
Declaring: TypeAlias = ast.Domain | ast.Shared | ast.BlockAlias | ast.Stream | ast.Model
_DECLARING: Mapping[Kind, type[Declaring]] = MappingProxyType(
    {"domain": ast.Domain, "shared": ast.Shared, "block": ast.BlockAlias, "stream": ast.Stream, "model": ast.Model}
)
_OF_SLOTS: Mapping[str, Operator] = MappingProxyType({**FUSIONS, **ATTENTIONS})
_VALUES: tuple[Kind, ...] = ("domain", "shared")
_PLACES: Mapping[str, Literal["stage", "group"]] = MappingProxyType({"stage": "stage", "group": "group"})
_SLOTS: Mapping[str, Literal["fusion", "attention"]] = MappingProxyType({"fusion": "fusion", "attention": "attention"})


def names_of(file: ast.File, imported: Sequence[ast.File] = ()) -> Names:
    """The index of a file; spans of imported files have sources."""
    files = (file, *imported)
    spaces: dict[str, ast.Space] = {}
    for one in files:
        for space in one.spaces:
            spaces.setdefault(space.name.text, space)
    index = _Index(
        {item.name.text: item for one in files for item in one.declarations if isinstance(item, ast.Domain)},
        {item.name.text: item for one in files for item in one.declarations if isinstance(item, ast.BlockAlias)},
    )
    chains = {name: tuple(base.name.text for base in _chain(space, spaces)) for name, space in spaces.items()}
    written = [space for one in files for space in one.spaces]
    indexed = [_SpaceIndex(space, tuple(_chain(space, spaces)), index) for space in written]
    found = [occurrence for one in indexed for occurrence in one.streams_inside()]
    found += [occurrence for one in indexed for occurrence in one.rest()]
    for declaration in [item for one in files for item in one.declarations]:
        outside = ast.Space(ast.Name("", declaration.name.span), None, (declaration,), False, declaration.span)
        found += _SpaceIndex(outside, (outside,), index).item(declaration)
    found.sort(key=lambda occurrence: (occurrence.span.start, occurrence.span.end))
    own = tuple(occurrence for occurrence in found if occurrence.span.source is None)
    return Names(own, tuple(occurrence for occurrence in found if occurrence.span.source is not None), chains)


def _chain(space: ast.Space, spaces: Mapping[str, ast.Space]) -> list[ast.Space]:
    """A space and its bases, nearest first."""
    chain = [space]
    while chain[-1].base is not None:
        base = spaces.get(chain[-1].base.text)
        if base is None or base in chain:
            break
        chain.append(base)
    return chain


@dataclass
class _Index:
    """Data shared by all spaces of a file: declarations outside of them, and the attributes that use those of a block.

    `attributes` are the attributes of groups by space and stream.
    """

    domains: Mapping[str, ast.Domain]
    blocks: Mapping[str, ast.BlockAlias]
    users: dict[tuple[str, str, str], list[Key]] = field(default_factory=dict)
    attributes: dict[tuple[str, str], list[Key]] = field(default_factory=dict)


@dataclass
class _SpaceIndex:
    space: ast.Space
    chain: tuple[ast.Space, ...]
    index: _Index

    @cached_property
    def declarations(self) -> Mapping[tuple[Kind, str], tuple[str, ast.Item | None]]:
        """The visible names by kind, with the declaring space and the declaration."""
        found: dict[tuple[Kind, str], tuple[str, ast.Item | None]] = {}
        for space in self.chain:
            for item in space.items:
                for kind, kinds in _DECLARING.items():
                    if isinstance(item, kinds):
                        found.setdefault((kind, item.name.text), (space.name.text, item))
        for name, domain in self.index.domains.items():
            found.setdefault(("domain", name), ("", domain))
        for name, alias in self.index.blocks.items():
            found.setdefault(("block", name), ("", alias))
        return found

    @cached_property
    def places(self) -> tuple[Key, ...]:
        """The stages and groups of all streams; streams of a base may be replaced."""
        found: list[Key] = []
        for (kind, _), (owner, item) in self.declarations.items():
            if kind == "stream" and isinstance(item, ast.Stream):
                for stage in item.stages:
                    if stage_number(stage) is not None:
                        found.append(Key("stage", owner, f"{item.name.text}.stage{stage_number(stage)}"))
                found += [Key("group", owner, site.path) for site in stream_sites(owner, item)]
        return tuple(found)

    @cached_property
    def pairs(self) -> Mapping[str, tuple[str, str]]:
        """The streams of each fusion by its name in paths, `a_to_b`."""
        fusions = [item for space in self.chain for item in space.items if isinstance(item, ast.Fusion)]
        return {f"{f.source.text}_to_{f.target.text}": (f.source.text, f.target.text) for f in fusions}

    @property
    def owner_of_head(self) -> str:
        """The space that declares the `head` of this one."""
        owners = (one for one in self.chain if any(isinstance(item, ast.Head) for item in one.items))
        return next(owners, self.space).name.text

    def key(self, kind: Kind, name: str) -> Key:
        return Key(kind, self.space.name.text, name)

    def known(self, kind: Kind, name: str) -> bool:
        return (kind, name) in self.declarations

    def use(self, kind: Kind, name: ast.Name) -> Occurrence:
        owner = self.declarations.get((kind, name.text), (self.space.name.text, None))[0]
        return Occurrence(name.span, kind, (Key(kind, owner, name.text),))

    def declare(self, kind: Kind, name: ast.Name) -> Occurrence:
        return Occurrence(name.span, kind, (self.key(kind, name.text),), True)

    def streams_inside(self) -> Iterator[Occurrence]:
        """The name, base and streams of the space. They come first, because later items need their uses of blocks."""
        name = self.space.name
        yield Occurrence(name.span, "space", (Key("space", name.text, name.text),), True)
        if self.space.base is not None:
            base = self.space.base
            yield Occurrence(base.span, "space", (Key("space", base.text, base.text),))
        for item in self.space.items:
            if isinstance(item, ast.Stream):
                yield from self.stream(item)

    def rest(self) -> Iterator[Occurrence]:
        """All other names of the space."""
        for item in self.space.items:
            if not isinstance(item, ast.Stream):
                yield from self.item(item)

    def item(self, item: ast.Item) -> Iterator[Occurrence]:
        if isinstance(item, ast.Attribute):
            yield from self.attributes((item,), {})
        elif isinstance(item, ast.Domain | ast.Shared):
            yield self.declare("domain" if isinstance(item, ast.Domain) else "shared", item.name)
            is_of_slots = isinstance(item, ast.Shared) and _names_operators(item.value)
            yield from self.alternatives(item.value, _OF_SLOTS) if is_of_slots else self.value(item.value)
        elif isinstance(item, ast.Require):
            for side in sums_of(item.rule):
                yield from self.sum(side)
        elif isinstance(item, ast.Override):
            yield from self.selector(item.selector)
            yield from self.alternatives(item.value, _OF_SLOTS)
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
            for attribute in item.attributes:
                key = self.key("attribute", f"head.{attribute.name.text}")
                yield Occurrence(attribute.name.span, "attribute", (key,), True)
                schema = next((a for a in HEAD_ATTRIBUTES if a.name == attribute.name.text), None)
                yield from self.value(attribute.value, schema.keywords if schema is not None else ())
        elif isinstance(item, ast.Step):
            yield Occurrence(
                Span(item.span.start, item.index.span.end, item.span.source),
                "step",
                (self.key("step", str(item.index.value)),),
                True,
            )
            yield from self.attributes(item.attributes, {})
        elif isinstance(item, ast.Model):
            yield self.declare("model", item.name)
            if item.base is not None:
                yield self.use("model", item.base)
            yield from self.attributes(item.attributes, {})

    def sum(self, written: ast.Sum) -> Iterator[Occurrence]:
        """The costs and decisions on one side of a constraint."""
        for product in written.products:
            for factor in product.factors:
                if isinstance(factor, ast.Sum | ast.Extreme):
                    for part in (factor,) if isinstance(factor, ast.Sum) else factor.arguments:
                        yield from self.sum(part)
                elif isinstance(factor, ast.Selector) and factor.segments[0].word.text in COSTS:
                    yield Occurrence(factor.segments[0].word.span, "attribute", ())
                elif isinstance(factor, ast.Selector) and factor.bare_name is not None:
                    yield Occurrence(factor.span, "operator", ())
                elif isinstance(factor, ast.Selector):
                    yield from self.selector(factor)

    def keyword(self, kind: Kind, span: Span, name: str) -> Occurrence:
        return Occurrence(Span(span.start, span.start + len(kind), span.source), kind, (self.key(kind, name),), True)

    def stream(self, stream: ast.Stream) -> Iterator[Occurrence]:
        yield self.declare("stream", stream.name)
        for attribute in stream.attributes:
            yield Occurrence(attribute.name.span, "attribute", ())
        for stage in stream.stages:
            index = stage_number(stage)
            if index is None:
                continue
            path = f"{stream.name.text}.stage{index}"
            yield Occurrence(
                Span(stage.span.start, stage.index.span.end, stage.span.source),
                "stage",
                (self.key("stage", path),),
                True,
            )
        for site in stream_sites(self.space.name.text, stream):
            yield self.keyword("group", site.group.span, site.path)
            if isinstance(site.group.call, ast.Call):
                yield from self.call(site.group.call, site.path)
            else:
                yield from self.blocks(site.group.call, site.path)
            if site.group.repeat is not None:
                yield from self.value(site.group.repeat)

    def blocks(self, blocks: ast.Blocks, path: str) -> Iterator[Occurrence]:
        """The alternatives of a group with their attributes, and the attributes of all."""
        for item in blocks.choice.items:
            if isinstance(item, ast.Selector) and item.bare_name is not None:
                item = ast.Call(item.segments[0].word, (), False, item.span)
            if isinstance(item, ast.Call) and item.name.text != NONE:
                yield from self.call(item, f"{path}.op.{item.name.text}")
            elif isinstance(item, ast.Call):
                yield self.use("operator", item.name)
        for argument in blocks.arguments:
            yield Occurrence(argument.name.span, "attribute", (self.given(path, argument.name.text),), True)
            yield from self.value(argument.value)

    def call(self, call: ast.Call, path: str) -> Iterator[Occurrence]:
        """The operator or block of a group, and its attributes as parts of the path of the group."""
        owner, alias = self.declarations.get(("block", call.name.text), ("", None))
        written = {argument.name.text for argument in call.arguments}
        if isinstance(alias, ast.BlockAlias):
            yield self.use("block", call.name)
            for argument in alias.call.arguments:
                name = argument.name.text
                if name not in written:
                    user = (owner, call.name.text, name)
                    self.index.users.setdefault(user, []).append(self.given(path, name))
        else:
            yield self.use("operator", call.name)
        operator = BLOCKS.get(alias.call.name.text if isinstance(alias, ast.BlockAlias) else call.name.text)
        for argument in call.arguments:
            yield Occurrence(argument.name.span, "attribute", (self.given(path, argument.name.text),), True)
            yield from self.argument_value(argument, operator)

    def given(self, path: str, name: str) -> Key:
        """The key of an attribute of the group at a path, recorded for selectors."""
        key = self.key("attribute", f"{path}.{name}")
        self.index.attributes.setdefault((self.space.name.text, path.partition(".")[0]), []).append(key)
        return key

    def alias(self, alias: ast.BlockAlias) -> Iterator[Occurrence]:
        """The operator of a block, and its attributes as parts of all groups that use them."""
        yield self.use("operator", alias.call.name)
        operator = BLOCKS.get(alias.call.name.text)
        for argument in alias.call.arguments:
            keys = tuple(self.index.users.get((self.space.name.text, alias.name.text, argument.name.text), ()))
            yield Occurrence(argument.name.span, "attribute", keys, True)
            yield from self.argument_value(argument, operator)

    def argument_value(self, argument: ast.Attribute, operator: Operator | None) -> Iterator[Occurrence]:
        schema = next((a for a in operator.attributes if a.name == argument.name.text), None) if operator else None
        yield from self.value(argument.value, schema.keywords if schema is not None else ())

    def value(self, value: ast.Expression, words: Collection[str] = ()) -> Iterator[Occurrence]:
        """The domains and shared decisions in a value; `words` are values of their own."""
        if isinstance(value, ast.Selector) and value.bare_name is not None and value.bare_name not in words:
            for kind in _VALUES:
                if self.known(kind, value.bare_name):
                    yield self.use(kind, value.segments[0].word)
                    return
        elif isinstance(value, ast.Choice | ast.Sequence | ast.Scaled):
            for item in value.factors if isinstance(value, ast.Scaled) else value.items:
                yield from self.value(item, words)

    def attributes(
        self, attributes: Iterable[ast.Attribute], operators: Mapping[str, Operator]
    ) -> Iterator[Occurrence]:
        for attribute in attributes:
            yield Occurrence(attribute.name.span, "attribute", ())
            if attribute.name.text in SELECTING:
                yield from self.selectors(attribute.value)
            elif attribute.name.text == "op":
                yield from self.alternatives(attribute.value, operators)
            elif attribute.name.text == MERGE.name:
                yield from self.value(attribute.value, MERGE.keywords)

    def alternatives(self, value: ast.Expression, operators: Mapping[str, Operator]) -> Iterator[Occurrence]:
        for item in value.items if isinstance(value, ast.Choice) else (value,):
            if isinstance(item, ast.Call):
                yield self.use("operator", item.name)
                for argument in item.arguments:
                    yield Occurrence(argument.name.span, "attribute", ())
                    yield from self.argument_value(argument, operators.get(item.name.text))
            elif isinstance(item, ast.Selector) and item.bare_name is not None:
                named = next((kind for kind in _VALUES if self.known(kind, item.bare_name)), None)
                yield self.use(named or "operator", item.segments[0].word)
            else:
                yield from self.value(item)

    def selectors(self, value: ast.Expression) -> Iterator[Occurrence]:
        for item in value.items if isinstance(value, ast.Sequence) else (value,):
            if isinstance(item, ast.Selector):
                yield from self.selector(item)

    def selector(self, selector: ast.Selector) -> Iterator[Occurrence]:
        """Each segment with the streams, stages or groups that the selector matches up to there."""
        for count, segment in enumerate(selector.segments, 1):
            word = segment.word.text
            place, slot = _PLACES.get(word), _SLOTS.get(word)
            if place is not None:
                skipped = 1 if selector.segments[0].word.text in _SLOTS else 0
                part = ast.Selector(selector.segments[skipped:count], selector.span)
                keys = tuple(key for key in self.places if key.kind == place and selects(part, key.name))
                yield Occurrence(segment.word.span, place, keys)
            elif slot is not None:
                yield Occurrence(segment.word.span, slot, self.statements(slot))
            elif word == "shared" and count == 1:
                continue
            elif word == "head" and count == 1:
                yield Occurrence(segment.word.span, "head", (Key("head", self.owner_of_head, "head"),))
            elif count == 2 and selector.segments[0].word.text == "shared":
                yield self.use("shared", segment.word)
            elif self.known("stream", word) or count == 1:
                yield self.use("stream", segment.word)
            elif word in self.pairs:
                source, target = self.pairs[word]
                start, end = segment.word.span.start, segment.word.span.end
                yield self.use("stream", ast.Name(source, Span(start, start + len(source), segment.span.source)))
                yield self.use("stream", ast.Name(target, Span(end - len(target), end, segment.span.source)))
            else:
                yield self.trailing(selector, segment.word)

    def trailing(self, selector: ast.Selector, word: ast.Name) -> Occurrence:
        """The last word of a selector: an attribute of the selected groups or slots, or an operator.

        Words of slots refer to the statements that declare the slots.
        """
        slot = _SLOTS.get(selector.segments[0].word.text)
        if slot is not None:
            operators = FUSIONS if slot == "fusion" else ATTENTIONS
            return Occurrence(word.span, "operator" if word.text in operators else "attribute", self.statements(slot))
        owners = ((owner, name) for (kind, name), (owner, _) in self.declarations.items() if kind == "stream")
        given = (key for owner in owners for key in self.index.attributes.get(owner, ()))
        ending = f".{word.text}"
        keys = tuple(key for key in given if key.name.endswith(ending) and selects(selector, key.name))
        return Occurrence(word.span, "attribute", keys)

    def statements(self, kind: Literal["fusion", "attention"]) -> tuple[Key, ...]:
        found = []
        for space in self.chain:
            for item in space.items:
                if kind == "fusion" and isinstance(item, ast.Fusion):
                    found.append(Key(kind, space.name.text, f"{item.source.text} -> {item.target.text}"))
                elif kind == "attention" and isinstance(item, ast.Attention):
                    found.append(Key(kind, space.name.text, ", ".join(name.text for name in item.streams)))
        return tuple(found)


def _names_operators(value: ast.Expression) -> bool:
    """Whether a shared decision is one of slots: an alternative in it is the name or call of an operator."""
    items = value.items if isinstance(value, ast.Choice) else (value,)
    names = (
        i.name.text if isinstance(i, ast.Call) else i.bare_name for i in items if isinstance(i, ast.Call | ast.Selector)
    )
    return any(name in _OF_SLOTS for name in names)
