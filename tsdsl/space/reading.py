"""Reads settings as the values of one architecture, or as tables over all decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import NamedTuple, TypeVar

import numpy as np

from tsdsl.operators.layers import Sizes
from tsdsl.operators.registry import BLOCKS, NONE
from tsdsl.operators.schema import Attribute, BlockPlace, Setting, Settings
from tsdsl.operators.strides import STRIDES, strides_at
from tsdsl.operators.varying import Axis, Count, Varying, exceeds, is_never
from tsdsl.records import dataclass
from tsdsl.space.parts import Alternative, BlockAlternative, Decision, Group, Reference, Slot, Value
from tsdsl.space.parts import Setting as SpaceSetting

T = TypeVar("T")


def kernel_sizes(text: str) -> tuple[int, int, int]:
    """`5x1x1` as (5, 1, 1)."""
    t, h, w = (int(part) for part in text.split("x"))
    return t, h, w


class FirstBlock(NamedTuple):
    """One thing that the first block of a group may be: the condition under which it is there, and its strides."""

    alternative: BlockAlternative
    condition: Count
    strides: Sizes


@dataclass(frozen=True)
class Reading:
    """Reads settings either from `decisions` (one architecture) or from `axes` (all of them)."""

    decisions: Mapping[str, Value] = field(default_factory=dict)
    axes: Mapping[str, tuple[Axis, tuple[Value, ...]]] = field(default_factory=dict)

    def settings(self, attributes: Iterable[Attribute], given: Mapping[str, SpaceSetting]) -> Settings:
        """The values of an operator's attributes, with defaults."""
        values: dict[str, Setting] = {}
        for attribute in attributes:
            setting = given.get(attribute.name, attribute.default)
            if attribute.matters_for is not None and self.is_undecided(setting):
                setting = attribute.default  # it has no effect in this architecture
            if setting is not None:
                values[attribute.name] = self.setting(attribute, setting)
        return Settings(values)

    def is_undecided(self, setting: SpaceSetting | None) -> bool:
        """Whether a setting follows from a decision that does not exist in the one architecture that is read."""
        return isinstance(setting, Reference) and not self.axes and setting.decision not in self.decisions

    def setting(self, attribute: Attribute, setting: SpaceSetting) -> Setting:
        """One attribute's value."""
        if not isinstance(setting, Reference):
            return kernel_sizes(str(setting)) if attribute.kind == "kernel" else setting
        if not self.axes:
            chosen = setting.of(self.decisions[setting.decision])
            return kernel_sizes(str(chosen)) if attribute.kind == "kernel" else chosen
        axis, decided = self.axes[setting.decision]
        values = [setting.of(value) for value in decided]
        if attribute.kind == "keyword":
            return tuple(
                (str(word), Varying((axis,), np.array([int(value == word) for value in values]))) for word in values
            )
        if attribute.kind == "kernel":
            kernel: Sizes = tuple(  # type: ignore[assignment]  # zip(*) loses the length three
                Varying((axis,), np.array(sizes)) for sizes in zip(*map(kernel_sizes, map(str, values)), strict=True)
            )
            return kernel
        return Varying((axis,), np.array(values))

    def repeat(self, group: Group) -> Count:
        """The number of blocks of a group, as it is written or chosen; 0 where `none` is chosen for all of them."""
        choice = group.block_choices[0]
        if not self.axes and choice.decision is not None and self.decisions.get(choice.decision) == NONE:
            return 0
        if isinstance(group.repeat, int):
            return group.repeat
        if not self.axes:
            return int(group.repeat.of(self.decisions[group.repeat.decision]))
        axis, values = self.axes[group.repeat.decision]
        return Varying((axis,), np.array([int(group.repeat.of(value)) for value in values]))

    def first_blocks(self, group: Group) -> Iterator[FirstBlock]:
        """What the first block of a group may be, without `none`."""
        choice, there = group.block_choices[0], exceeds(self.repeat(group), 0)
        if is_never(there):
            return
        for alternative, condition in self.chosen(choice.decision, {one.name: one for one in choice.alternatives}):
            if alternative.operator != NONE:
                schema = [a for a in BLOCKS[alternative.operator].attributes if a.name in STRIDES]
                settings = self.settings(schema, {**group.attributes, **alternative.attributes})
                yield FirstBlock(alternative, condition * there, strides_at(settings, BlockPlace(0)))

    def chosen(self, decision: str | None, alternatives: Mapping[Value, T]) -> tuple[tuple[T, Count], ...]:
        """The alternatives, by the decision's value, that may be present, each with the condition under which it is."""
        if decision is None:
            return tuple((alternative, 1) for alternative in alternatives.values())
        if not self.axes:
            return ((alternatives[self.decisions[decision]], 1),)
        axis, values = self.axes[decision]
        return tuple(
            (alternative, Varying((axis,), np.array([int(value == own) for value in values])))
            for own, alternative in alternatives.items()
        )

    def alternatives(self, slot: Slot) -> tuple[tuple[Alternative, Count], ...]:
        """The alternatives of a slot that may be present, each with the condition under which it is."""
        return self.chosen(slot.decision, {one.operator: one for one in slot.alternatives})


def concrete_reading(decisions: Mapping[str, Value]) -> Reading:
    """Reads the settings of one architecture."""
    return Reading(decisions=decisions)


def symbolic_reading(decisions: Iterable[Decision], ranks: Mapping[str, int]) -> Reading:
    """Reads every setting as a table over its decision, whose rank among them is given by path."""
    axes = {
        decision.path: (Axis(ranks[decision.path], decision.path, len(decision.values)), decision.values)
        for decision in decisions
    }
    return Reading(axes=axes) if axes else Reading()
