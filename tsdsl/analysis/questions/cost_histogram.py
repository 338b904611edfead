"""How the architectures of a space spread over their cost: the share of each interval, counted and not sampled."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from tsdsl.analysis.questions.bounds import extreme
from tsdsl.analysis.questions.counting import Counts, counts
from tsdsl.analysis.tables.constraints import rules_of
from tsdsl.analysis.tables.cost_table import CostTable, Quantity
from tsdsl.analysis.tables.free_space import FreeSpace

INTERVALS = 96
BINS = 32_768


@dataclass(frozen=True, slots=True)
class CostDistribution:
    """Shares of all architectures, by cost.

    `shares[i]` have edges[i] < cost <= edges[i + 1]; the first interval has its lower edge too. `uncertainty` is
    the most by which the share up to an edge may be off: 0 where every count is exact.
    """

    edges: tuple[int, ...]
    shares: tuple[float, ...]
    uncertainty: float

    @property
    def least(self) -> int:
        """The smallest cost of any architecture."""
        return self.edges[0]

    @property
    def most(self) -> int:
        """The largest cost of any architecture."""
        return self.edges[-1]

    @property
    def is_spread(self) -> bool:
        """Whether architectures differ in cost."""
        return self.least < self.most


def cost_distribution(
    table: CostTable, intervals: int = INTERVALS, quantity: Quantity = "macs", bins: int = BINS
) -> CostDistribution:
    """The distribution over intervals of equal ratio, from the smallest cost to the largest.

    Raises:
        RunError: the decisions are too entangled for an exact answer.
    """
    free = FreeSpace(table)
    counted = counts(free, quantity)
    edges = _edges(*_bounds(free, counted, quantity), intervals)
    brackets = counted.brackets(edges, bins)
    total = counted.totals.at_most
    # The first edge is the smallest cost itself, which belongs to the first interval.
    up_to = [Fraction(0), *(Fraction(bracket.at_least + bracket.at_most, 2 * total) for bracket in brackets[1:])]
    widest = max(Fraction(bracket.at_most - bracket.at_least, 2 * total) for bracket in brackets)
    # The middles of brackets need not rise, by less than their widths.
    shares = [max(Fraction(0), later - earlier) for earlier, later in pairwise(up_to)]
    return CostDistribution(edges, tuple(float(share) for share in shares), float(widest))


def _bounds(free: FreeSpace, counted: Counts, quantity: Quantity) -> tuple[int, int]:
    """The least and the most that constraints leave; where those are not known exactly, what they allow."""
    if rules_of(free):
        low, high = extreme(free, "min", quantity), extreme(free, "max", quantity)
        if low.is_exact and high.is_exact:
            return low.value, high.value
    least, most = counted.trellis.least, counted.trellis.most
    return max(least, counted.least or least), min(most, counted.most or most)


def _edges(least: int, most: int, intervals: int) -> tuple[int, ...]:
    if least <= 0 or least == most:
        return (least, most)
    ratio = most / least
    inner = [round(least * ratio ** (index / intervals)) for index in range(1, intervals)]
    return tuple(sorted({least, *inner, most}))
