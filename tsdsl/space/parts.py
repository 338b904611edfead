"""What a resolved search space is made of, as frozen data: streams, slots, decisions, steps, models, constraints.

Paths such as `sparse.stage1.group2.channels` name parts and decisions alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from tsdsl.operators.registry import NONE
from tsdsl.records import dataclass

if TYPE_CHECKING:
    from pydantic import ConfigDict

Value: TypeAlias = bool | int | float | str
SHARED = "shared."
HEAD = "head"


class Strict:
    """Base of all parts: when they are read from a file, what they do not know is an error."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRef(Strict):
    """Stands where a value will be, once the decision at this path is made."""

    decision: str

    def of(self, value: Value) -> Value:
        """What the setting is with one value of the decision."""
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled(Strict):
    """`factor` times the value of a decision; rounded to the nearest integer where `is_whole`, halves up."""

    decision: str
    factor: int | float
    is_whole: bool

    def of(self, value: Value) -> int | float:
        """The product with one value of the decision, computed in decimals as they are written: 0.1 * 3 is 0.3."""
        product = Fraction(str(self.factor)) * Fraction(str(value))
        return floor(product + Fraction(1, 2)) if self.is_whole else float(product)


Reference: TypeAlias = DecisionRef | Scaled
Setting: TypeAlias = Value | Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent(Strict):
    """Where a nested decision exists: the parent decision, and its value or values there."""

    path: str
    value: Value
    others: tuple[Value, ...] = ()

    @property
    def values(self) -> tuple[Value, ...]:
        """All values of the parent at which the decision exists."""
        return (self.value, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Strict):
    """One choice: its path, its values in the order written, and the alternative it exists under."""

    path: str
    values: tuple[Value, ...]
    parent: Parent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAlternative(Strict):
    """One thing that a block may be: an operator under a name, with attributes of its own, or `none`."""

    name: str
    operator: str
    attributes: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockChoice(Strict):
    """What a block may be, and the decision between the alternatives where there are several."""

    alternatives: tuple[BlockAlternative, ...]
    decision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Strict):
    """`repeat` blocks; only the first may have a stride and another input width.

    All are of one `operator`, unless `choices` say what they may be: all together by one choice, or with `each` by one
    for each block. The attributes of an alternative are added to those of the group.
    `is_repeated`: `* N` was written, even if N is 1, so that the depth of a model multiplies it.
    """

    path: str
    stream: str
    stage: int
    index: int
    operator: str
    attributes: Mapping[str, Setting]
    repeat: int | Reference = 1
    is_repeated: bool = False
    choices: tuple[BlockChoice, ...] = ()
    is_each: bool = False

    @property
    def block_choices(self) -> tuple[BlockChoice, ...]:
        """What the blocks may be, of a group of one operator as well."""
        return self.choices or (BlockChoice(alternatives=(BlockAlternative(name="", operator=self.operator),)),)

    def alternative(self, index: int, name: str) -> BlockAlternative:
        """What the block of this index, from 0, is where it is the alternative of this name."""
        choice = self.block_choices[index if self.is_each else 0]
        return next(one for one in choice.alternatives if one.name == name)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Every value that is written in the group by its path: attributes, the depth, and choices of operators."""
        found: dict[str, Setting] = {f"{self.path}.repeat": self.repeat}
        found |= {f"{self.path}.{name}": setting for name, setting in self.attributes.items()}
        for number, choice in enumerate(self.choices, 1):
            path = f"{self.path}.block{number}" if self.is_each else self.path
            for one in choice.alternatives:
                if one.name:
                    found[f"{path}.op"] = DecisionRef(decision=choice.decision) if choice.decision else one.name
                for name, setting in one.attributes.items():
                    own = f"{path}.op.{one.name}.{name}"
                    is_of_all = not one.name or setting == DecisionRef(decision=f"{path}.{name}")
                    found[f"{path}.{name}" if is_of_all else own] = setting
        return found

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that its blocks may be of, in the order written, and `none`; none at all without blocks."""
        found = (one.operator for choice in self.block_choices for one in choice.alternatives)
        return tuple(dict.fromkeys(found)) if self.repeat != 0 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Strict):
    """Consecutive groups under one number."""

    index: int
    groups: tuple[Group, ...]


