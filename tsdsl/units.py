"""The units of costs, and costs as text with them."""

from __future__ import annotations

import re
from decimal import Decimal

from tsdsl.errors import UsageError

PREFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
FLOPS_UNITS = {f"{prefix}FLOPs": PREFIXES[prefix] for prefix in ("G", "M", "K", "T", "")}
"""The units of multiply-adds, likeliest first, and how many each is."""
PARAMS_UNITS = {f"{prefix}params": PREFIXES[prefix] for prefix in ("M", "K", "G")}
"""The units of parameters, likeliest first, and how many each is."""

_FLOPS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*([KMGT]?)(?:FLOPs)?\s*")


def macs_of(text: str, name: str) -> int:
    """`1.4 GFLOPs`, `1.4G` or `1400000000` as whole multiply-adds; raises as `macs_amount` does."""
    return int(macs_amount(text, name))


def macs_amount(text: str, name: str) -> Decimal:
    """`1.4 GFLOPs`, `1.4G` or `15.65` as multiply-adds; `name` is the option or argument that has it.

    Raises:
        UsageError: it is none of these.
    """
    match = _FLOPS.fullmatch(text)
    if match is None:
        raise UsageError(f"{name} must be a number of FLOPs, got `{text}`", help="for instance 1.4GFLOPs or 350M")
    return Decimal(match[1]) * PREFIXES[match[2]]


def at_least(macs: int) -> str:
    """The least quantity of four digits that is not below `macs`."""
    fine = 10 ** max(0, len(str(macs)) - 4)
    prefix = _prefix(macs)
    return f"{Decimal(-(-macs // fine) * fine) / PREFIXES[prefix]:f} {prefix}FLOPs" if prefix else f"{macs} FLOPs"


def giga(macs: int) -> str:
    """Multiply-adds for a reader: `1.4 GFLOPs`, `350.2 MFLOPs`."""
    return scaled(macs, "FLOPs") or f"{macs} FLOPs"


def parameters(count: int) -> str:
    """Parameters for a reader: `3.78 Mparams`, `950 parameters`."""
    return scaled(count, "params") or f"{count} parameters"


def many(count: int) -> str:
    """A count for a reader: `110,075,314,176`, and `9.50e59` from 10^15 on, its digits cut off."""
    digits = str(count)
    return f"{count:,}" if len(digits) <= 15 else f"{digits[0]}.{digits[1:3]}e{len(digits) - 1}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 step`, `3 steps`."""
    return f"{many(count)} {noun}" + ("" if count == 1 else "s")


def scaled(number: int, unit: str = "") -> str:
    """A number from 1000 in thousands, millions or billions of a unit: `1.4 GFLOPs`; empty for a smaller one."""
    prefix = _prefix(number)
    return f"{number / PREFIXES[prefix]:.4g} {prefix}{unit}" if prefix else ""


def _prefix(number: int) -> str:
    """The largest of G, M and K that a number is at least one of, or none."""
    return next((prefix for prefix in "GMK" if number >= PREFIXES[prefix]), "")
