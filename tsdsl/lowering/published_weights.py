"""Converts published weights of X3D and SlowFast, pytorchvideo's state dicts, to our names and shapes.

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
from tsdsl.files import require_regular
from tsdsl.lowering.ops.norm import EPSILON
from tsdsl.network.layout import Network

STATE_KEYS = ("model_state", "state_dict")
"""The keys of a state dict in a checkpoint: the one of pytorchvideo's files, and the usual one."""

NORM_VALUES = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - EPSILON}
"""The values of a BN that changes nothing, for shortcuts without BN in pytorchvideo's X3D."""


@dataclass(frozen=True, slots=True)
class Family:
    """How to translate the names of one family of published networks.

    In `rules`, a pattern that matches a whole name gives ours. `{block:I}` is replaced by the dotted name of block
    `block` of the stage in pathway `I` of the pattern's groups, `{stem:I}` by that of the first block of pathway I.
    """

    name: str
    mark: str
    rules: tuple[tuple[str, str], ...]


RESIDUAL = r"res_blocks\.(?P<block>\d+)\."

X3D = Family(
    "X3D",
    "blocks.0.conv.conv_t.weight",
    (
        (r"blocks\.0\.conv\.conv_t\.(?P<rest>.+)", "{stem}.spatial.{rest}"),
        (r"blocks\.0\.conv\.conv_xy\.(?P<rest>.+)", "{stem}.temporal.{rest}"),
        (r"blocks\.0\.norm\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch1_conv\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch1_norm\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_a\.(?P<rest>.+)", "{in_stage}.expand.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_a\.(?P<rest>.+)", "{in_stage}.expand_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_b\.(?P<rest>.+)", "{in_stage}.depthwise.{rest}"),
        (
            rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.1\.block\.0\.(?P<rest>.+)",
            "{in_stage}.se.reduce.{rest}",
        ),
        (
            rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.1\.block\.2\.(?P<rest>.+)",
            "{in_stage}.se.expand.{rest}",
        ),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.0\.(?P<rest>.+)", "{in_stage}.depthwise_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_c\.(?P<rest>.+)", "{in_stage}.project.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_c\.(?P<rest>.+)", "{in_stage}.project_norm.{rest}"),
        (r"blocks\.\d+\.pool\.pre_conv\.(?P<rest>.+)", "head.{stream}.pool.conv.{rest}"),
        (r"blocks\.\d+\.pool\.pre_norm\.(?P<rest>.+)", "head.{stream}.pool.norm.{rest}"),
        (r"blocks\.\d+\.pool\.post_conv\.(?P<rest>.+)", "head.classifier.project.{rest}"),
        (r"blocks\.\d+\.proj\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
)
PATH = r"blocks\.(?P<stage>\d+)\.multipathway_blocks\.(?P<pathway>\d+)\."
SLOWFAST = Family(
    "SlowFast",
    "blocks.0.multipathway_blocks.0.conv.weight",
    (
        (rf"{PATH}conv\.(?P<rest>.+)", "{stem}.conv.{rest}"),
        (rf"{PATH}norm\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch1_conv\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"{PATH}{RESIDUAL}branch1_norm\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_a\.(?P<rest>.+)", "{in_stage}.reduce.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_a\.(?P<rest>.+)", "{in_stage}.reduce_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_b\.(?P<rest>.+)", "{in_stage}.conv.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_b\.(?P<rest>.+)", "{in_stage}.conv_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_c\.(?P<rest>.+)", "{in_stage}.restore.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_c\.(?P<rest>.+)", "{in_stage}.restore_norm.{rest}"),
        (r"blocks\.(?P<stage>\d+)\.multipathway_fusion\.conv_fast_to_slow\.(?P<rest>.+)", "{fusion}.conv.{rest}"),
        (r"blocks\.(?P<stage>\d+)\.multipathway_fusion\.norm\.(?P<rest>.+)", "{fusion}.norm.{rest}"),
        (r"blocks\.\d+\.proj\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
)
FAMILIES = (X3D, SLOWFAST)


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

    def fields(self, found: Mapping[str, str]) -> dict[str, str]:
        """The values of the names in a rule, given what its pattern found; KeyError if there is no such block."""
        pathway, stage = int(found.get("pathway", 0)), int(found.get("stage", 0))
        fields = {"rest": found["rest"], "stream": self.streams[0]}
        if "block" in found:
            fields["in_stage"] = dict(enumerate(self.blocks[pathway, stage]))[int(found["block"])]
        elif stage in self.fusions and "pathway" not in found:
            fields["fusion"] = self.fusions[stage]
        if (pathway, 0) in self.blocks:
            fields["stem"] = self.blocks[pathway, 0][0]
        return fields


def read_published(path: Path) -> dict[str, Tensor]:
    """The state dict in a PyTorch checkpoint, read without running any code in it.

    Raises:
        FileError: the file is missing, is not a checkpoint of tensors, or has no state dict.
    """
    require_regular(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help="check the path") from error
    except Exception as error:  # the unpickler raises any kind of error on unknown content
        raise FileError(
            f"{path}: is not a PyTorch checkpoint of tensors only ({str(error).splitlines()[0]})",
            help="give a file that holds a state dict",
        ) from error
    for key in STATE_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise FileError(f"{path}: holds no state dict", help="give a file that holds a state dict")
    return {str(name): tensor for name, tensor in content.items()}


def family_of(published: Mapping[str, Tensor], path: Path) -> Family:
    """The family of networks that these names belong to.

    Raises:
        FileError: the names are not of a known family.
    """
    for family in FAMILIES:
        if family.mark in published:
            return family
    first = next(iter(published), "nothing")
    raise FileError(
        f"{path}: expected names of a known network, got {first}",
        help=f"give weights of pytorchvideo's {' or '.join(family.name for family in FAMILIES)}",
    )


def num_classes(published: Mapping[str, Tensor]) -> int | None:
    """The number of classes of the weights, if they have a classifier."""
    return next((t.shape[0] for name, t in published.items() if re.fullmatch(r"blocks\.\d+\.proj\.bias", name)), None)


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
                help=f"give the space and model of these weights, which are {family.name}'s",
            )
        if tensor.numel() != state[ours].numel() or _squeezed(tensor) != _squeezed(state[ours]):
            sizes = (" x ".join(map(str, t.shape)) for t in (tensor, state[ours]))
            raise FileError(
                f"{path}: {name} is {next(sizes)}, and {ours} of {network.space} is {next(sizes)}",
                help=f"give the space and model of these weights, which are {family.name}'s",
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
            return template.format(**places.fields(match.groupdict()))
        except KeyError:
            return None
    return None


def _squeezed(tensor: Tensor) -> list[int]:
    """The sizes without trailing ones: the same for a 1x1x1 convolution and a linear layer."""
    sizes = list(tensor.shape)
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return sizes
