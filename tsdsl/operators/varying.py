"""Numbers that depend on decisions: a small table of integers or reals with one axis for each decision.

An operator is written once, in terms of widths, kernels and ratios. Given plain numbers it yields
the layers of one architecture; given `Varying` values it yields closed forms over *all* of them.
The functions here accept both, so that an operator need not know which it was given.
Own design; see `docs/decisions/0001-one-program-two-readings.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsdsl.errors import RunError
from tsdsl.records import dataclass

Array: TypeAlias = NDArray[Any]
LARGEST_TABLE = 16_000_000


class Axis(NamedTuple):
    """The axis of one decision: its rank in the space's order, its path and its number of values.

    A tuple, because axes are hashed and compared millions of times.
    """

    rank: int
    path: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """A number for each combination of the decisions in `scope`; `table` has one axis for each."""

    scope: tuple[Axis, ...]
    table: Array

    def __add__(self, other: Count | float) -> Varying:
        if isinstance(other, int | float):
            return self if other == 0 else Varying(self.scope, self.table + other)
        return combine(np.add, self, other)

    __radd__ = __add__

    def __mul__(self, other: Count | float) -> Varying:
        if isinstance(other, int | float):
            return self if other == 1 else Varying(self.scope, self.table * other)
        return combine(np.multiply, self, other)

    __rmul__ = __mul__

    def __sub__(self, other: Count | float) -> Varying:
        return combine(np.subtract, self, other)

    def __floordiv__(self, other: int) -> Varying:
        return combine(np.floor_divide, self, other)

    @property
    def paths(self) -> tuple[str, ...]:
        """The decisions that it depends on, in the space's order."""
        return tuple(axis.path for axis in self.scope)

    def without_constant_axes(self) -> Varying:
        """The same numbers without the axes along which nothing changes."""
        scope, table = self.scope, self.table
        for position in reversed(range(len(scope))):
            least = table.min(position)
            if (least == table.max(position)).all():
                table = least
                scope = scope[:position] + scope[position + 1 :]
        return Varying(scope, table)


Count: TypeAlias = int | Varying
Number = TypeVar("Number", int, float)


def combine(function: Callable[[Array, Array], Array], left: Count | float, right: Count | float) -> Varying:
    """`function` applied to two numbers, over the union of the decisions that they depend on.

    Raises:
        TableTooLarge: they depend on too many decisions.
    """
    left_scope = left.scope if isinstance(left, Varying) else ()
    right_scope = right.scope if isinstance(right, Varying) else ()
    scope = left_scope if left_scope == right_scope else tuple(sorted({*left_scope, *right_scope}))
    if len(scope) > 1:
        refuse_too_large(scope)
    return Varying(scope, function(aligned(left, scope), aligned(right, scope)))


class TableTooLarge(RunError):
    """A table over these axes would have too many entries."""

    def __init__(self, axes: Collection[Axis]) -> None:
        entries, names = prod([axis.size for axis in axes]), ", ".join(sorted(axis.path for axis in axes))
        super().__init__(
            f"an exact answer needs a table of {entries:,} entries over {names}",
            help="use fewer choices where these decisions meet",
        )
        self.axes = axes


def refuse_too_large(axes: Collection[Axis], most: int = LARGEST_TABLE) -> None:
    """Raise TableTooLarge if a table over these axes would have more than `most` entries."""
    if prod([axis.size for axis in axes]) > most:
        raise TableTooLarge(axes)


def aligned(value: Count | float, scope: tuple[Axis, ...]) -> Array:
    """The table of `value`, reshaped to broadcast over `scope`."""
    if not isinstance(value, Varying):
        return np.asarray(value)
    if value.scope == scope:
        return value.table
    own = set(value.scope)
    return value.table.reshape([axis.size if axis in own else 1 for axis in scope])


def scaled(count: Count, ratio: float | Varying) -> Count:
    """`int(count * ratio)`: the product, rounded down."""
    if isinstance(count, Varying) or isinstance(ratio, Varying):
        product = combine(np.multiply, count, ratio)
        return Varying(product.scope, np.floor(product.table).astype(np.int64))
    return int(count * ratio)


