"""Steps of SGD from gradients of parts of shared weights: on those parts only, or on the whole weights.

A dense step also moves elements without a gradient, by their momentum and decay. A sliced step reads and writes only
elements with a gradient. Both use the state of the same optimiser, so they can alternate. On the CPU each is one pass
of a compiled kernel, which rounds like torch's fused step except for a weight's last few elements; no gradient of the
size of a whole weight is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.accumulator import Part
from tsdsl.lowering.kernels.choice import takes_update
from tsdsl.lowering.slices import Range, add, pieces

Group: TypeAlias = dict[str, float]


@torch.no_grad()
def sliced_step(optimiser: torch.optim.SGD, placed: Mapping[str, Tensor], parts: Mapping[str, Part]) -> None:
    """Updates `placed`, shared weights by name, by the gradients of some parts of them.

    On those parts it computes what `optimiser.step()` would, with its rate, momentum, Nesterov momentum and
    weight decay. The gradients are overwritten.

    Raises:
        ValueError: the optimiser dampens or maximises, or does not have a weight.
    """
    # Looked up once: each look-up walks the modules.
    placed = {name: placed[name] for name in parts}
    groups = _groups(optimiser, placed, parts)
    if _fits(groups, placed):
        _compiled_step(optimiser, groups, placed, parts, whole=False)
        return
    lists: dict[int, tuple[list[Tensor], list[Tensor], list[Tensor | None]]] = {}
    for name, part in parts.items():
        weight, group = placed[name], groups[name]
        weights, gradients, momenta = lists.setdefault(id(group), ([], [], []))
        for target, gradient in pieces(weight, part.region, part.gradient):
            weights.append(target)
            gradients.append(gradient)
        if group["momentum"]:
            momentum = _momentum(optimiser, weight)
            momenta.extend(target for target, _ in pieces(momentum, part.region, part.gradient))
        else:
            momenta.extend([None] * (len(weights) - len(momenta)))
    for group in optimiser.param_groups:
        if id(group) in lists:
            _update(group, *lists[id(group)])


@torch.no_grad()
def dense_step(optimiser: torch.optim.SGD, placed: Mapping[str, Tensor], parts: Mapping[str, Part]) -> None:
    """Does what `optimiser.step()` would with gradients that are zero outside of some parts of the weights in `placed`.

    Weights without a part do not change. Afterwards no weight has a `grad`.

    Raises:
        ValueError: the optimiser dampens or maximises, or does not have a weight.
    """
    # Looked up once: each look-up walks the modules.
    placed = {name: placed[name] for name in parts}
    groups = _groups(optimiser, placed, parts)
    if _fits(groups, placed):
        _compiled_step(optimiser, groups, placed, parts, whole=True)
        return
    for name, part in parts.items():
        placed[name].grad = _spread(placed[name], part)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _groups(optimiser: torch.optim.SGD, placed: Mapping[str, Tensor], parts: Mapping[str, Part]) -> Mapping[str, Group]:
    """The optimiser's group for each weight that has a part."""
    by_weight = {id(parameter): group for group in optimiser.param_groups for parameter in group["params"]}
    found = {}
    for name in parts:
        group = by_weight.get(id(placed[name]))
        if group is None or group["dampening"] or group["maximize"]:
            raise ValueError(
                f"{name}: expected an SGD optimiser of this weight without dampening or maximize, got {group}"
            )
        found[name] = group
    return found


def _momentum(optimiser: torch.optim.SGD, weight: Tensor) -> Tensor:
    state = optimiser.state[weight]
    if state.get("momentum_buffer") is None:
        state["momentum_buffer"] = torch.zeros_like(weight)
    momentum: Tensor = state["momentum_buffer"]
    return momentum


def _spread(weight: Tensor, part: Part) -> Tensor:
    """A part's gradient in the size of the whole weight."""
    gradient = torch.zeros_like(weight)
    add(gradient, part.region, part.gradient)
    return gradient


