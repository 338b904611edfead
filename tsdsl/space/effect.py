"""Where an attribute has an effect that depends on another one: there, and only there, its choice is a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from tsdsl.operators.schema import Attribute
from tsdsl.space.parts import Decision, Parent, Reference, Setting

NOWHERE: Final = "nowhere"
Where: TypeAlias = Parent | Literal["nowhere"] | None


def matters_at(
    attribute: Attribute, settings: Mapping[str, Setting], parent: Parent | None, decision: Callable[[str], Decision]
) -> Where:
    """The parent of an attribute's choice: that of its operator, or the decision on what the attribute matters for.

    A decision has one parent. So where the other attribute does not exist in the same architectures as the operator, as
    a shared one, the choice exists with the operator.
    """
    if attribute.matters_for is None or attribute.matters_for[0] not in settings:
        return parent
    name, words = attribute.matters_for
    other = settings[name]
    if not isinstance(other, Reference):
        return parent if other in words else NOWHERE
    above = decision(other.decision)
    kept = tuple(value for value in above.values if other.of(value) in words)
    if not kept:
        return NOWHERE
    if len(kept) == len(above.values) or (parent is not None and above.parent != parent):
        return parent
    return Parent(path=above.path, value=kept[0], others=kept[1:])
