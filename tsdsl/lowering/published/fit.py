"""Whether published weights are those of a network, and of which shipped ones they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from tsdsl.check.check import check
from tsdsl.errors import FileError, UsageError
from tsdsl.lowering.model import Model
from tsdsl.lowering.published.checkpoint import AVERAGES, Checkpoint
from tsdsl.lowering.published.colours import OURS
from tsdsl.lowering.published.families import Shipped
from tsdsl.lowering.published.recognise import Recognised
from tsdsl.lowering.published.translate import NORM, Mismatch, completed, renamed
from tsdsl.network.layout import UNSCALED, Blueprint, Network
from tsdsl.operators.layers import BatchNorm, Layer, Residual, walk
from tsdsl.source_files import read_source


def fitted(recognised: Recognised, network: Network, state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The weights of a file as the `state` of a model of `network`.

    Raises:
        FileError: they are of another network; the message says which shipped ones fit.
    """
    fitting = fitting_networks(recognised)
    help = f"give the space and model of these weights, of {recognised.family.name}; no shipped network fits them"
    if fitting:
        help = f"these weights are of {' or '.join(map(str, fitting))}"
    try:
        found = renamed(recognised, network, state)
    except Mismatch as error:
        raise FileError(f"{path}: {error}", help=help) from error
    if fitting and structure(network) not in map(structure, fitting.values()):
        raise FileError(
            f"{path}: fits {network.space} by its sizes, but strides, pools or activations differ from those of "
            f"{recognised.family.name}",
            help=help,
        )
    return completed(found, recognised, network, state)


def fitting_networks(recognised: Recognised) -> dict[Shipped, Network]:
    """The shipped networks that have the names and shapes of the weights."""
    networks = {shipped: network_of(shipped, recognised.num_classes or 0) for shipped in recognised.family.networks}
    return {shipped: network for shipped, network in networks.items() if _fits(recognised, network)}


def network_of(shipped: Shipped, classes: int = 0) -> Network:
    """A shipped network, by default with as many classes as its space."""
    spaces = {found.space.name: found.space for found in check(read_source(f"std:{shipped.file}")).spaces}
    space = spaces[shipped.space]
    scale = next((model for model in space.models if model.name == shipped.model), UNSCALED)
    return Blueprint(space, classes=classes, scale=scale).network({})


def structure(network: Network) -> list[object]:
    """All that decides what a network computes before its head, without frames, sizes and names of groups.

    Shortcuts with and without BN are the same, as each can be written as the other.
    """
    found: list[object] = []
    for node in network.nodes:
        if node.kind == "input":
            found.append(node.frame_stride)
        elif node.kind in ("group", "fusion", "attention", "merge"):
            found.append((node.kind, node.merge) if node.kind != "group" else node.merge)
            layers = (layer for block in node.blocks for layer in walk(block.layers))
            found += [layer for layer in layers if not isinstance(layer, Residual) and not _is_shortcut_norm(layer)]
    return [item for item in found if item != "single"]


def _is_shortcut_norm(layer: Layer) -> bool:
    return isinstance(layer, BatchNorm) and f".{layer.name}." == NORM


def _fits(recognised: Recognised, network: Network) -> bool:
    with torch.device("meta"):
        state = Model(network).state_dict()
    try:
        renamed(recognised, network, state)
    except Mismatch:
        return False
    return True


def only_fitting(recognised: Recognised, path: Path, space: str | None, model: str | None) -> Shipped:
    """The shipped network that the weights fit, among those called `space` and `model` if these are given.

    Raises:
        FileError: they fit none.
        UsageError: they fit several.
    """
    fitting = [
        shipped
        for shipped in fitting_networks(recognised)
        if space in (None, shipped.space) and model in (None, shipped.model)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise FileError(
            f"{path}: is of {recognised.family.name}, but fits no shipped network", help="give the space of its network"
        )
    raise UsageError(
        f"{path}: is of {recognised.family.name} and fits {', '.join(map(str, fitting))}",
        help=f"give one, such as `tsdsl weights import {path} {fitting[0]}`",
    )


def remarks(checkpoint: Checkpoint, recognised: Recognised) -> list[str]:
    """What a user should know about weights that were taken over."""
    found = []
    if recognised.num_classes is None:
        found.append("the file has no classifier: it starts from random values; train before you evaluate")
    if recognised.left_out:
        found.append(
            f"{len(recognised.left_out)} tensors beside the network were left out: {_some(recognised.left_out)}"
        )
    if checkpoint.averages:
        found.append(
            f"the weights are those under {checkpoint.key}; averages under {checkpoint.averages} were left out"
        )
    if checkpoint.key in AVERAGES:
        found.append(f"the weights are averages, under {checkpoint.key}")
    if recognised.family.colours != OURS:
        found.append("the first convolution was changed to colours as tsdsl normalises them")
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
