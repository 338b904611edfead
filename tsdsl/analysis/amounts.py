"""Multiply-adds and parameters as text, with units."""

from __future__ import annotations

from decimal import Decimal


def at_least(macs: int) -> str:
    """The least quantity of four digits that is not below `macs`."""
    for unit, factor in (("GFLOPs", 10**9), ("MFLOPs", 10**6), ("KFLOPs", 10**3)):
        if macs >= factor:
            fine = 10 ** max(0, len(str(macs)) - 4)
            return f"{Decimal(-(-macs // fine) * fine) / factor:f} {unit}"
    return f"{macs} FLOPs"


def giga(macs: int) -> str:
    """Multiply-adds for a reader: `1.4 GFLOPs`, `350.2 MFLOPs`."""
    for unit, factor in (("GFLOPs", 10**9), ("MFLOPs", 10**6), ("KFLOPs", 10**3)):
        if macs >= factor:
            return f"{macs / factor:.4g} {unit}"
    return f"{macs} FLOPs"


def parameters(count: int) -> str:
    """Parameters for a reader: `3.78 Mparams`, `950 parameters`."""
    for unit, factor in (("Gparams", 10**9), ("Mparams", 10**6), ("Kparams", 10**3)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return f"{count} parameters"
