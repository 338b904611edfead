"""Scores of untrained networks that are said to predict their accuracy, made right for video.

Zen-score (Lin et al., ICCV 2021), NASWOT (Mellor et al., ICML 2021) and synflow (Tanaka et al., NeurIPS 2020). In 3D
a channel's statistics and codes are over frames as well. Synflow is a logarithm, summed in 64 bits, as its values
overflow in deep networks; scales of BN that begin at 0 count as 1, which would leave out whole branches otherwise.

Shapes: B clips, C channels, T frames, H rows, W columns; N positions of all channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tsdsl.lowering.model import Model
from tsdsl.network.layout import Network

STEP = 0.01
"""The size of Zen's perturbation."""


def training_free_scores(network: Network, clips_BCTHW: Tensor, seed: int) -> dict[str, float]:
    """`zen`, `naswot` and `synflow` of a network with first values from a seed; only NASWOT looks at the clips."""
    return {
        "zen": _zen(Model(network, seed=seed), torch.Generator().manual_seed(seed), clips_BCTHW.shape),
        "naswot": _naswot(Model(network, seed=seed), clips_BCTHW),
        "synflow": _synflow(Model(network, seed=seed), clips_BCTHW.shape),
    }


def _prepared(model: Model, by_batch: bool) -> list[nn.BatchNorm3d]:
    """The BN layers, with every scale set to 1, by the statistics of the batch or none; dropout is off."""
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    for norm in norms:
        nn.init.ones_(norm.weight)
        norm.train(by_batch)
    return norms


@contextmanager
def _watched(norms: list[nn.BatchNorm3d]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """(input, output) of each BN layer as it is computed."""
    seen: list[tuple[Tensor, Tensor]] = []
    hooks = [norm.register_forward_hook(lambda _, given, made: seen.append((given[0], made))) for norm in norms]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def _zen(model: Model, generator: torch.Generator, shape: torch.Size) -> float:
    """log of how far a small perturbation moves the class scores, and of the deviations that BN divided out."""
    norms = _prepared(model, by_batch=True)
    clips_BCTHW = torch.randn(shape, generator=generator)
    moved_BCTHW = clips_BCTHW + STEP * torch.randn(shape, generator=generator)
    with _watched(norms) as seen:
        scores_BK = model(clips_BCTHW)
    deviations = [0.5 * float(x.transpose(0, 1).flatten(1).var(1).mean().log()) for x, _ in seen]
    return float((model(moved_BCTHW) - scores_BK).abs().mean().log()) + sum(deviations)


@torch.no_grad()
def _naswot(model: Model, clips_BCTHW: Tensor) -> float:
    """log |det K|, where K counts for each two clips the activations that are both on or both off."""
    norms = _prepared(model, by_batch=True)
    kernel_BB = torch.zeros(len(clips_BCTHW), len(clips_BCTHW), dtype=torch.float64)
    with _watched(norms) as seen:
        model(clips_BCTHW)
    for _, y_BCTHW in seen:
        on_BN = (y_BCTHW > 0).flatten(1).to(torch.float64)
        kernel_BB += on_BN @ on_BN.T + (1 - on_BN) @ (1 - on_BN).T
    return float(torch.linalg.slogdet(kernel_BB).logabsdet)


def _synflow(model: Model, shape: torch.Size) -> float:
    """log of the sum of |weight * its gradient| where all weights are positive and all inputs one."""
    _prepared(model, by_batch=False)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    model(torch.ones(1, *shape[1:], dtype=torch.float64)).sum().backward()
    gradients = [(p, p.grad) for p in model.parameters() if p.grad is not None]
    return float(sum((p * gradient).abs().sum() for p, gradient in gradients).detach().log())  # type: ignore[union-attr]
