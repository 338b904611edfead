"""Windows of multiply-adds, as programs give them and as people type them."""

from __future__ import annotations

from typing import TypeAlias

from tsdsl.errors import UsageError
from tsdsl.units import macs_of

Window: TypeAlias = int | str
"""At most so many multiply-adds: 1400000000 or `1.4GFLOPs`; or from .. to: `1.2G..1.4G`, `1.2G..`."""


def window_of(within: Window, name: str = "within") -> tuple[int, int | None]:
    """The least and most multiply-adds of a window; None where it is open above.

    Examples:
        >>> window_of("1.2G..1.4G"), window_of("350M"), window_of("1.2G..")
        ((1200000000, 1400000000), (0, 350000000), (1200000000, None))

    Raises:
        UsageError: it is not a window.
    """
    if isinstance(within, int):
        return 0, within
    low, dots, high = (part.strip() for part in within.partition(".."))
    if not dots:
        return 0, macs_of(low, name)
    if not (low or high):
        raise UsageError(f"{name} must be a window LO..HI, got `{within}`", help="for instance 1.2G..1.4G or ..1.4G")
    return macs_of(low, name) if low else 0, macs_of(high, name) if high else None
