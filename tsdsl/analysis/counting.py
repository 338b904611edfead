"""How many architectures cost how much: exact integers, or rigorous brackets in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tsdsl.analysis.arithmetic import Rounded, exact, from_residues, moduli_beyond
from tsdsl.analysis.free import FreeSpace
from tsdsl.analysis.histogram import bins_for, even_lattice, exact_lattice, layers, sum_within
from tsdsl.analysis.semiring import COUNT, fold
from tsdsl.analysis.terms import Quantity
from tsdsl.analysis.trellis import Trellis, build_trellis

BRACKET_BINS = 16_384
BRACKET_WORK = 400_000_000


@dataclass(frozen=True, slots=True)
class Bracket:
    """A count that is known to lie between two integers, which are equal where it is exact."""

    at_least: int
    at_most: int

    @property
    def is_exact(self) -> bool:
        """Whether both ends are the same."""
        return self.at_least == self.at_most


@dataclass(frozen=True, eq=False)
class Counts:
    """The architectures of a free space by their cost.

    A window is `least` <= cost <= `most`; an end that is None is open.
    """

    trellis: Trellis
    total: int

    def bracket(self, least: int | None = None, most: int | None = None, bins: int | None = None) -> Bracket:
        """The number of architectures within a window, to within what `bins` of cost can tell."""
        slacks = self.trellis.window(least, most)
        if slacks is None:
            return Bracket(0, 0)
        under, above = self.brackets([slack + self.trellis.constant for slack in slacks], bins)
        return Bracket(max(0, above.at_least - under.at_most), above.at_most - under.at_least)

    def within(self, least: int | None = None, most: int | None = None, bins: int | None = None) -> int:
        """The exact number of architectures within a window.

        Raises:
            RunError: the costs are so fine that a layer would not fit memory.
        """
        rough = self.bracket(least, most, bins)
        if rough.is_exact:
            return rough.at_least
        slacks = self.trellis.window(least, most)
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
        high = self.trellis.most if most is None else min(most, self.trellis.most)
        return exact_lattice(self.trellis).work(max(0, high - self.trellis.constant))

    def brackets(self, thresholds: Sequence[int], bins: int | None = None) -> list[Bracket]:
        """For each threshold the number of architectures that cost at most as much, bracketed."""
        between = [cost for cost in thresholds if self.trellis.least <= cost < self.trellis.most]
        slacks = [cost - self.trellis.constant for cost in between]
        known = {cost: Bracket(0, 0) for cost in thresholds if cost < self.trellis.least}
        known |= {cost: Bracket(self.total, self.total) for cost in thresholds if cost >= self.trellis.most}
        if slacks:
            at_least, at_most = self._sums(slacks, bins, "up"), self._sums(slacks, bins, "down")
            for cost, low, high in zip(between, at_least, at_most, strict=True):
                known[cost] = Bracket(low, min(high, self.total))
        return [known[cost] for cost in thresholds]

    def quantiles(self, shares: Sequence[Fraction | float], bins: int | None = None) -> list[tuple[int, int]]:
        """For each share, two costs between which the least cost lies that this share does not exceed.

        The quantile at a share s is the least cost that at least s of all architectures do not exceed.
        """
        width = max(1, (self.trellis.most - self.trellis.least) // (bins or 1024))
        costs = [*range(self.trellis.least, self.trellis.most, width), self.trellis.most]
        known = self.brackets(costs, bins)
        found = []
        for share in shares:
            wanted = Fraction(share) * self.total
            low = next(i for i, bracket in enumerate(known) if bracket.at_most >= wanted)
            high = next(i for i, bracket in enumerate(known) if bracket.at_least >= wanted)
            found.append((costs[low - 1] + 1 if low else costs[0], costs[high]))
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
        RunError: the decisions are too entangled for an exact answer.
    """
    trellis = build_trellis(free.costs(quantity), free.pins)
    return Counts(trellis, fold(trellis, COUNT))
