"""Completion: the legal continuations at a place, from the tokens around it and the declared names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tsdsl.lsp.cursor import BEFORE_OPERANDS, Cursor, Frame, cursor_at
from tsdsl.lsp.names.import_paths import import_path_at
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import ATTRIBUTES, FUNCTIONS, KEYWORDS, attribute_line, operator_text
from tsdsl.operators.fusion import MERGE
from tsdsl.operators.head import HEAD_ATTRIBUTES, HEADS
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS, NONE
from tsdsl.operators.schema import Attribute, Operator
from tsdsl.source import Span
from tsdsl.space.parts import Value
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.importable import importable
from tsdsl.space.resolve.parts.checked_values import checked_value
from tsdsl.space.resolve.parts.groups import DEPTH
from tsdsl.space.resolve.parts.literals import literals, shown
from tsdsl.space.resolve.parts.products import FACTOR
from tsdsl.space.resolve.selection.selectors import path_parts
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.machine import Token
from tsdsl.units import FLOPS_UNITS, PARAMS_UNITS

SuggestionKind: TypeAlias = Literal["keyword", "operator", "attribute", "value", "unit", "domain", "block", "part"]
ITEMS: Mapping[str, tuple[str, ...]] = {
    "file": ("tsspace", "import", "domain", "block", "space"),
    "space": ("domain", "shared", "block", "stream", "fusion", "attention", "head", "step", "model", "require"),
    "stream": ("stage",),
    "stage": ("group",),
}
_NAMING = frozenset({"STREAM", "SPACE", "DOMAIN", "SHARED", "BLOCK", "MODEL"})
_STARTS_VALUE = frozenset({"EQUAL", "COMMA"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may replace `replaces`."""

    label: str
    kind: SuggestionKind
    text: str
    replaces: Span
    detail: str = ""
    documentation: str = ""


