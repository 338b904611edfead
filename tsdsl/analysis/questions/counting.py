"""The number of architectures by cost: exact integers, or rigorous brackets in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tsdsl.analysis.paths.arithmetic import Rounded, exact, from_residues, moduli_beyond
from tsdsl.analysis.paths.constrained import TooWide
from tsdsl.analysis.paths.feasible import uniform
from tsdsl.analysis.paths.histogram import bins_for, even_lattice, exact_lattice, layers, sum_within
from tsdsl.analysis.paths.semiring import COUNT, fold
from tsdsl.analysis.paths.trellis import Trellis
from tsdsl.analysis.tables.cost_table import Quantity
from tsdsl.analysis.tables.free_space import FreeSpace

BRACKET_BINS = 16_384
BRACKET_WORK = 200_000_000
UNAFFORDABLE = 1 << 62


@dataclass(frozen=True, slots=True)
class Bracket:
    """A count between two integers, which are equal if it is exact."""

    at_least: int
    at_most: int

    @property
    def is_exact(self) -> bool:
        """Whether both ends are the same."""
        return self.at_least == self.at_most


@dataclass(frozen=True, eq=False)
class Counts:
    """The architectures of a free space by their cost.

    A window is `least` <= cost <= `most`; an end that is None is open. Where constraints are too many to be
    exact, `trellis` and `total` are those of what may be allowed, and `surely` counts what is sure to be. Only
    what costs `least` .. `most` is allowed; `totals` is how many that are.
    """

    trellis: Trellis
    total: int
    surely: Counts | None = None
    is_exact: bool = True
    least: int | None = None
    most: int | None = None

    @property
    def totals(self) -> Bracket:
        """How many architectures there are."""
        if self.is_exact and self.least is None and self.most is None:
            return Bracket(self.total, self.total)
        return self.bracket()

    def _clipped(self, least: int | None, most: int | None) -> tuple[int | None, int | None]:
        lows = [end for end in (least, self.least) if end is not None]
        highs = [end for end in (most, self.most) if end is not None]
        return max(lows, default=None), min(highs, default=None)

    def bracket(self, least: int | None = None, most: int | None = None, bins: int | None = None) -> Bracket:
        """The number of architectures within a window, as exactly as `bins` of cost allow."""
        slacks = self.trellis.window(*self._clipped(least, most))
        if slacks is None:
            return Bracket(0, 0)
        under, above = self._up_to([slack + self.trellis.constant for slack in slacks], bins)
        return Bracket(max(0, above.at_least - under.at_most), above.at_most - under.at_least)

    def within(self, least: int | None = None, most: int | None = None, bins: int | None = None) -> int:
        """The exact number of architectures within a window.

        Raises:
            RunError: the costs are so fine that a layer would not fit in memory, or there are too many constraints.
        """
        if not self.is_exact:
            raise TooWide("there are too many constraints on costs for an exact count", help="ask for a bracket")
        rough = self.bracket(least, most, bins)
        if rough.is_exact:
            return rough.at_least
        slacks = self.trellis.window(*self._clipped(least, most))
        assert slacks is not None
        lattice = exact_lattice(self.trellis)
        before_last = len(self.trellis.stages) - 1
        moduli = moduli_beyond(rough.at_most)
        residues = []
        for modulus in moduli:
            layer = layers(lattice, exact(modulus), slacks[1], before_last)[-1]
            below, within = sum_within(lattice, layer, slacks)
            residues.append((within - below) % modulus)
        return from_residues(residues, moduli)

    def work(self, most: int | None = None) -> int:
        """About how many additions `within` takes for each 64 bits of the count."""
        if not self.is_exact:
            return UNAFFORDABLE
        high = self.trellis.most if most is None else min(most, self.trellis.most)
        return exact_lattice(self.trellis).work(max(0, high - self.trellis.constant))

    def brackets(self, thresholds: Sequence[int], bins: int | None = None) -> list[Bracket]:
        """For each threshold the number of architectures that cost at most as much, bracketed."""
        ends = [cost if self.most is None else min(cost, self.most) for cost in thresholds]
        if self.least is None:
            return self._up_to(ends, bins)
        below, *found = self._up_to([self.least - 1, *ends], bins)
        return [Bracket(max(0, b.at_least - below.at_most), max(0, b.at_most - below.at_least)) for b in found]

    def _up_to(self, thresholds: Sequence[int], bins: int | None) -> list[Bracket]:
        """The same of the trellis, whatever window is allowed."""
        if not self.is_exact:
            at_most = [bracket.at_most for bracket in Counts(self.trellis, self.total)._up_to(thresholds, bins)]
            sure = self.surely._up_to(thresholds, bins) if self.surely is not None else []
            at_least = [bracket.at_least for bracket in sure] or [0] * len(at_most)
            return [Bracket(low, high) for low, high in zip(at_least, at_most, strict=True)]
        between = [cost for cost in thresholds if self.trellis.least <= cost < self.trellis.most]
        slacks = [cost - self.trellis.constant for cost in between]
        known = {cost: Bracket(0, 0) for cost in thresholds if cost < self.trellis.least}
        known |= {cost: Bracket(self.total, self.total) for cost in thresholds if cost >= self.trellis.most}
        if slacks:
            at_least, at_most = self._sums(slacks, bins, "up"), self._sums(slacks, bins, "down")
            for cost, low, high in zip(between, at_least, at_most, strict=True):
                known[cost] = Bracket(low, min(high, self.total))
        return [known[cost] for cost in thresholds]

    def quantile(self, share: Fraction | float) -> int:
        """The least cost that at least a share of all architectures do not exceed, exact.

        Raises:
            RunError: as `within` does.
        """
        wanted = Fraction(share) * self.within()
        low, high = self.quantiles([share])[0]
        while low < high:
            middle = (low + high) // 2
            if self.within(most=middle) >= wanted:
                high = middle
            else:
                low = middle + 1
        return high

    def quantiles(self, shares: Sequence[Fraction | float], bins: int | None = None) -> list[tuple[int, int]]:
        """For each share, two costs between which the least cost lies that this share does not exceed.

        The quantile at a share s is the least cost that at least s of all architectures do not exceed.
        """
        low, high = max(self.trellis.least, self.least or 0), min(self.trellis.most, self.most or self.trellis.most)
        width = max(1, (high - low) // (bins or 1024))
        costs = [*range(low, high, width), high]
        known = self.brackets(costs, bins)
        total = self.totals.at_most
        found = []
        for share in shares:
            wanted = Fraction(share) * total
            begin = next(i for i, bracket in enumerate(known) if bracket.at_most >= wanted)
            end = next((i for i, bracket in enumerate(known) if bracket.at_least >= wanted), len(known) - 1)
            found.append((costs[begin - 1] + 1 if begin else costs[0], costs[end]))
        return found

    def _sums(self, slacks: Sequence[int], bins: int | None, rounding: Literal["down", "up"]) -> list[int]:
        """The counts within each slack with costs rounded down and counts up, or the other way round."""
        bins = bins or bins_for(self.trellis, BRACKET_BINS, BRACKET_WORK)
        lattice = even_lattice(self.trellis, max(slacks), bins, rounding)
        before_last = len(self.trellis.stages) - 1
        layer = layers(lattice, Rounded(up=rounding == "down"), max(slacks), before_last)[-1]
        return sum_within(lattice, layer, slacks)


def counts(free: FreeSpace, quantity: Quantity = "macs") -> Counts:
    """The architectures of a free space by their multiply-adds or parameters.

    Raises:
        Unsatisfiable: the space's constraints leave none.
        RunError: the decisions are too entangled for an answer.
    """
    found = uniform(free, quantity)
    total = fold(found.wider, COUNT)
    surely = None
    if not found.is_exact and found.narrower is not None:
        surely = Counts(found.narrower, fold(found.narrower, COUNT))
    return Counts(found.wider, total, surely, found.is_exact, found.least, found.most)
