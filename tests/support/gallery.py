"""The cards of the documentation's gallery: every shipped space with its drawing and exact facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdsl.analysis.comparison.compare import bounds
from tsdsl.check.check import check
from tsdsl.source_files import read_source
from tsdsl.units import giga, many, parameters


@dataclass(frozen=True)
class Card:
    """A shipped space: its file, what it is, the picture of it, and where there is more about it."""

    file: str
    text: str
    picture: str
    page: str


OTHER_WORK = "models.md#search-spaces-of-other-work"
CARDS: Sequence[Card] = (
    Card(
        "auto_tsnet",
        "The space of the Auto-TSNet paper; drawn is one architecture of it.",
        "auto_tsnet_figure",
        "method.md#sizes-of-the-auto-tsnet-space",
    ),
    Card("tiny", "Two streams for the demo clips, searched in minutes on a laptop.", "tiny", "index.md#install"),
    Card(
        "demo",
        "The quickstart's space: most of its architectures are poor, so that a search shows what it is worth.",
        "demo",
        "method.md#the-quickstart",
    ),
    Card(
        "slowfast_search",
        "SlowFast: the width of the fast pathway, lateral connections, depths.",
        "slowfast_search",
        OTHER_WORK,
    ),
    Card("once_for_all", "Depth of each unit, kernel and expansion of each block.", "once_for_all", OTHER_WORK),
    Card("attentive_nas", "Depth, width, expansion and kernel of each stage.", "attentive_nas", OTHER_WORK),
    Card("movinet", "Depth of each stage, temporal kernel and expansion of each block.", "movinet", OTHER_WORK),
    Card("auto_x3d", "The type of each block of X3D.", "auto_x3d", OTHER_WORK),
    Card("x3d", "X3D: XS, S, M, L and XL as models of one network; drawn is S.", "x3d", "models.md#x3d"),
    Card(
        "slowfast",
        "SlowFast 4x16 and 8x8, on ResNet-50 and 101, with published sizes.",
        "slowfast",
        "models.md#slowfast",
    ),
    Card(
        "single_stream",
        "C2D, TSN, Slow, I3D, R(2+1)D and S3D; drawn is I3D.",
        "i3d",
        "models.md#single-stream-networks",
    ),
    Card("r3d", "R3D and MC3 of 18 layers, as in torchvision; drawn is R3D.", "r3d", "models.md#r3d-and-mc3"),
    Card(
        "manual_tsnet",
        "The hand-made two-stream networks of the Auto-TSNet paper.",
        "manual_tsnet",
        "models.md#manual-tsnet",
    ),
    Card("ablations", "The comparisons of the Auto-TSNet paper, by derivation.", "manual_tsnet", "models.md#ablations"),
)
"""Every shipped file once, in the order of the page."""


def gallery() -> str:
    """The cards as Markdown: a list, which the site lays out as a grid."""
    return "\n" + "\n".join(map(card_text, CARDS)) + "\n"


def card_text(card: Card) -> str:
    """One card: name, picture, what it is, facts."""
    picture = f"pictures/{card.picture}.svg"
    links = f"[More]({card.page}), [its text](../../spaces/{card.file}.tsspace)"
    return (
        f"- **`std:{card.file}`**\n\n"
        f"    [![std:{card.file}]({picture})]({picture})\n\n"
        f"    {card.text} {facts(card.file)} {links}\n"
    )


def facts(file: str) -> str:
    """How large the space called as its file is, and what it costs; else the names of the spaces in the file."""
    spaces = {resolved.space.name: resolved.space for resolved in check(read_source(f"std:{file}")).spaces}
    if file not in spaces:
        return f"Spaces: {', '.join(f'`{name}`' for name in spaces)}."
    space, found = spaces[file], bounds(spaces[file])
    if not space.decisions:
        return f"{giga(found.most_macs)}, {parameters(found.most_params)}."
    return (
        f"{len(space.decisions)} decisions, {many(space.cardinality)} architectures, "
        f"{giga(found.least_macs)} to {giga(found.most_macs)}, "
        f"{parameters(found.least_params)} to {parameters(found.most_params)}."
    )