@dataclass(frozen=True, kw_only=True)
class Stream(Strict):
    """One pathway: the frames it sees of each clip, and its stages."""

    name: str
    frames: int
    stages: tuple[Stage, ...]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All groups in order."""
        return tuple(group for stage in self.stages for group in stage.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative(Strict):
    """One thing that a slot may hold: an operator with its attributes, or `none`."""

    operator: str
    attributes: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSlot(Strict):
    """What stream `target` receives from stream `source` at the end of a group."""

    path: str
    source: str
    target: str
    stage: int
    group: int
    merge: Literal["concat", "sum"] | DecisionRef
    alternatives: tuple[Alternative, ...]
    decision: str | None = None

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Every value that is written in the slot by its path."""
        return _slot_settings(self) | {f"{self.path}.merge": self.merge}

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that the slot may hold, without `none`."""
        return tuple(one.operator for one in self.alternatives if one.operator != NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSlot(Strict):
    """The attention at the end of a group, after any fusion there."""

    path: str
    stream: str
    stage: int
    group: int
    alternatives: tuple[Alternative, ...]
    decision: str | None = None

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Every value that is written in the slot by its path."""
        return _slot_settings(self)


def _slot_settings(slot: Slot) -> dict[str, Setting]:
    op = DecisionRef(decision=slot.decision) if slot.decision is not None else slot.alternatives[0].operator
    found: dict[str, Setting] = {f"{slot.path}.op": op}
    for one in slot.alternatives:
        found |= {f"{slot.path}.op.{one.operator}.{name}": setting for name, setting in one.attributes.items()}
    return found


Slot: TypeAlias = FusionSlot | AttentionSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(Strict):
    """The attributes of the head."""

    attributes: Mapping[str, Setting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Strict):
    """One factor of the space: the decisions it makes, the parts it brings in, and its budget.

    `names` are the parts (a stream's name, or the path of a slot) present from this step on.
    """

    index: int
    title: str
    decisions: tuple[str, ...]
    names: tuple[str, ...]
    target_macs: int | None = None
    epochs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Strict):
    """How a found architecture is scaled for training: side in pixels, frames, depth, width, parts left out.

    `frames` are those of the stream that sees most; the others keep their share of them. `depth` multiplies the
    repeats of groups that repeat; `without` names streams or slots.
    """

    name: str
    size: int | None = None
    frames: int | None = None
    depth: float = 1.0
    width: float = 1.0
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount(Strict):
    """Multiply-adds or parameters: of everything, a stream, all `fusion`, all `attention` or the `head`."""

    quantity: Literal["flops", "params"]
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Strict):
    """An integer times an amount, the value of a decision, or a rounded product with one."""

    factor: int
    of: Amount | Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRule(Strict):
    """`sum of terms RELATION bound`, in integers; `text` is as it was written."""

    text: str
    terms: tuple[Term, ...]
    relation: Literal["<=", "<", "==", "!="]
    bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike(Strict):
    """Two decisions have the same value, or one has this value; or not, where `is_equal` is false."""

    text: str
    left: DecisionRef
    right: DecisionRef | Value
    is_equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Strict):
    """At least one of several rules, whose own texts are empty, holds."""

    text: str
    rules: tuple[LinearRule | Alike, ...]


Requirement: TypeAlias = LinearRule | Alike | AnyOf


def group_path(stream: str, stage: int, group: int) -> str:
    """The path of a group: `sparse.stage1.group2`."""
    return f"{stream}.stage{stage}.group{group}"
