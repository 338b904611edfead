"""What an operator declares: its attributes, their kinds, bounds and defaults, and its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from tsdsl.operators.layers import Block, Width
from tsdsl.operators.varying import Count, Varying
from tsdsl.records import dataclass

AttributeKind = Literal["integer", "number", "kernel", "keyword"]
Kernel: TypeAlias = tuple[Count, Count, Count]
Setting: TypeAlias = int | float | str | Varying | Kernel


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an operator.

    With `default` None it must be given, unless it is `optional`. Bounds are inclusive and hold for each component of a
    kernel; `odd` allows odd values only; `keywords` are the values of a keyword, `synonyms` other names for them, and
    `unlike` similar names that mean something else. Only a `searchable` attribute may have a choice.
    """

    name: str
    kind: AttributeKind
    doc: str
    default: int | float | str | None = None
    optional: bool = False
    minimum: float = 1
    maximum: float = 65536
    odd: bool = False
    keywords: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, str], ...] = ()
    unlike: frozenset[str] = frozenset()
    searchable: bool = True


_OTHER_ACTIVATIONS = (
    "celu elu gelu geglu glu hardsigmoid hardswish hardtanh hsigmoid hswish leakyrelu logsigmoid mish prelu quickgelu "
    "relu6 rrelu selu sigmoid softmax softplus softsign swiglu tanh threshold"
)
ACTIVATION = Attribute(
    "act",
    "keyword",
    "activation",
    "relu",
    keywords=("relu", "swish", "none"),
    synonyms=(("silu", "swish"),),
    unlike=frozenset(_OTHER_ACTIVATIONS.split()),
    searchable=False,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of an operator's attributes, plain or `Varying`, read by kind."""

    values: Mapping[str, Setting]

    def count(self, name: str) -> Count:
        """An integer attribute."""
        value = self.values[name]
        if isinstance(value, int | Varying):
            return value
        raise TypeError(f"{name} = {value!r} is not an integer")

    def ratio(self, name: str) -> float | Varying:
        """A number attribute."""
        value = self.values[name]
        if isinstance(value, int | float | Varying):
            return value
        raise TypeError(f"{name} = {value!r} is not a number")

    def kernel(self, name: str) -> Kernel:
        """A kernel attribute as (t, h, w)."""
        value = self.values[name]
        if isinstance(value, tuple):
            return value
        raise TypeError(f"{name} = {value!r} is not a kernel")

    def keyword(self, name: str) -> str:
        """A keyword attribute."""
        value = self.values[name]
        if isinstance(value, str):
            return value
        raise TypeError(f"{name} = {value!r} is not a keyword")

    def given(self, name: str) -> bool:
        """Whether an optional attribute was given."""
        return name in self.values


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """The place of a block: its index in the group and in the stage, both from 0."""

    index_in_group: int
    index_in_stage: int


@dataclass(frozen=True, slots=True)
class FusionPlace:
    """The two ends of a fusion: the frames of both streams and the width of the receiver."""

    source_frames: int
    target_frames: int
    target_width: Width
    merge: str

    @property
    def frame_ratio(self) -> int:
        """Source frames for each frame of the receiver."""
        return self.source_frames // self.target_frames


BlockLayers: TypeAlias = Callable[[Settings, Width, BlockPlace], Block]
FusionLayers: TypeAlias = Callable[[Settings, Width, FusionPlace], Block]
AttentionLayers: TypeAlias = Callable[[Settings, Width], Block]


@dataclass(frozen=True, slots=True)
class BlockOperator:
    """An operator that a group repeats."""

    name: str
    doc: str
    attributes: tuple[Attribute, ...]
    layers: BlockLayers


@dataclass(frozen=True, slots=True)
class FusionOperator:
    """An alternative of a fusion slot: maps the source's features to what the receiver gets."""

    name: str
    doc: str
    attributes: tuple[Attribute, ...]
    layers: FusionLayers


@dataclass(frozen=True, slots=True)
class AttentionOperator:
    """An alternative of an attention slot: its layers keep the width."""

    name: str
    doc: str
    attributes: tuple[Attribute, ...]
    layers: AttentionLayers


Operator: TypeAlias = BlockOperator | FusionOperator | AttentionOperator
