"""A step of SGD on the parts of shared weights that were used, which leaves every other element as it is.

A dense step moves the rest as well: its momentum goes on, and it decays. A sliced step reads and writes only what
has a gradient; the state is that of the same optimiser, so that both kinds can follow one another.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tsdsl.lowering.accumulator import Part
from tsdsl.lowering.slices import pieces


@torch.no_grad()
def sliced_step(optimiser: torch.optim.SGD, placed: Mapping[str, Tensor], parts: Mapping[str, Part]) -> None:
    """Updates `placed`, shared weights by name, by the gradients of some parts of them.

    On those parts it computes what `optimiser.step()` would, with its rate, momentum, Nesterov momentum and
    weight decay. The gradients are overwritten.

    Raises:
        ValueError: the optimiser dampens or maximises, or a weight is none of its own.
    """
    groups = {id(parameter): group for group in optimiser.param_groups for parameter in group["params"]}
    lists: dict[int, tuple[list[Tensor], list[Tensor], list[Tensor | None]]] = {}
    for name, part in parts.items():
        weight = placed[name]
        group = groups.get(id(weight))
        if group is None or group["dampening"] or group["maximize"]:
            raise ValueError(f"{name}: a sliced step needs plain SGD that holds it, not {group}")
        weights, gradients, momenta = lists.setdefault(id(group), ([], [], []))
        for target, gradient in pieces(weight, part.region, part.gradient):
            weights.append(target)
            gradients.append(gradient)
        if group["momentum"]:
            state = optimiser.state[weight]
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(weight)
            momenta.extend(target for target, _ in pieces(state["momentum_buffer"], part.region, part.gradient))
        else:
            momenta.extend([None] * (len(weights) - len(momenta)))
    for group in optimiser.param_groups:
        if id(group) in lists:
            _update(group, *lists[id(group)])


def _update(
    group: dict[str, float], weights: list[Tensor], gradients: list[Tensor], momenta: list[Tensor | None]
) -> None:
    if weights[0].device.type != "cpu":
        held = [momentum for momentum in momenta if momentum is not None]
        return _update_together(group, weights, gradients, held)
    # One weight after the other: the second to fourth time it comes from the processor's cache.
    for weight, gradient, momentum in zip(weights, gradients, momenta, strict=True):
        step = gradient
        if group["weight_decay"]:
            gradient.add_(weight, alpha=group["weight_decay"])
        if momentum is not None:
            torch.add(gradient, momentum, alpha=group["momentum"], out=momentum)
            step = gradient.add_(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
        weight.add_(step, alpha=-group["lr"])


def _update_together(
    group: dict[str, float], weights: list[Tensor], gradients: list[Tensor], momenta: list[Tensor]
) -> None:
    """The same in as few calls as there are operations."""
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
