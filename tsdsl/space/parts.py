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
    """The alternative under which a nested decision exists: the parent decision and its value."""

    path: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Strict):
    """One choice: its path, its values in the order written, and the alternative it exists under."""

    path: str
    values: tuple[Value, ...]
    parent: Parent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Strict):
    """`repeat` blocks of one operator; only the first may have a stride and another input width.

    `is_repeated`: `* N` was written, even if N is 1, so that the depth of a model multiplies it.
    """

    path: str
    stream: str
    stage: int
    index: int
    operator: str
    attributes: Mapping[str, Setting]
    repeat: int = 1
    is_repeated: bool = False

    @property
    def stride(self) -> int:
        """The spatial stride of the first block."""
        return self._integer("stride")

    @property
    def frame_stride(self) -> int:
        """The temporal stride of the first block."""
        return self._integer("frame_stride")

    def _integer(self, name: str) -> int:
        value = self.attributes.get(name, 1)
        return value if isinstance(value, int) else 1


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

    def frames_after(self, stage: int, group: int, frames: int | None = None) -> int:
        """The frames of the features after a group, of `frames` that the stream sees."""
        left = frames or self.frames
        for one in self.groups:
            if (one.stage, one.index) <= (stage, group):
                left = -(-left // one.frame_stride)
        return left


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
    merge: Literal["concat", "sum"]
    alternatives: tuple[Alternative, ...]
    decision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSlot(Strict):
    """The attention at the end of a group, after any fusion there."""

    path: str
    stream: str
    stage: int
    group: int
    alternatives: tuple[Alternative, ...]
    decision: str | None = None


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
