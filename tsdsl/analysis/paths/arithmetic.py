"""Numbers that count the paths of a trellis: exact, as rigorous bounds, or real.

Own design. Counts reach 10^53 and more, too large for a machine word. A count is exact modulo several coprime numbers
(Chinese remainders), or a mantissa of 63 bits that is always rounded in the same direction, which gives a rigorous
bound and keeps a walk back exactly uniform.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import gcd
from typing import Protocol

import numpy as np

from tsdsl.operators.varying import Array
from tsdsl.records import dataclass

WORD = 1 << 64
MODULUS_BITS = 52
MANTISSA_BITS = 63
MAX_EXPONENT = 256


class Arithmetic(Protocol):
    """Sums of products of path counts and small weights, on whole vectors."""

    @property
    def dtype(self) -> type:
        """The type of a vector's entries."""

    def prepared(self, rows: Array, fan_in: int) -> tuple[Array, int]:
        """Rows whose sums with total weights up to `fan_in` do not overflow, and how often they were halved.

        Real rows may have been doubled instead, which are negative halvings.
        """

    def add(self, total: Array, row: Array, weight: int | float) -> None:
        """Add `weight` times a row to `total`, in place."""


@dataclass(frozen=True, slots=True)
class Real:
    """64-bit floating point: probabilities and weights, halved or doubled if they leave its range."""

    dtype: type = np.float64

    def prepared(self, rows: Array, fan_in: int) -> tuple[Array, int]:
        exponent = int(np.frexp(rows.max())[1]) if rows.size else 0
        return (rows, 0) if abs(exponent) < MAX_EXPONENT else (np.ldexp(rows, -exponent), exponent)

    def add(self, total: Array, row: Array, weight: int | float) -> None:
        np.add(total, row if weight == 1 else row * weight, out=total)


@dataclass(frozen=True, slots=True)
class Rounded:
    """Counts as mantissas, halved if they would overflow and then always rounded in the same direction."""

    up: bool
    dtype: type = np.uint64

    def prepared(self, rows: Array, fan_in: int) -> tuple[Array, int]:
        largest = int(rows.max()) if rows.size else 0
        halvings = max(0, (largest * fan_in).bit_length() - MANTISSA_BITS)
        if halvings == 0:
            return rows, 0
        # Rounding up adds at most one to each entry, so one halving more keeps the sum in bounds.
        halvings += int(self.up)
        shift = np.uint64(halvings)
        if self.up:
            return (rows + np.uint64((1 << halvings) - 1)) >> shift, halvings
        return rows >> shift, halvings

    def add(self, total: Array, row: Array, weight: int | float) -> None:
        np.add(total, row if weight == 1 else row * np.uint64(weight), out=total)


@dataclass(frozen=True, slots=True)
class Word:
    """Counts modulo 2^64, by wrapping around."""

    dtype: type = np.uint64
    modulus: int = WORD

    def prepared(self, rows: Array, fan_in: int) -> tuple[Array, int]:
        return rows, 0

    def add(self, total: Array, row: Array, weight: int | float) -> None:
        np.add(total, row if weight == 1 else row * np.uint64(int(weight) % WORD), out=total)


@dataclass(frozen=True, slots=True)
class Modular:
    """Counts modulo a number below 2^52; each addition leaves a residue."""

    modulus: int
    dtype: type = np.uint64

    def prepared(self, rows: Array, fan_in: int) -> tuple[Array, int]:
        return rows, 0

    def add(self, total: Array, row: Array, weight: int | float) -> None:
        modulus = np.uint64(self.modulus)
        left, power = int(weight), row
        while left:
            # Twelve bits of the weight at a time: 2^52 * 2^12 fits in a word.
            digit, left = left & 0xFFF, left >> 12
            if digit:
                total += power if digit == 1 else power * np.uint64(digit) % modulus
                # Below the modulus the difference wraps around to a huge number.
                np.minimum(total, total - modulus, out=total)
            if left:
                power = power * np.uint64(0x1000) % modulus


def moduli_beyond(bound: int) -> list[int]:
    """Pairwise coprime moduli whose product exceeds `bound`: 2^64, then odd numbers below 2^52."""
    moduli, product, candidate = [WORD], WORD, (1 << MODULUS_BITS) - 1
    while product <= bound:
        if gcd(candidate, product) == 1:
            moduli.append(candidate)
            product *= candidate
        candidate -= 2
    return moduli


def exact(modulus: int) -> Word | Modular:
    """The arithmetic modulo one of `moduli_beyond`."""
    return Word() if modulus == WORD else Modular(modulus)


def from_residues(residues: Sequence[int], moduli: Sequence[int]) -> int:
    """The integer in [0, product of the moduli) with these residues (Chinese remainder theorem)."""

    def join(known: tuple[int, int], new: tuple[int, int]) -> tuple[int, int]:
        (value, product), (residue, modulus) = known, new
        step = (residue - value) * pow(product, -1, modulus) % modulus
        return value + product * step, product * modulus

    return reduce(join, zip(residues, moduli, strict=True), (0, 1))[0]
