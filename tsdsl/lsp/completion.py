"""Completion: what is legal at a place, told from the tokens around it and the names that are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tsdsl.lsp.cursor import Cursor, Frame, cursor_at
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import ATTRIBUTES, KEYWORDS, attribute_line, operator_text
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS, NONE
from tsdsl.operators.schema import Attribute, Operator
from tsdsl.source import Span
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.selectors import path_parts
from tsdsl.space.resolve.values import checked_value, literals
from tsdsl.syntax import ast

SuggestionKind: TypeAlias = Literal["keyword", "operator", "attribute", "value", "unit", "domain", "block", "part"]
FLOPS_UNITS = ("GFLOPs", "MFLOPs", "KFLOPs", "TFLOPs", "FLOPs")
ITEMS: Mapping[str, tuple[str, ...]] = {
    "file": ("tsspace", "space"),
    "space": ("domain", "block", "stream", "fusion", "attention", "head", "step", "model"),
    "stream": ("stage",),
    "stage": ("group",),
}
_STARTS_VALUE = frozenset({"EQUAL", "COMMA"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing that may be written in place of `replaces`."""

    label: str
    kind: SuggestionKind
    text: str
    replaces: Span
    detail: str = ""
    documentation: str = ""


def complete(snapshot: Snapshot, offset: int) -> list[Suggestion]:
    """Everything that may stand at an offset, what the word there begins with or not; in a comment nothing."""
    cursor = cursor_at(snapshot.tokens, snapshot.source.text, offset)
    if cursor.is_silent:
        return []
    return list(_Completer(snapshot, cursor).suggestions())


