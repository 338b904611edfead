"""Converts the tensors of published networks to our names and shapes.

A published name has a pathway, a stage and a block of that stage; ours counts blocks by group. So the weights fit any
space of the same structure, however its stages are divided into groups.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tsdsl.lowering.ops.norm import EPSILON
from tsdsl.lowering.published.colours import OURS, Colours, for_our_colours
from tsdsl.lowering.published.families import CLASSIFIER
from tsdsl.lowering.published.places import Places
from tsdsl.lowering.published.recognise import Recognised
from tsdsl.network.layout import Network

IDENTITY = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - EPSILON}
"""The values of a BN that changes nothing, for shortcuts without BN in pytorchvideo's X3D."""
NORM = ".shortcut_norm."


class Mismatch(Exception):
    """Tensors do not fit a network; the message says which and why."""


def renamed(recognised: Recognised, network: Network, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors with the names, shapes and types of a model's `state`, as far as they are published.

    BN of shortcuts that the model does not have are among them.

    Raises:
        Mismatch: a tensor is missing or unknown, or shapes differ.
    """
    names = Places.of(network).names(recognised.family, recognised.tensors)
    found: dict[str, Tensor] = {}
    for name, tensor in recognised.tensors.items():
        ours = names.get(name, "")
        if ours in state:
            if _sizes(tensor) != _sizes(state[ours]):
                shapes = (" x ".join(map(str, t.shape)) for t in (tensor, state[ours]))
                raise Mismatch(f"{name} is {next(shapes)}, and {ours} of {network.space} is {next(shapes)}")
            found[ours] = tensor.reshape(state[ours].shape).to(state[ours].dtype)
        elif NORM in ours and ours.replace(NORM, ".shortcut.").rpartition(".")[0] + ".weight" in state:
            found[ours] = tensor
        else:
            raise Mismatch(f"{name} does not belong to {network.space}")
    for name in state:
        if name not in found and not _has_default(name, recognised):
            raise Mismatch(f"{name} of {network.space} is missing")
    return found


def completed(
    found: Mapping[str, Tensor], recognised: Recognised, network: Network, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """All tensors of a model's `state`, from those of `renamed`; a classifier that is not published is that of `state`.

    A BN behind a bare shortcut is multiplied into its convolution and added to the BN at the end of the block.
    """
    whole = {name: found.get(name, _default(name, tensor)) for name, tensor in state.items()}
    for norm in {name.rpartition(".")[0] for name in found if NORM in name and name not in state}:
        block = norm.removesuffix(NORM[:-1])
        scale_O = found[f"{norm}.weight"] / torch.sqrt(found[f"{norm}.running_var"] + EPSILON)
        whole[f"{block}.shortcut.weight"] = whole[f"{block}.shortcut.weight"] * scale_O[:, None, None, None, None]
        last = next(
            f"{block}.{name}_norm.bias" for name in ("project", "restore") if f"{block}.{name}_norm.bias" in state
        )
        whole[last] = whole[last] + found[f"{norm}.bias"] - found[f"{norm}.running_mean"] * scale_O
    if recognised.family.colours != OURS:
        _take_colours(whole, recognised.family.colours, network)
    return whole


def _take_colours(whole: dict[str, Tensor], colours: Colours, network: Network) -> None:
    places = Places.of(network)
    for pathway in range(len(places.streams)):
        stem = places.blocks[pathway, 0][0]
        weight, mean = f"{stem}.conv.weight", f"{stem}.norm.running_mean"
        whole[weight], whole[mean] = for_our_colours(whole[weight], whole[mean], colours)


def _has_default(name: str, recognised: Recognised) -> bool:
    kind = name.rpartition(".")[2]
    if name.startswith(f"{CLASSIFIER}."):
        return recognised.num_classes is None
    return kind == "num_batches_tracked" or (NORM in name and kind in IDENTITY)


def _default(name: str, tensor: Tensor) -> Tensor:
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros_like(tensor)
    return torch.full_like(tensor, IDENTITY[kind]) if NORM in name else tensor


def _sizes(tensor: Tensor) -> list[int]:
    """The sizes other than 1: the same for a 1x1x1 convolution and a linear layer, and in two and three dimensions."""
    return [size for size in tensor.shape if size != 1]
