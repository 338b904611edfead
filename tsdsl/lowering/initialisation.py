"""The kind of each parameter (weight, bias, or of BN) and its initial values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from tsdsl.network.layout import Network
from tsdsl.network.parameters import NamedLayer, named_layers
from tsdsl.operators.layers import BatchNorm, Initialisation, Layer, Parameter

ParameterKind: TypeAlias = Literal["weight", "bias", "norm"]

LINEAR_STD = 0.01


def parameter_kinds(network: Network) -> Mapping[str, ParameterKind]:
    """The kind of each parameter: a weight, a bias, or of BN. Only weights decay."""
    return kinds_of(named_layers(network))


def kinds_of(layers: Iterable[NamedLayer]) -> Mapping[str, ParameterKind]:
    """The same of the parameters of some layers."""
    return {f"{item.name}.{p.name}": parameter_kind(item.layer, p) for item in layers for p in item.parameters}


def parameter_kind(layer: Layer, parameter: Parameter) -> ParameterKind:
    """The kind of one parameter of a layer."""
    if isinstance(layer, BatchNorm):
        return "norm"
    return "bias" if len(parameter.axes) == 1 else "weight"


def initial(sizes: tuple[int, ...], kind: Initialisation, generator: torch.Generator | None = None) -> Tensor:
    """Initial values, drawn on the CPU so that a seed gives the same ones on every device.

    `conv`: normal with variance 2 / fan-out (He et al., ICCV 2015, as in SlowFast's code); `linear`:
    normal with standard deviation 0.01.
    """
    if kind in ("zeros", "ones"):
        return torch.full(sizes, float(kind == "ones"), device="cpu")
    fan_out = sizes[0] * math.prod(sizes[2:])
    std = math.sqrt(2 / fan_out) if kind == "conv" else LINEAR_STD
    return torch.empty(sizes, device="cpu").normal_(0.0, std, generator=generator)
