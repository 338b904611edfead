"""Which known names a misspelt one may mean: one measure of likeness and one threshold for every message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from tsdsl.diagnostics.fix import Fix, replacement
from tsdsl.source import Span

_SIMILAR = 0.61
_CLEARLY_MEANT = 0.75
_AHEAD = 0.1
_NEAR = 0.15
_CALLED_ELSEWHERE = {
    "spatial_stride": "stride",
    "stride_t": "frame_stride",
    "t_stride": "frame_stride",
    "temporal_stride": "frame_stride",
    "time_stride": "frame_stride",
}
"""Names that are more like another than like the one that they mean."""


def similarity(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, capitals aside."""
    if one.casefold() in _CALLED_ELSEWHERE:
        return float(_CALLED_ELSEWHERE[one.casefold()] == other)
    matcher = SequenceMatcher(None, one.casefold(), other.casefold())
    return matcher.ratio() if matcher.real_quick_ratio() >= _SIMILAR else 0.0


def similar(name: str, known: Iterable[str]) -> list[str]:
    """The most similar of the known names, and the next where it comes near; none where none is similar."""
    ranked = sorted(((similarity(name, other), other) for other in known), key=lambda pair: (-pair[0], pair[1]))
    return [other for ratio, other in ranked[:2] if ratio >= max(_SIMILAR, ranked[0][0] - _NEAR)]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line with the most similar names, if any is similar."""
    close = similar(name, known)
    return "did you mean " + " or ".join(f"`{c}`" for c in close) + "?" if close else None


def renames(name: str, span: Span, known: Iterable[str]) -> list[Fix]:
    """Fixes that write a similar name there; the first is safe where no other comes near."""
    close = similar(name, known)
    ratios = [similarity(name, other) for other in close]
    clear = bool(close) and ratios[0] >= _CLEARLY_MEANT and (len(close) == 1 or ratios[1] <= ratios[0] - _AHEAD)
    return [
        replacement(f"change to `{other}`", span, other, safe=clear and rank == 0) for rank, other in enumerate(close)
    ]


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that a misspelt one most likely means; the name itself where none is similar."""
    known = list(known)
    if name in known:
        return name
    return next(iter(similar(name, known)), name)
