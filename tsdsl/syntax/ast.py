"""The syntax tree: what was written, with spans, before any name or value is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias, TypeVar, cast

from tsdsl.records import dataclass
from tsdsl.source import SourceFile, Span

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Name:
    """A name where it is declared or used."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or decimal number, exactly as written."""

    value: Decimal
    span: Span


@dataclass(frozen=True, slots=True)
class KernelSize:
    """`1x3x3`."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Factor:
    """`2x`."""

    value: Decimal
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string, without its quotes."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Quantity:
    """`1.4 GFLOPs`."""

    value: Decimal
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Range:
    """`32 .. 48 by 8`; `step` is None where it is not written."""

    low: Number
    high: Number
    step: Number | None
    span: Span


@dataclass(frozen=True, slots=True)
class Choice:
    """`{1, 3, 5}`."""

    items: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`mb(channels = 8, stride = 2)`; `broken` where a part could not be read."""

    name: Name
    arguments: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a selector: a word, and the indices in brackets (None: no brackets; empty: `*`)."""

    word: Name
    indices: tuple[tuple[Number, Number], ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """`sparse.stage[2..4].group[*]`, or a bare name."""

    segments: tuple[Segment, ...]
    span: Span

    @property
    def bare_name(self) -> str | None:
        """The name, where that is all it is."""
        return self.segments[0].word.text if len(self.segments) == 1 and self.segments[0].indices is None else None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Values separated by commas."""

    items: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Scaled:
    """`64 * beta`: a product as a value. A product of numbers alone is a `Number`."""

    factors: tuple[Number | Selector, ...]
    span: Span


Expression: TypeAlias = (
    Number | KernelSize | Factor | Text | Quantity | Range | Choice | Call | Selector | Sequence | Scaled
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name = value`."""

    name: Name
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Domain:
    """`domain NAME = VALUE`."""

    name: Name
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Shared:
    """`shared NAME = CHOICE`: one decision, used wherever the name is written."""

    name: Name
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class BlockAlias:
    """`block NAME = OPERATOR(...)`."""

    name: Name
    call: Call
    span: Span


@dataclass(frozen=True, slots=True)
class Blocks:
    """`{OPERATOR(...), OPERATOR(...), none}(...)`: what blocks may be, and the attributes of all."""

    choice: Choice
    arguments: tuple[Attribute, ...]
    broken: bool
    span: Span

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the operators and blocks in the braces, and `none`."""
        named = [item.name.text if isinstance(item, Call) else item for item in self.choice.items]
        return tuple(
            name.bare_name or "" if isinstance(name, Selector) else name
            for name in named
            if isinstance(name, str | Selector)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """`group OPERATOR(...) * REPEAT` or `group {OPERATOR(...), ...}(...) * REPEAT`, perhaps with `each`."""

    call: Call | Blocks
    repeat: Expression | None
    is_each: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Stage:
    """`stage I { ... }`."""

    index: Number
    groups: tuple[Group, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Stream:
    """`stream NAME { ... }`."""

    name: Name
    attributes: tuple[Attribute, ...]
    stages: tuple[Stage, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Fusion:
    """`fusion A -> B { ... }`."""

    source: Name
    target: Name
    attributes: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Attention:
    """`attention A, B { ... }`."""

    streams: tuple[Name, ...]
    attributes: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Head:
    """`head { ... }`."""

    attributes: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """`step N "title" { ... }`."""

    index: Number
    title: Text | None
    attributes: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Model:
    """`model NAME from BASE { ... }`."""

    name: Name
    base: Name | None
    attributes: tuple[Attribute, ...]
    broken: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Override:
    """`fix SELECTOR = VALUE` or `free SELECTOR = CHOICE`, in a space that derives from another."""

    kind: Literal["fix", "free"]
    selector: Selector
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Product:
    """`0.85 * flops`, or one factor alone; `sign` is -1 where it is subtracted."""

    sign: int
    factors: tuple[Operand, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sum:
    """Products added up."""

    products: tuple[Product, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Extreme:
    """`max(SUM, SUM)` or `min(...)`, whatever the name is."""

    name: Name
    arguments: tuple[Sum, ...]
    span: Span


Operand: TypeAlias = Number | KernelSize | Quantity | Selector | Extreme | Sum
Relation: TypeAlias = Literal["<=", ">=", "==", "!=", "<", ">"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`SUM <= SUM`."""

    left: Sum
    relation: Relation
    right: Sum
    span: Span


@dataclass(frozen=True, slots=True)
class Junction:
    """Rules joined by `and` or `or`, or two of them by `implies`."""

    word: Literal["and", "or", "implies"]
    parts: tuple[Rule, ...]
    span: Span


Rule: TypeAlias = Comparison | Junction


@dataclass(frozen=True, slots=True)
class Require:
    """`require RULE`."""

    rule: Rule
    span: Span


Item: TypeAlias = (
    Attribute | Domain | Shared | BlockAlias | Stream | Fusion | Attention | Head | Step | Model | Override | Require
)


@dataclass(frozen=True, slots=True)
class Space:
    """`space NAME from BASE { ... }`; `broken` where an item could not be read.

    `loses_names` where that item may have declared a name, which a `require` does not; `loses_declarations` where
    it was a domain, a shared decision or a block.
    """

    name: Name
    base: Name | None
    items: tuple[Item, ...]
    broken: bool
    span: Span
    loses_names: bool = False
    loses_declarations: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """`import "other.tsspace"`."""

    path: Text
    span: Span


@dataclass(frozen=True, slots=True)
class File:
    """A whole file; `broken` where a statement could not be read. `declarations` stand outside of its spaces."""

    version: Number | None
    imports: tuple[Import, ...]
    declarations: tuple[Domain | BlockAlias, ...]
    spaces: tuple[Space, ...]
    broken: bool
    span: Span


def in_source(node: T, source: SourceFile) -> T:
    """The same tree with every span in `source`, as it is seen from another file."""
    return cast(T, _in_source(node, source))


def _in_source(node: Any, source: SourceFile) -> Any:
    kind = type(node)
    if kind is Span:
        return Span(node.start, node.end, source)
    if kind is tuple:
        return tuple([_in_source(part, source) for part in node])
    names = _FIELDS.get(kind)
    return node if names is None else kind(*[_in_source(getattr(node, name), source) for name in names])


_FIELDS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in tuple(vars().values())
    if isinstance(kind, type) and is_dataclass(kind)
}
