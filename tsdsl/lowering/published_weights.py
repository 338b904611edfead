"""Converts published weights of X3D and SlowFast to our names and shapes.

A published name has a pathway, a stage and a block of that stage; ours counts blocks by group. So the weights fit any
space of the same structure, however its stages are divided into groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tsdsl.errors import FileError
from tsdsl.lowering.ops.norm import EPSILON
from tsdsl.lowering.published_names import Family, family_of
from tsdsl.network.layout import Network

NORM_VALUES = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - EPSILON}
"""The values of a BN that changes nothing, for shortcuts without BN in pytorchvideo's X3D."""


@dataclass(frozen=True, slots=True)
class Places:
    """The dotted names of a network's blocks: for pathway p and stage s in order, and for the fusion after a stage."""

    streams: tuple[str, ...]
    blocks: Mapping[tuple[int, int], tuple[str, ...]]
    fusions: Mapping[int, str]

    @staticmethod
    def of(network: Network) -> Places:
        """The names of a network's blocks."""
        streams = tuple(node.part for node in network.nodes if node.kind == "input")
        blocks: dict[tuple[int, int], tuple[str, ...]] = {}
        fusions: dict[int, str] = {}
        for node in network.nodes:
            stage = re.search(r"\.stage(\d+)\.", node.name)
            if stage is None:
                continue
            if node.kind == "group":
                place = (streams.index(node.part), int(stage[1]))
                names = tuple(f"{node.name}.{block.name}" for block in node.blocks)
                blocks[place] = blocks.get(place, ()) + names
            elif node.kind == "fusion":
                fusions[int(stage[1])] = node.name
        return Places(streams, blocks, fusions)

    def fields(self, found: Mapping[str, str], first_stage: int) -> dict[str, str]:
        """The values of the names in a rule, given what its pattern found; KeyError if there is no such block."""
        pathway, stage = int(found.get("pathway", 0)), int(found.get("stage", first_stage)) - first_stage
        fields = {"rest": found["rest"], "stream": self.streams[0]}
        if "block" in found:
            fields["in_stage"] = dict(enumerate(self.blocks[pathway, stage]))[int(found["block"])]
        elif stage in self.fusions and "pathway" not in found:
            fields["fusion"] = self.fusions[stage]
        if (pathway, 0) in self.blocks:
            fields["stem"] = self.blocks[pathway, 0][0]
        return fields


def translated(
    published: Mapping[str, Tensor], network: Network, state: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """The published tensors with the names and shapes of a model's `state`.

    Raises:
        FileError: a tensor is missing or unknown, or shapes differ.
    """
    family, places = family_of(published, path), Places.of(network)
    found: dict[str, Tensor] = {}
    for name, tensor in published.items():
        ours = _translated_name(name, family, places)
        if ours is None or ours not in state:
            raise FileError(
                f"{path}: {name} does not belong to {network.space}",
                help=f"give the space and model of these weights, of {family.name}",
            )
        if tensor.numel() != state[ours].numel() or _squeezed(tensor) != _squeezed(state[ours]):
            sizes = (" x ".join(map(str, t.shape)) for t in (tensor, state[ours]))
            raise FileError(
                f"{path}: {name} is {next(sizes)}, and {ours} of {network.space} is {next(sizes)}",
                help=f"give the space and model of these weights, of {family.name}",
            )
        found[ours] = tensor.reshape(state[ours].shape).to(state[ours].dtype)
    for name, tensor in state.items():
        if name in found:
            continue
        *_, layer, kind = name.split(".")
        if layer == "shortcut_norm" and kind in NORM_VALUES:
            found[name] = torch.full_like(tensor, NORM_VALUES[kind], device="cpu")
        elif kind == "num_batches_tracked":
            found[name] = torch.zeros_like(tensor, device="cpu")
        else:
            raise FileError(
                f"{path}: {name} of {network.space} is missing",
                help="give the space and model of these weights",
            )
    return found


def _translated_name(name: str, family: Family, places: Places) -> str | None:
    for pattern, template in family.rules:
        match = re.fullmatch(pattern, name)
        if match is None:
            continue
        try:
            return template.format(**places.fields(match.groupdict(), family.first_stage))
        except KeyError:
            return None
    return None


def _squeezed(tensor: Tensor) -> list[int]:
    """The sizes without trailing ones: the same for a 1x1x1 convolution and a linear layer."""
    sizes = list(tensor.shape)
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return sizes
