"""Quantities and steps on the command line, and large numbers in print."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from tsdsl.errors import UsageError
from tsdsl.units import PREFIXES

if TYPE_CHECKING:
    from tsdsl.space.model import Space

_FLOPS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*([KMGT]?)(?:FLOPs)?\s*")


def flops_quantity(text: str, option: str) -> int:
    """`1.4 GFLOPs`, `1.4G` or `1400000000` as whole multiply-adds; raises as `flops_amount` does."""
    return int(flops_amount(text, option))


def flops_amount(text: str, option: str) -> Decimal:
    """`1.4 GFLOPs`, `1.4G` or `15.65` as multiply-adds.

    Raises:
        UsageError: it is none of these.
    """
    match = _FLOPS.fullmatch(text)
    if match is None:
        raise UsageError(f"{option} must be a number of FLOPs, got `{text}`", help="for instance 1.4GFLOPs or 350M")
    return Decimal(match[1]) * PREFIXES[match[2]]


def demand_step(space: Space, step: int | None) -> None:
    """Raise UsageError if `step` is given and the space lacks it."""
    if step is not None and step not in {s.index for s in space.steps}:
        known = ", ".join(str(s.index) for s in space.steps) or "none"
        raise UsageError(f"space {space.name} has no step {step}", help=f"steps are: {known}")


def scientific(count: int) -> str:
    """A large integer for a reader: `3.31e24`; up to six digits as they are."""
    digits = str(count)
    if len(digits) <= 6:
        return digits
    leading = round(int(digits[:6]) / 1000)
    return f"{leading / 100:.2f}e{len(digits) - 1}" if leading < 1000 else f"1.00e{len(digits)}"