@dataclass(frozen=True, slots=True)
class _Completer:
    snapshot: Snapshot
    cursor: Cursor

    def suggestions(self) -> Iterator[Suggestion]:
        cursor = self.cursor
        previous = cursor.previous()
        if cursor.frame.kind == "indices" or (previous in ("STAGE", "STEP", "TSSPACE") and cursor.previous(2) != "DOT"):
            yield from self.numbers()
        elif previous == "DOT":
            yield from self.segments()
        elif cursor.frame.kind == "call":
            yield from self.in_call()
        elif cursor.frame.kind == "choice" or (previous in _STARTS_VALUE and cursor.frame.attribute is not None):
            yield from self.value(cursor.block, cursor.block.attribute or "")
        else:
            yield from self.in_block()

    def make(
        self, label: str, kind: SuggestionKind, detail: str = "", text: str | None = None, documentation: str = ""
    ) -> Suggestion:
        return Suggestion(label, kind, text if text is not None else label, self.cursor.word, detail, documentation)

    def numbers(self) -> Iterator[Suggestion]:
        """The next number of a stage or step, or the only version."""
        previous, head = self.cursor.previous(), self.cursor.frame.head
        if previous == "TSSPACE":
            yield self.make("1", "value", "the language version")
        elif previous == "STAGE" and len(head) > 1:
            taken = [n.rpartition("stage")[2] for n in self.declared("stage") if n.startswith(f"{head[1].value}.")]
            yield self.make(str(max(map(int, taken), default=-1) + 1), "value", "the next stage")
        elif previous == "STEP":
            taken = [name for name in self.declared("step") if name.isdigit()]
            yield self.make(str(max(map(int, taken), default=0) + 1), "value", "the next step")

    def in_block(self) -> Iterator[Suggestion]:
        """Keywords and attributes where a statement may begin, or what goes on with one."""
        statement = self.cursor.statement()
        first = statement[0].type if statement else ""
        last = self.cursor.previous()
        if first == "GROUP" and len(statement) == 1:
            yield from self.operators(BLOCKS)
            yield from self.named("block")
            return
        if first == "FUSION" and (len(statement) == 1 or statement[-1].value == "->"):
            yield from self.streams()
            return
        if first == "ATTENTION" and (len(statement) == 1 or last == "COMMA"):
            yield from self.streams()
            return
        if first == "MODEL" and last == "FROM":
            yield from self.named("model")
            return
        if first == "MODEL" and len(statement) == 2:
            yield self.make("from", "keyword", "begin as another model", "from ")
            return
        if first in ("STREAM", "SPACE", "DOMAIN", "BLOCK", "MODEL", "FUSION", "ATTENTION") and len(statement) == 1:
            return
        if first == "BLOCK" and last == "EQUAL":
            yield from self.operators(BLOCKS)
            return
        if last == "NUMBER" and self.cursor.frame.kind == "step" and self.cursor.frame.attribute == "target":
            yield from (self.make(unit, "unit", "multiply-adds") for unit in FLOPS_UNITS)
        if last in ("NUMBER", "KERNEL") and self.cursor.previous(2) == "__ANON_1":
            yield self.make("by", "keyword", "the step of a range", "by ")
        yield from self.items()

    def items(self) -> Iterator[Suggestion]:
        frame = self.cursor.frame
        for keyword in ITEMS.get(frame.kind, ()):
            if keyword == "tsspace" and self.cursor.before:
                continue
            yield self.make(keyword, "keyword", KEYWORDS[keyword], f"{keyword} ")
        known = dict(ATTRIBUTES.get(frame.kind, {}))
        if frame.kind == "head":
            known = {a.name: a.doc for a in HEAD_ATTRIBUTES}
        for name, doc in known.items():
            if name not in frame.given:
                yield self.make(name, "attribute", doc, f"{name} = ")

    def in_call(self) -> Iterator[Suggestion]:
        """Attributes that are not given yet, or the values of the one that is being given."""
        frame = self.cursor.frame
        previous = self.cursor.previous()
        if previous == "EQUAL":
            yield from self.value(frame, frame.attribute or "")
        elif previous in ("NUMBER", "KERNEL") and self.cursor.previous(2) == "__ANON_1":
            yield self.make("by", "keyword", "the step of a range", "by ")
        elif previous in ("LPAR", "COMMA"):
            for attribute in self.schema(frame):
                if attribute.name not in frame.given:
                    yield self.make(
                        attribute.name,
                        "attribute",
                        attribute.doc,
                        f"{attribute.name} = ",
                        attribute_line(attribute),
                    )

    def schema(self, frame: Frame) -> tuple[Attribute, ...]:
        """The attributes of the operator that a call names, by way of an alias if it is one."""
        name = str(frame.head[0].value) if frame.head else ""
        for space in self.snapshot.file.spaces:
            for item in space.items:
                if isinstance(item, ast.BlockAlias) and item.name.text == name and space.name.text == self.cursor.space:
                    name = item.call.name.text
        operators: Mapping[str, Operator] = {**BLOCKS, **FUSIONS, **ATTENTIONS}
        if any(f.kind == "attention" for f in self.cursor.frames):
            operators = ATTENTIONS
        return operators[name].attributes if name in operators else ()

    def value(self, frame: Frame, name: str) -> Iterator[Suggestion]:
        """What may be the value, or one of the values, of an attribute."""
        if frame.kind == "call":
            schema = next((a for a in self.schema(frame) if a.name == name), None)
            if schema is not None:
                yield from self.operator_value(schema)
        elif name == "domain":
            yield from self.named("domain")
        elif name == "block":
            yield from self.operators(BLOCKS)
        elif name == "op" and frame.kind in ("fusion", "attention"):
            yield self.make(NONE, "operator", "nothing stands here")
            yield from self.operators(FUSIONS if frame.kind == "fusion" else ATTENTIONS)
        elif name == "merge":
            yield self.make("concat", "value", "append channels")
            yield self.make("sum", "value", "add channels; both sides have as many")
        elif name in ("after", "search", "without"):
            yield from self.first_words(name)
        elif name in ("depth", "width"):
            yield self.make("2x", "value", "twice")

    def operator_value(self, attribute: Attribute) -> Iterator[Suggestion]:
        for keyword in attribute.keywords:
            yield self.make(keyword, "value", attribute.doc)
        if attribute.keywords and not attribute.searchable:
            return
        for domain in self.domains():
            if _fits(self.snapshot, self.domains(), domain, attribute):
                span = domain.value.span
                written = self.snapshot.source.text[span.start : span.end]
                yield self.make(domain.name.text, "domain", written, documentation=attribute_line(attribute))
        if attribute.default is not None and not attribute.keywords:
            yield self.make(str(attribute.default), "value", "the default")

    def domains(self) -> list[ast.Domain]:
        return [
            item
            for space in self.snapshot.file.spaces
            if space.name.text == self.cursor.space
            for item in space.items
            if isinstance(item, ast.Domain)
        ]

    def operators(self, operators: Mapping[str, Operator]) -> Iterator[Suggestion]:
        for name, operator in operators.items():
            yield self.make(name, "operator", operator.doc, documentation=operator_text(operator))

    def streams(self) -> Iterator[Suggestion]:
        for name in self.declared("stream"):
            yield self.make(name, "part", "stream")

    def named(self, kind: Literal["domain", "block", "model"]) -> Iterator[Suggestion]:
        for name in self.declared(kind):
            yield self.make(name, "block" if kind == "block" else "domain" if kind == "domain" else "part", kind)

    def declared(self, kind: Literal["domain", "block", "model", "stream", "step", "stage"]) -> list[str]:
        return self.snapshot.names.declared(self.cursor.space or "", kind)

    def first_words(self, attribute: str) -> Iterator[Suggestion]:
        yield from self.streams()
        if attribute != "after":
            yield self.make("fusion", "part", KEYWORDS["fusion"])
            yield self.make("attention", "part", KEYWORDS["attention"])
        if attribute != "without":
            yield self.make("stage", "part", "stages by number: `stage[2..4]`")
            yield self.make("group", "part", "groups by number: `group[1, 2]`")

    def segments(self) -> Iterator[Suggestion]:
        """The words that can follow in a selector: what the space's paths have there."""
        words = self.words_before()
        good = self.snapshot.good.get(self.cursor.space or "")
        if good is None:
            yield from (self.make(word, "part") for word in ("stage", "group") if word not in words)
            return
        paths = [d.path for d in good.space.decisions]
        if self.cursor.block.attribute == "after":
            paths = [g.path for s in good.space.streams for g in s.groups]
        found: dict[str, int] = {}
        for path in paths:
            for word in _following(words, [part for part, _ in path_parts(path)]):
                found[word] = found.get(word, 0) + 1
        for word, count in found.items():
            plural = "decision" if count == 1 else "decisions"
            yield self.make(word, "part", f"{count} {plural}" if self.cursor.block.attribute != "after" else "")

    def words_before(self) -> list[str]:
        """The words of the selector that ends with the dot before the place."""
        words: list[str] = []
        depth = 0
        for token in reversed(self.cursor.before[:-1]):
            if token.type == "RSQB":
                depth += 1
            elif token.type == "LSQB":
                depth -= 1
            elif depth == 0:
                if token.type in ("COMMA", "EQUAL"):
                    break
                if token.type != "DOT":
                    words.append(str(token.value))
        return words[::-1]


def _following(words: list[str], path: list[str]) -> Iterable[str]:
    """The words of a path that may come next in a selector: the next of a kind, passing over stage and group."""
    position = 0
    for number, word in enumerate(words):
        if number == 0 and word in ("stage", "group"):
            while position < len(path) and path[position] != word:
                position += 1
        else:
            while position < len(path) and path[position] != word and path[position] in ("stage", "group"):
                position += 1
        if position >= len(path) or path[position] != word:
            return ()
        position += 1
    reachable: list[str] = []
    for word in path[position:]:
        reachable.append(word)
        if word not in ("stage", "group"):
            break
    return reachable


def _fits(snapshot: Snapshot, domains: Iterable[ast.Domain], domain: ast.Domain, attribute: Attribute) -> bool:
    """Whether all values of a domain are values of the attribute; the checker itself decides."""
    context = Context(snapshot.source, domains={d.name.text: d for d in domains})
    placed = literals(context, domain.value)
    if placed is None:
        return False
    return all(checked_value(context, attribute, literal, span) is not None for literal, span in placed)
