"""Compares the meaning of two spaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.library.networks import space_of
from tsdsl.space import model as data

if TYPE_CHECKING:
    from tsdsl.analysis.comparison.compare import Comparison


def diff(old: data.Space | str | Path, new: data.Space | str | Path) -> Comparison:
    """What changed in meaning from one space to another: counts, bounds, decisions, and what each change breaks.

    Examples:
        >>> import tsdsl
        >>> found = tsdsl.diff("std:tiny", "std:tiny")
        >>> found.same_meaning, dict(found.breaks)
        (True, {})
    """
    from tsdsl.analysis.comparison.compare import compare

    return compare(space_of(old), space_of(new))
