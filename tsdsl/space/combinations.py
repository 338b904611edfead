"""Choices at which something goes wrong: found in a table, and named in a message."""

from __future__ import annotations

from collections.abc import Mapping

from tsdsl.operators.varying import Count, Varying, is_never
from tsdsl.records import dataclass
from tsdsl.space.parts import Decision, Value


@dataclass(frozen=True, slots=True)
class Combination:
    """One value, by its index, for each decision of a table; `chosen` are the values of those that matter."""

    indices: Mapping[str, int]
    chosen: Mapping[str, Value]

    @property
    def text(self) -> str:
        """The values that matter, such as `a.stage1.group1.stride = 2`; empty where it is so whatever is decided."""
        return ", ".join(f"{path} = {value}" for path, value in self.chosen.items())

    @property
    def prefix(self) -> str:
        """The beginning of a message: `with a.stage1.group1.stride = 2, `; empty where all choices go wrong."""
        return f"with {self.text}, " if self.text else ""

    def of(self, count: Count) -> int:
        """The count at these choices, and at the first value of all other decisions."""
        if not isinstance(count, Varying):
            return count
        return int(count.table[tuple(self.indices.get(axis.path, 0) for axis in count.scope)])


def combination(flag: Count, decisions: Mapping[str, Decision]) -> Combination | None:
    """The first choices at which a flag is 1, naming no more decisions than are needed for it; None where none is."""
    if is_never(flag):
        return None
    if not isinstance(flag, Varying) or not flag.scope:
        return Combination({}, {})
    places = [int(along[0]) for along in flag.table.nonzero()]
    needed: list[int | slice] = [*places]
    for number, place in enumerate(places):
        needed[number] = slice(None)
        if not flag.table[tuple(needed)].all():
            needed[number] = place
    chosen = {
        axis.path: decisions[axis.path].values[place]
        for axis, place in zip(flag.scope, needed, strict=True)
        if isinstance(place, int)
    }
    above = {parent.path for path in chosen if (parent := decisions[path].parent) is not None and not parent.others}
    indices = {axis.path: place for axis, place in zip(flag.scope, places, strict=True)}
    return Combination(indices, {path: value for path, value in chosen.items() if path not in above})