def _fits(groups: Mapping[str, Group], placed: Mapping[str, Tensor]) -> bool:
    """Whether the kernel can be used: there is momentum, and it takes all weights."""
    return all(group["momentum"] for group in groups.values()) and all(map(takes_update, placed.values()))


def _compiled_step(
    optimiser: torch.optim.SGD,
    groups: Mapping[str, Group],
    placed: Mapping[str, Tensor],
    parts: Mapping[str, Part],
    *,
    whole: bool,
) -> None:
    from tsdsl.lowering.kernels.cpu.update import entry, update

    numbers = {id(group): number for number, group in enumerate(optimiser.param_groups)}
    entries = []
    held = []
    for name, part in parts.items():
        weight = placed[name]
        momentum = _momentum(optimiser, weight)
        for box, gradient in _boxes(weight, part, whole):
            entries.append(entry(weight, momentum, gradient, numbers[id(groups[name])], box))
            held.append(gradient)
    update(entries, [_rates(group) for group in optimiser.param_groups], whole=whole)


def _boxes(weight: Tensor, part: Part, whole: bool) -> list[tuple[tuple[Range, ...], Tensor]]:
    """A part as boxes of one range for each axis, with contiguous gradients; for a `whole` weight one box."""
    sizes = tuple(weight.shape)
    if all(len(ranges) == 1 for ranges in part.region):
        box = tuple(ranges[0] for ranges in part.region)
        inner = tuple((0, size) for size in sizes[2:])
        if not whole or box[2:] == inner:
            return [(box, part.gradient.contiguous())]
        # A kernel's centre: a few floats in a row. With zeros around it, it is one row to a channel.
        padding: list[int] = []
        for (first, length), size in zip(box[:1:-1], sizes[:1:-1], strict=True):
            padding += (first, size - first - length)
        gradient = F.pad(part.gradient, padding)
        return [((*box[:2], *inner), gradient)]
    if whole:
        return [(tuple((0, size) for size in sizes), _spread(weight, part))]
    return [
        (tuple(ranges), gradient.contiguous())
        for ranges, (_, gradient) in zip(
            itertools.product(*part.region), pieces(weight, part.region, part.gradient), strict=True
        )
    ]


def _rates(group: Group) -> tuple[float, ...]:
    """Rate, decay, momentum, and the factors of gradient and momentum in a step."""
    of_gradient, of_momentum = (1.0, group["momentum"]) if group["nesterov"] else (0.0, 1.0)
    return (group["lr"], group["weight_decay"], group["momentum"], of_gradient, of_momentum)


def _update(group: Group, weights: list[Tensor], gradients: list[Tensor], momenta: list[Tensor | None]) -> None:
    if weights[0].device.type != "cpu":
        held = [momentum for momentum in momenta if momentum is not None]
        return _update_together(group, weights, gradients, held)
    # Weight by weight: after the first operation each is in the processor's cache.
    for weight, gradient, momentum in zip(weights, gradients, momenta, strict=True):
        step = gradient
        if group["weight_decay"]:
            gradient.add_(weight, alpha=group["weight_decay"])
        if momentum is not None:
            torch.add(gradient, momentum, alpha=group["momentum"], out=momentum)
            step = gradient.add_(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
        weight.add_(step, alpha=-group["lr"])


def _update_together(group: Group, weights: list[Tensor], gradients: list[Tensor], momenta: list[Tensor]) -> None:
    """The same with one call for each operation."""
    if group["weight_decay"]:
        torch._foreach_add_(gradients, weights, alpha=group["weight_decay"])
    if momenta:
        torch._foreach_mul_(momenta, group["momentum"])
        torch._foreach_add_(momenta, gradients)
        if group["nesterov"]:
            torch._foreach_add_(gradients, momenta, alpha=group["momentum"])
        else:
            gradients = momenta
    torch._foreach_add_(weights, gradients, alpha=-group["lr"])
