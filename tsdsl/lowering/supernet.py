"""`Supernet`: shared weights whose parts are the weights of every architecture of a space.

The architecture is an argument of every call, never state of the module. A call computes and allocates only as much as
training that architecture by itself.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsdsl.errors import UsageError
from tsdsl.lowering.initialisation import ParameterKind, kinds_of
from tsdsl.lowering.model import Model
from tsdsl.lowering.ops.norm import batch_statistics
from tsdsl.lowering.run import run
from tsdsl.lowering.slices import Region, add, region, take
from tsdsl.lowering.tree import grow
from tsdsl.network.layout import Blueprint, Network
from tsdsl.network.parameters import extents, network_parameters, shared_layers
from tsdsl.space.architecture import Architecture
from tsdsl.space.decided import decided_paths
from tsdsl.space.parts import Value

CACHED_LAYOUTS = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """One architecture's network, and each parameter's region of the shared weights."""

    network: Network
    regions: Mapping[str, Region]


class Leaves(Mapping[str, Tensor]):
    """Compact tensors of one architecture's weights by dotted name; all require gradients.

    They share memory with the supernet only where the architecture uses a whole tensor, so make new ones after each
    change of the supernet's weights.
    """

    def __init__(self, layout: Layout, tensors: Mapping[str, Tensor]) -> None:
        self.layout = layout
        self._tensors = dict(tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


class Supernet(nn.Module):
    """Weights at the largest size that any architecture uses; BN always takes the batch's statistics.

    There are two ways to train it. `supernet(clip, architecture)` is differentiable, and works in any training loop and
    with any optimiser. `leaves`, `run` and `accumulate` are cheaper: the gradients of a sample have its own size, and
    are then added to the shared ones. Both give the same gradients, to the bit.
    """

    def __init__(self, blueprint: Blueprint, seed: int | None = None) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.placed = grow(self, shared_layers(blueprint), extents, seed, running_statistics=False)
        self._layouts: OrderedDict[tuple[object, ...], Layout] = OrderedDict()

    def forward(
        self, clip_BCTHW: Tensor, architecture: Architecture | Mapping[str, Value], step: int | None = None
    ) -> Tensor:
        """Class scores B x K of one architecture after `step` (None: the Architecture's own step).

        Raises:
            ValueError: the clip is not B x 3 x frames x H x W.
            UsageError: the architecture belongs to another space, or a decision is missing or unknown.
        """
        layout = self.layout(architecture, step)
        sliced = {name: take(self.placed[name], part) for name, part in layout.regions.items()}
        return run(layout.network, clip_BCTHW, sliced, batch_statistics, training=self.training)

    def leaves(self, architecture: Architecture | Mapping[str, Value], step: int | None = None) -> Leaves:
        """One architecture's weights as compact leaf tensors, for `run` and `accumulate`."""
        layout = self.layout(architecture, step)
        with torch.no_grad():
            tensors = {
                name: take(self.placed[name], part).detach().requires_grad_() for name, part in layout.regions.items()
            }
        return Leaves(layout, tensors)

    def run(self, clip_BCTHW: Tensor, leaves: Leaves) -> Tensor:
        """Class scores B x K from leaves; their gradients have the architecture's own sizes."""
        return run(leaves.layout.network, clip_BCTHW, leaves, batch_statistics, training=self.training)

    @torch.no_grad()
    def accumulate(self, leaves: Leaves, weight: float = 1.0) -> None:
        """Add `weight` times the gradients of the leaves to those of the shared weights.

        A shared weight that no leaf uses keeps its `grad`, even None.
        """
        for name, leaf in leaves.items():
            if leaf.grad is None:
                continue
            shared = self.placed[name]
            if shared.grad is None:
                shared.grad = torch.zeros_like(shared)
            add(shared.grad, leaves.layout.regions[name], leaf.grad, weight)

    def layout(self, architecture: Architecture | Mapping[str, Value], step: int | None = None) -> Layout:
        """The network of one architecture and the regions of its weights; the last few are cached.

        Raises:
            UsageError: the architecture belongs to another space, or a decision is missing or unknown.
        """
        if isinstance(architecture, Architecture):
            self._check_space(architecture)
            step = architecture.step if step is None else step
            decisions = architecture.decisions
        else:
            decisions = architecture
        key = (step, *self._chosen(decisions, step))
        layout = self._layouts.pop(key, None)
        if layout is None:
            network = self.blueprint.network(decisions, step)
            regions = {
                name: region(parameter, tuple(self.placed[name].shape))
                for name, parameter in network_parameters(network).items()
            }
            layout = Layout(network, regions)
        self._layouts[key] = layout
        if len(self._layouts) > CACHED_LAYOUTS:
            self._layouts.popitem(last=False)
        return layout

    def parameter_kinds(self) -> Mapping[str, ParameterKind]:
        """The kind of each parameter, `weight`, `bias` or `norm`; only weights decay."""
        return kinds_of(shared_layers(self.blueprint))

    def _check_space(self, architecture: Architecture) -> None:
        space = self.blueprint.space
        if architecture.fingerprint != space.fingerprint:
            raise UsageError(
                f"the architecture belongs to space {architecture.space} ({architecture.fingerprint}), the "
                f"supernet to {space.name} ({space.fingerprint})",
                help="use the architecture with its own space",
            )

    def _chosen(self, decisions: Mapping[str, Value], step: int | None) -> tuple[tuple[str, Value], ...]:
        """The decisions that have an effect after `step`, checked."""
        space = self.blueprint.space
        chosen = []
        for path in decided_paths(space, decisions, step):
            if path not in decisions:
                raise UsageError(f"decision {path} is missing", help=f"give every decision of space {space.name}")
            values = space.decision_by_path[path].values
            if decisions[path] not in values:
                raise UsageError(
                    f"{path} = {decisions[path]!r} is not one of its choices",
                    help=f"choose one of {', '.join(str(value) for value in values)}",
                )
            chosen.append((path, decisions[path]))
        return tuple(chosen)


@torch.no_grad()
def extract(supernet: Supernet, architecture: Architecture | Mapping[str, Value], step: int | None = None) -> Model:
    """One architecture as a `Model` of its own, on the supernet's device, with the shared weights copied.

    In training mode it gives exactly the supernet's scores. Its BN statistics are not set: call `recalibrate` before
    evaluating it.
    """
    layout = supernet.layout(architecture, step)
    with torch.device("meta"):
        model = Model(layout.network)
    first = next(iter(supernet.placed.values()))
    model.to(first.dtype).to_empty(device=first.device)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.reset_running_stats()
    for name, part in layout.regions.items():
        model.placed[name].copy_(take(supernet.placed[name], part))
    return model.train(supernet.training)
