"""Steps on the command line, and large numbers in print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.space.model import Space


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
