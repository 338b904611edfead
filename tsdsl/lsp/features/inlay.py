"""Inlay hints: the output shape and cost of a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsdsl.lsp.snapshot import Snapshot
from tsdsl.source import Span

TOOLTIP = "output C x T x H x W, and multiply-adds, over all choices"


@dataclass(frozen=True, slots=True)
class Hint:
    """A label to show after an offset."""

    offset: int
    label: str


def inlay_hints(snapshot: Snapshot, visible: Span) -> Iterator[Hint]:
    """A hint for each group in a range whose text is unchanged since its space was last valid."""
    for site in snapshot.sites:
        end = site.group.span.end
        if not visible.start <= end <= visible.end:
            continue
        facts = snapshot.facts_of(site)
        shape = facts.shape(site.path) if facts is not None else None
        if facts is not None and shape is not None:
            yield Hint(end, f"{shape}, {facts.macs(site.path)}")
