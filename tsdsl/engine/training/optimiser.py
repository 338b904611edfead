"""SGD for a model, with its momentum as named tensors for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tsdsl.engine.recipe import TrainSettings
from tsdsl.lowering.model import Model

MODEL_PREFIX, MOMENTUM_PREFIX = "model/", "momentum/"


def make_optimiser(model: Model, settings: TrainSettings) -> torch.optim.SGD:
    """SGD with momentum; weights decay, BN parameters and biases do not."""
    decayed: list[Tensor] = []
    free: list[Tensor] = []
    for name, parameter in model.named_parameters():
        (decayed if model.parameter_kind(name) == "weight" else free).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=settings.peak_learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.SGD, rate: float) -> None:
    """Set the rate of all parameters for the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def training_tensors(model: Model, optimiser: torch.optim.SGD) -> dict[str, Tensor]:
    """Parameters, buffers and momentum under names for `restore_training_tensors`."""
    tensors = {f"{MODEL_PREFIX}{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        momentum = optimiser.state[parameter].get("momentum_buffer")
        if momentum is not None:
            tensors[f"{MOMENTUM_PREFIX}{name}"] = momentum
    return tensors


def restore_training_tensors(model: Model, optimiser: torch.optim.SGD, tensors: Mapping[str, Tensor]) -> None:
    """Restore the tensors of a checkpoint of the same model; see `momenta` for those that it may have."""
    model.load_state_dict(
        {name.removeprefix(MODEL_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(MODEL_PREFIX)}
    )
    for name, parameter in model.named_parameters():
        momentum = tensors.get(f"{MOMENTUM_PREFIX}{name}")
        if momentum is not None:
            optimiser.state[parameter]["momentum_buffer"] = momentum.to(parameter, copy=True)


def momenta(model: Model) -> dict[str, torch.nn.Parameter]:
    """The parameter that each momentum belongs to, by the momentum's name in `training_tensors`."""
    return {f"{MOMENTUM_PREFIX}{name}": parameter for name, parameter in model.named_parameters()}


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with NaN or infinity, or None."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return name
    return None
