"""What an operator declares: its attributes, their kinds, bounds and defaults, and its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, cast

from tsdsl.operators.layers import Activation, ActivationKind, Block, Layer, Sizes, Width, when
from tsdsl.operators.varying import Count, Varying
from tsdsl.records import dataclass

AttributeKind = Literal["integer", "number", "kernel", "keyword"]
Words: TypeAlias = tuple[tuple[str, Count], ...]
Setting: TypeAlias = int | float | str | Varying | Sizes | Words


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an operator.

    With `default` None it must be given, unless it is `optional`. Bounds are inclusive and hold for each component of a
    kernel; `odd` allows odd values only; `keywords` are the values of a keyword, `synonyms` other names for them, and
    `unlike` similar names that mean something else. Only a `searchable` attribute may have a choice; `instead` says how
    to search what another one means. With `matters_for` it has an effect only where another attribute, named first, is
    one of the words behind it.
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
    instead: str = "keep one of the values"
    matters_for: tuple[str, tuple[str, ...]] | None = None


_OTHER_ACTIVATIONS = (
    "celu elu gelu geglu glu hardsigmoid hardtanh hsigmoid leakyrelu logsigmoid mish prelu quickgelu "
    "relu6 rrelu selu sigmoid softmax softplus softsign swiglu tanh threshold"
)
ACTIVATION = Attribute(
    "act",
    "keyword",
    "activation",
    "relu",
    keywords=("relu", "swish", "hswish", "none"),
    synonyms=(("silu", "swish"), ("hardswish", "hswish")),
    unlike=frozenset(_OTHER_ACTIVATIONS.split()),
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

    def kernel(self, name: str) -> Sizes:
        """A kernel attribute as (t, h, w)."""
        value = self.values[name]
        if isinstance(value, tuple):
            return cast(Sizes, value)
        raise TypeError(f"{name} = {value!r} is not a kernel")

    def keyword(self, name: str) -> str:
        """A keyword attribute."""
        value = self.values[name]
        if isinstance(value, str):
            return value
        raise TypeError(f"{name} = {value!r} is not a single keyword")

    def words(self, name: str) -> Words:
        """The words that a keyword attribute may be, each with the condition under which it is."""
        value = self.values[name]
        return cast(Words, value) if isinstance(value, tuple) else ((self.keyword(name), 1),)

    def is_any(self, name: str, *words: str) -> Count:
        """1 where a keyword attribute is one of the words, else 0."""
        total: Count = 0
        for word, condition in self.words(name):
            if word in words:
                total = total + condition
        return total

    def given(self, name: str) -> bool:
        """Whether an optional attribute was given."""
        return name in self.values


def activations(settings: Settings, condition: Count = 1) -> tuple[Layer, ...]:
    """The activation that `act` names, under a condition; several with one each while it varies."""
    found: tuple[Layer, ...] = ()
    for word, chosen in settings.words("act"):
        found += when(chosen * condition, Activation(cast(ActivationKind, word)))
    return found


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """The place of a block: its index in the group from 0, and the blocks of its stage before the group.

    Each of `before` is a number of blocks that are there, or not, on their own.
    """

    index_in_group: int
    before: tuple[Count, ...] = ()

    @property
    def index_in_stage(self) -> Count:
        """The blocks of the stage before this one: a table over all that decides whether they are there."""
        total: Count = self.index_in_group
        for count in self.before:
            total = total + count
        return total


@dataclass(frozen=True, slots=True)
class FusionPlace:
    """The two ends of a fusion: source frames for each of the receiver, at most how many, and the receiver's width."""

    frame_ratio: Count
    most_frame_ratio: int
    target_width: Width
    merge: str


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
