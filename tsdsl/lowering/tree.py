"""Nested modules for a network's parameters, so that state-dict keys are the dotted names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsdsl.lowering.initialisation import initial
from tsdsl.lowering.ops import norm
from tsdsl.network.parameters import NamedLayer
from tsdsl.operators.layers import BatchNorm, Convolution, Layer, Parameter

SizesOf = Callable[[Parameter], tuple[int, ...]]


class Part(nn.Module):
    """A named part of a network: it has parts, layers and parameters, and computes nothing itself."""

    def extra_repr(self) -> str:
        return ", ".join(
            f"{name} {'x'.join(map(str, parameter.shape))}" for name, parameter in self.named_parameters(recurse=False)
        )


class LayerParameters(Part):
    """The parameters of one layer; the interpreter in `run` applies them."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.kind = type(layer).__name__
        self.note = ""
        if isinstance(layer, Convolution):
            stride = "" if layer.stride == (1, 1, 1) else f", stride {'x'.join(map(str, layer.stride))}"
            self.note = (", depthwise" if layer.depthwise else "") + stride

    def _get_name(self) -> str:
        return self.kind

    def extra_repr(self) -> str:
        return super().extra_repr() + self.note


@dataclass(frozen=True, slots=True)
class ParameterPlace:
    """The module and attribute of a parameter, which stay right after `.to()`, deepcopy and swapping."""

    module: nn.Module
    attribute: str

    @property
    def tensor(self) -> Tensor:
        """The parameter itself."""
        tensor = self.module._parameters[self.attribute]
        assert tensor is not None
        return tensor


class PlacedParameters(Mapping[str, Tensor]):
    """The current parameters of a tree by dotted name."""

    def __init__(self, places: Mapping[str, ParameterPlace]) -> None:
        self.places = places

    def __getitem__(self, name: str) -> Tensor:
        return self.places[name].tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def grow(
    root: nn.Module, layers: Iterable[NamedLayer], sizes_of: SizesOf, seed: int | None, running_statistics: bool
) -> PlacedParameters:
    """Attach the parameters of all layers below `root`, and return them by name.

    With `running_statistics` a BN layer is a torch BatchNorm3d (`ops.norm`) with buffers, else only its parameters.
    Inside `torch.device("meta")` nothing is drawn. With `seed` None, values come from torch's global generator.
    """
    generator = None if seed is None else torch.Generator("cpu").manual_seed(seed)
    places: dict[str, ParameterPlace] = {}
    for item in layers:
        holder: nn.Module
        if isinstance(item.layer, BatchNorm) and running_statistics:
            (channels,) = sizes_of(item.parameters[0])
            holder = norm.BatchNorm(channels, norm.EPSILON, norm.MOMENTUM)
        else:
            holder = LayerParameters(item.layer)
        attach(root, item.name, holder)
        places.update(fill(holder, item, sizes_of, generator))
    return PlacedParameters(places)


def fill(
    holder: nn.Module, item: NamedLayer, sizes_of: SizesOf, generator: torch.Generator | None
) -> Iterator[tuple[str, ParameterPlace]]:
    """Give a layer's module its parameters with initial values."""
    for parameter in item.parameters:
        *parents, attribute = parameter.name.split(".")
        module = holder
        for name in parents:
            if name not in module._modules:
                attach(module, name, Part())
            child = module._modules[name]
            assert child is not None
            module = child
        empty = torch.empty(sizes_of(parameter))
        if not empty.is_meta:
            empty.copy_(initial(tuple(empty.shape), parameter.initialisation, generator))
        module._parameters[attribute] = nn.Parameter(empty)
        yield f"{item.name}.{parameter.name}", ParameterPlace(module, attribute)


def attach(root: nn.Module, dotted: str, module: nn.Module) -> None:
    """Attach `module` below `root` under a dotted name, with `Part` modules between.

    It is written into `_modules` directly, because a stream may have the name of a method of nn.Module, such as
    `train`; it can still be reached by its dotted name.
    """
    *parents, last = dotted.split(".")
    for name in parents:
        child = root._modules.get(name)
        if child is None:
            child = root._modules[name] = Part()
        root = child
    root._modules[last] = module


def submodule(root: nn.Module, dotted: str) -> nn.Module:
    """The module below `root` under a dotted name; see `attach` for why not `get_submodule`."""
    for name in dotted.split("."):
        child = root._modules[name]
        assert child is not None
        root = child
    return root