def rounded(count: Count, ratio: float | Varying, divisor: int) -> Count:
    """`count * ratio` to the nearest multiple of `divisor`, at least one, never below 90 % of the product.

    The rule of MobileNetV2's reference code, which EfficientNet, X3D and FBNet share.
    """
    if isinstance(count, Varying) or isinstance(ratio, Varying):
        product = combine(np.multiply, count, ratio)
        near = np.maximum(divisor, np.floor(product.table + divisor / 2).astype(np.int64) // divisor * divisor)
        return Varying(product.scope, near + np.where(near < 0.9 * product.table, divisor, 0))
    exact = count * ratio
    near_int = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return near_int + divisor if near_int < 0.9 * exact else near_int


def quotient(count: Count, divisor: Count) -> Count:
    """`count // divisor`: the quotient, rounded down."""
    if isinstance(count, Varying) or isinstance(divisor, Varying):
        return combine(np.floor_divide, count, divisor)
    return count // divisor


def shrunk(size: Count, stride: Count) -> Count:
    """`size / stride`, rounded up: the positions that a stride leaves."""
    if isinstance(size, int) and isinstance(stride, int):
        return -(-size // stride)
    return combine(lambda sizes, strides: -(-sizes // strides), size, stride)


def remainder(count: Count, divisor: Count) -> Count:
    """`count % divisor`."""
    if isinstance(count, Varying) or isinstance(divisor, Varying):
        return combine(np.mod, count, divisor)
    return count % divisor


def exceeds(count: Count, limit: Count) -> Count:
    """1 where the count is larger than the limit, else 0."""
    if isinstance(count, Varying) or isinstance(limit, Varying):
        return combine(lambda counts, limits: (counts > limits).astype(np.int64), count, limit)
    return int(count > limit)


def count_of(count: Count, function: Callable[[int], int]) -> Count:
    """The function of a count, applied to each of its numbers."""
    if not isinstance(count, Varying):
        return function(count)
    return Varying(count.scope, np.vectorize(function, otypes=[np.int64])(count.table))


def is_same(left: Count, right: Count) -> bool:
    """Whether two counts are equal whatever is decided."""
    return left is right or is_never(differs(left, right))


def differs(left: Count, right: Count) -> Count:
    """1 where the two counts are not equal, else 0."""
    if isinstance(left, Varying) or isinstance(right, Varying):
        return combine(lambda a, b: (a != b).astype(np.int64), left, right)
    return int(left != right)


def negated(flag: Count) -> Count:
    """1 where the flag is 0, and 0 where it is 1."""
    return 1 - flag if isinstance(flag, int) else flag * -1 + 1


def either(one: Count, other: Count) -> Count:
    """1 where one of two flags is 1, else 0."""
    for flag, rest in ((one, other), (other, one)):
        if isinstance(flag, int):
            return 1 if flag else rest
    return combine(np.maximum, one, other)


def selected(options: Sequence[tuple[Count, Count]]) -> Count:
    """The one of several counts, given as (condition, count), whose condition is 1; 0 where none is.

    Where all are equal, it is that count, and no table of what decides between them.
    """
    found = [(where, count) for where, count in options if isinstance(where, Varying) or where]
    if found and all(is_same(found[0][1], count) for _, count in found[1:]):
        return found[0][1]
    total: Count = 0
    for condition, count in found:
        total = total + count * condition
    return total


def fixed_sizes(sizes: tuple[Count, Count, Count]) -> tuple[int, int, int]:
    """Three counts, such as of frames, rows and columns, as plain integers."""
    frames, rows, columns = map(fixed, sizes)
    return frames, rows, columns


def maximum(count: Count) -> int:
    """The largest value over all decisions."""
    return int(count.table.max()) if isinstance(count, Varying) else count


def minimum(count: Count) -> int:
    """The smallest value over all decisions."""
    return int(count.table.min()) if isinstance(count, Varying) else count


def is_never(flag: Count) -> bool:
    """Whether the flag is 0 for all decisions."""
    return maximum(flag) == 0


def ranged(count: Count, between: str = "..") -> str:
    """The smallest and the largest value as `8..32`, or the only one."""
    low, high = minimum(count), maximum(count)
    return str(low) if low == high else f"{low}{between}{high}"


def fixed(number: Number | Varying) -> Number:
    """The count or real as a plain number.

    Raises:
        TypeError: it depends on decisions.
    """
    if isinstance(number, Varying):
        raise TypeError(f"expected a number of one architecture, got one that depends on {', '.join(number.paths)}")
    return number