def complete(snapshot: Snapshot, offset: int) -> list[Suggestion]:
    """Everything legal at an offset, not filtered by the word there; empty in a comment."""
    path = import_path_at(snapshot.tokens, offset)
    if path is not None:
        return [Suggestion(name, "value", name, path, detail) for name, detail in importable(snapshot.source)]
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
        elif cursor.frame.kind == "call" and not any(token.type == "REQUIRE" for token in cursor.statement()):
            yield from self.in_call()
        elif (statement := cursor.statement()) and statement[0].type in ("FIX", "FREE") and previous == "EQUAL":
            yield from self.overriding(statement)
        elif cursor.frame.kind == "choice" and cursor.frame.head[0].type == "GROUP":
            yield self.make(NONE, "operator", "passes on what the group reads")
            yield from self.operators(BLOCKS)
            yield from self.named("block")
        elif cursor.frame.kind == "stage" and previous == "STAR":
            yield from self.depths()
        elif cursor.frame.kind == "choice" or (previous in _STARTS_VALUE and cursor.frame.attribute is not None):
            yield from self.value(cursor.block, cursor.block.attribute or "")
        else:
            yield from self.in_block()

    def depths(self) -> Iterator[Suggestion]:
        """The domains and shared decisions that a number of blocks may be."""
        for domain in self.domains():
            if self.fits(domain, DEPTH):
                yield self.make(domain.name.text, "domain", "numbers of blocks")

    def make(
        self, label: str, kind: SuggestionKind, detail: str = "", text: str | None = None, documentation: str = ""
    ) -> Suggestion:
        return Suggestion(label, kind, text if text is not None else label, self.cursor.word, detail, documentation)

    def numbers(self) -> Iterator[Suggestion]:
        """The next number of a stage or step, or the language version."""
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
        """Keywords and attributes at the start of a statement, or continuations of a statement."""
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
        if first == "SPACE" and last == "FROM":
            own = str(statement[1].value)
            yield from (self.make(name, "part", "space") for name in self.declared("space") if name != own)
            return
        if first in ("MODEL", "SPACE") and len(statement) == 2:
            yield self.make("from", "keyword", f"derive from another {first.lower()}", "from ")
            return
        if first == "IMPORT" and len(statement) == 1:
            yield from (self.make(f'"{name}"', "value", detail) for name, detail in importable(self.snapshot.source))
            return
        if first == "REQUIRE" and last == "COMPARISON":
            yield from (self.make(str(v), "value", "a value") for v in self.decided(statement[1:-1]) if str(v) == v)
        if first == "REQUIRE" and last in BEFORE_OPERANDS:
            yield from (self.make(name, "value", doc, f"{name}(") for name, doc in FUNCTIONS.items())
            yield self.make("flops", "value", "multiply-adds of a clip")
            yield self.make("params", "value", "trainable parameters")
            yield from self.first_words("require")
            return
        if first == "REQUIRE" and any(token.type == "COMPARISON" for token in statement):
            yield from (self.make(word, "keyword", KEYWORDS[word], f"{word} ") for word in ("and", "or", "implies"))
        if first == "REQUIRE" and last == "NUMBER":
            yield from (self.make(unit, "unit", "multiply-adds") for unit in FLOPS_UNITS)
            yield from (self.make(unit, "unit", "parameters") for unit in PARAMS_UNITS)
        if first in ("FIX", "FREE") and len(statement) == 1:
            yield from self.first_words("fix")
            return
        if (
            first in ("STREAM", "SPACE", "DOMAIN", "SHARED", "BLOCK", "MODEL", "FUSION", "ATTENTION")
            and len(statement) == 1
        ):
            return
        if first == "BLOCK" and last == "EQUAL":
            yield from self.operators(BLOCKS)
            return
        if self.cursor.frame.kind == "stage":
            group = [token.type for token in self.cursor.group]
            if group and "STAR" not in group:
                yield self.make("*", "keyword", "the number of blocks", "* ")
            elif group and group[-1] != "EACH":
                yield self.make("each", "keyword", KEYWORDS["each"])
        if last == "NUMBER" and self.cursor.frame.kind == "step" and self.cursor.frame.attribute == "target":
            yield from (self.make(unit, "unit", "multiply-adds") for unit in FLOPS_UNITS)
        if last in ("NUMBER", "KERNEL") and self.cursor.previous(2) == "RANGE":
            yield self.make("by", "keyword", "the step of a range", "by ")
        yield from self.items()

    def overriding(self, statement: Sequence[Token]) -> Iterator[Suggestion]:
        """The values for `fix` and `free`."""
        words = [str(statement[0].value), *_words(statement[1:-1])]
        slots: Mapping[str, Mapping[str, Operator]] = {"fusion": FUSIONS, "attention": ATTENTIONS}
        operators = slots.get("".join(words[1:2]))
        if words[1:2] == ["fusion"] and words[-1] == MERGE.name:
            yield from self.operator_value(MERGE)
            return
        if operators is not None and operators.keys().isdisjoint(words):
            yield self.make(NONE, "operator", "no operator")
            yield from self.operators(operators)
        else:
            values = self.decided(statement[1:-1]) if statement[0].type == "FIX" else []
            yield from (self.make(shown(value), "value", "one of its values") for value in values)
        yield from self.named("domain")

    def decided(self, selector: Sequence[Token]) -> list[Value]:
        """The values of the decisions that match the words of a selector, regardless of stages and groups."""
        words = _words(selector)
        valid = self.snapshot.last_valid.get(self.cursor.space or "")
        if valid is None or not words:
            return []
        paths = {d.path: d.values for d in valid.space.decisions if d.path.rpartition(".")[2] == words[-1]}
        found = (
            values
            for path, values in paths.items()
            if words[-1] in _following(words[:-1], [part for part, _ in path_parts(path)])
        )
        return list(dict.fromkeys(value for values in found for value in values))

    def items(self) -> Iterator[Suggestion]:
        frame = self.cursor.frame
        derives = frame.kind == "space" and any(token.type == "FROM" for token in frame.head)
        for keyword in (*ITEMS.get(frame.kind, ()), *(("fix", "free") if derives else ())):
            if keyword == "tsspace" and self.cursor.before:
                continue
            yield self.make(keyword, "keyword", KEYWORDS[keyword], f"{keyword} ")
        known = {**ATTRIBUTES.get(frame.kind, {}), **(ATTRIBUTES["derived space"] if derives else {})}
        if frame.kind == "head":
            known = {a.name: a.doc for a in self.head_attributes()}
        for name, doc in known.items():
            if name not in frame.given:
                yield self.make(name, "attribute", doc, f"{name} = ")

    def head_attributes(self) -> tuple[Attribute, ...]:
        """The attributes of the enclosing kind of head; all if it has no `kind`."""
        place = self.cursor.word.start
        heads = (item for space in self.snapshot.file.spaces for item in space.items if isinstance(item, ast.Head))
        for head in heads:
            if head.span.start <= place <= head.span.end:
                values = (a.value for a in head.attributes if a.name.text == "kind")
                words = (value.bare_name or "" for value in values if isinstance(value, ast.Selector))
                return next((HEADS[word].attributes for word in words if word in HEADS), HEAD_ATTRIBUTES)
        return HEAD_ATTRIBUTES

    def in_call(self) -> Iterator[Suggestion]:
        """Missing attributes, or the values of the current one."""
        frame = self.cursor.frame
        previous = self.cursor.previous()
        if previous == "EQUAL":
            yield from self.value(frame, frame.attribute or "")
        elif previous == "STAR":
            for shared in self.domains():
                if isinstance(shared, ast.Shared) and self.fits(shared, FACTOR):
                    yield self.make(shared.name.text, "domain", "shared decision")
        elif previous in ("NUMBER", "KERNEL") and self.cursor.previous(2) == "RANGE":
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
        """The attributes of the operator of a call, also through a block; those of all in the braces before it."""
        if frame.head and frame.head[0].type == "GROUP":
            names = [self.snapshot.operator_of(self.cursor.space, str(token.value)) for token in frame.head]
            found = {a.name: a for name in names if name in BLOCKS for a in BLOCKS[name].attributes}
            return tuple(found.values())
        name = self.snapshot.operator_of(self.cursor.space, str(frame.head[0].value) if frame.head else "")
        operators: Mapping[str, Operator] = {**BLOCKS, **FUSIONS, **ATTENTIONS}
        if any(f.kind == "attention" for f in self.cursor.frames):
            operators = ATTENTIONS
        return operators[name].attributes if name in operators else ()

    def value(self, frame: Frame, name: str) -> Iterator[Suggestion]:
        """The legal values of an attribute."""
        if frame.kind == "call":
            schema = next((a for a in self.schema(frame) if a.name == name), None)
            if schema is not None:
                yield from self.operator_value(schema)
        elif frame.kind == "head":
            schema = next((a for a in HEAD_ATTRIBUTES if a.name == name), None)
            if schema is not None:
                yield from self.operator_value(schema)
        elif name in ("domain", "shared"):
            yield from self.named("domain")
            if name == "shared":
                yield self.make(NONE, "operator", "no operator")
                yield from self.operators({**FUSIONS, **ATTENTIONS})
        elif name == "block":
            yield from self.operators(BLOCKS)
        elif name == "op" and frame.kind in ("fusion", "attention"):
            yield self.make(NONE, "operator", "no operator")
            yield from self.operators(FUSIONS if frame.kind == "fusion" else ATTENTIONS)
        elif name == "merge":
            yield from self.operator_value(MERGE)
        elif name in ("after", "search", "without"):
            yield from self.first_words(name)
        elif name in ("depth", "width"):
            yield self.make("2x", "value", "twice")

    def operator_value(self, attribute: Attribute) -> Iterator[Suggestion]:
        for keyword in attribute.keywords:
            yield self.make(keyword, "value", attribute.doc)
        if attribute.keywords and not attribute.searchable:
            return
        for domain in self.domains() if attribute.searchable else ():
            if self.fits(domain, attribute):
                span = domain.value.span
                written = self.snapshot.source.text[span.start : span.end]
                yield self.make(domain.name.text, "domain", written, documentation=attribute_line(attribute))
        if attribute.default is not None and not attribute.keywords:
            yield self.make(str(attribute.default), "value", "the default")

    def fits(self, domain: ast.Domain | ast.Shared, attribute: Attribute) -> bool:
        """Whether the checker accepts all values of a domain for the attribute."""
        known = [item for item in self.domains() if isinstance(item, ast.Domain)]
        context = Context(self.snapshot.source, domains={item.name.text: item for item in known})
        placed = literals(context, domain.value)
        return placed is not None and all(
            checked_value(context, attribute, literal, span) is not None for literal, span in placed
        )

    def domains(self) -> list[ast.Domain | ast.Shared]:
        visible = self.snapshot.visible(self.cursor.space)
        return [item for item in visible if isinstance(item, ast.Domain | ast.Shared)]

    def operators(self, operators: Mapping[str, Operator]) -> Iterator[Suggestion]:
        for name, operator in operators.items():
            yield self.make(name, "operator", operator.doc, documentation=operator_text(operator))

    def streams(self) -> Iterator[Suggestion]:
        for name in self.declared("stream"):
            yield self.make(name, "part", "stream")

    def named(self, kind: Literal["domain", "block", "model"]) -> Iterator[Suggestion]:
        for name in self.declared(kind):
            yield self.make(name, "block" if kind == "block" else "domain" if kind == "domain" else "part", kind)

    def declared(self, kind: Literal["space", "domain", "block", "model", "stream", "step", "stage"]) -> list[str]:
        return self.snapshot.names.declared(self.cursor.space or "", kind)

    def first_words(self, attribute: str) -> Iterator[Suggestion]:
        yield from self.streams()
        if attribute != "after":
            yield self.make("fusion", "part", KEYWORDS["fusion"])
            yield self.make("attention", "part", KEYWORDS["attention"])
        if attribute not in ("after", "without"):
            yield self.make("head", "part", KEYWORDS["head"])
            yield self.make("shared", "part", KEYWORDS["shared"])
        if attribute != "without":
            yield self.make("stage", "part", "stages by number: `stage[2..4]`")
            yield self.make("group", "part", "groups by number: `group[1, 2]`")

    def segments(self) -> Iterator[Suggestion]:
        """The words that can follow in a selector, from the paths of the space."""
        words = self.words_before()
        statement = self.cursor.statement()
        if statement and statement[0].type == "REQUIRE" and len(words) == 1:
            yield self.make("flops", "value", "multiply-adds of this part")
            yield self.make("params", "value", "parameters of this part")
        valid = self.snapshot.last_valid.get(self.cursor.space or "")
        if valid is None:
            yield from (self.make(word, "part") for word in ("stage", "group") if word not in words)
            return
        paths = [d.path for d in valid.space.decisions]
        if self.cursor.block.attribute == "after":
            paths = [g.path for s in valid.space.streams for g in s.groups]
        found: dict[str, int] = {}
        for path in paths:
            for word in _following(words, [part for part, _ in path_parts(path)]):
                found[word] = found.get(word, 0) + 1
        for word, count in found.items():
            plural = "decision" if count == 1 else "decisions"
            yield self.make(word, "part", f"{count} {plural}" if self.cursor.block.attribute != "after" else "")

    def words_before(self) -> list[str]:
        """The words of the selector before the place."""
        return _words(self.cursor.before[:-1])


def _words(tokens: Sequence[Token]) -> list[str]:
    """The words of the selector at the end of these tokens."""
    words: list[str] = []
    depth = 0
    follows_dot = True
    for token in reversed(tokens):
        if token.type in ("RSQB", "LSQB"):
            depth += 1 if token.type == "RSQB" else -1
        elif depth == 0 and token.type == "DOT":
            follows_dot = True
        elif depth == 0:
            if not follows_dot:
                break
            words.append(str(token.value))
            follows_dot = False
    return words[::-1]


def _following(words: list[str], path: list[str]) -> Iterable[str]:
    """The words of a path that may come next in a selector, which may skip stages and groups."""
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
