"""Batch normalisation over the clips of all ranks, so the number of ranks changes no result.

Equal to SyncBatchNorm of torch, which only runs on CUDA.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from tsdsl.engine.ranks.ranks import Ranks


class SynchronisedNorm(nn.BatchNorm3d):
    """A BatchNorm3d whose statistics in training mode are over the clips of all ranks; together."""

    def __init__(self, norm: nn.BatchNorm3d, ranks: Ranks) -> None:
        """Share the parameters and buffers of `norm`."""
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self._ranks = ranks

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Normalise; update running statistics in training mode."""
        if not self.training:
            return super().forward(x_BCTHW)
        mean_C, variance_C, count = _statistics(x_BCTHW, self._ranks)
        self._move(mean_C, variance_C * (count / (count - 1).clamp(min=1)))
        y_BCTHW: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            x_BCTHW, self.weight, self.bias, mean_C, variance_C, count, self.eps, self._ranks
        )
        return y_BCTHW

    @torch.no_grad()
    def _move(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """Update the running statistics; without momentum, they are a plain average."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean_C.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance_C.to(self.running_var.dtype), share)


def synchronise_norms(model: nn.Module, ranks: Ranks) -> None:
    """Replace every BatchNorm3d by one over all ranks, with the same parameters, buffers and names."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm3d) and not isinstance(child, SynchronisedNorm):
                setattr(parent, name, SynchronisedNorm(child, ranks).train(child.training))


@torch.no_grad()
def _statistics(x_BCTHW: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
    """(mean, biased variance, count) over all ranks, from those of each rank (Chan, Golub and LeVeque, 1979).

    The count stays on the device, because reading it would wait for the device at every layer.
    """
    variance_C, mean_C = torch.var_mean(x_BCTHW.float(), (0, 2, 3, 4), correction=0)
    count = mean_C.new_full((1,), x_BCTHW.numel() // x_BCTHW.shape[1], dtype=torch.float64)
    told = ranks.stack(torch.cat([mean_C.double(), variance_C.double(), count]))
    means, variances = told[:, : len(mean_C)], told[:, len(mean_C) : -1]
    counts = told[:, -1:]
    total = counts.sum()
    mean_all = (counts * means).sum(0) / total
    variance_all = (counts * (variances + (means - mean_all) ** 2)).sum(0) / total
    return mean_all.float(), variance_all.float(), total


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, with gradients through the statistics of all ranks."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x_BCTHW: Tensor,
        weight_C: Tensor,
        bias_C: Tensor,
        mean_C: Tensor,
        variance_C: Tensor,
        count: Tensor,
        eps: float,
        ranks: Ranks,
    ) -> Tensor:
        ctx.save_for_backward(x_BCTHW, weight_C, mean_C, torch.rsqrt(variance_C + eps), count)
        ctx.ranks = ranks  # type: ignore[attr-defined]  # how torch keeps what is not a tensor
        return F.batch_norm(x_BCTHW, mean_C, variance_C, weight_C, bias_C, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BCTHW: Tensor) -> tuple[Tensor | None, ...]:
        x_BCTHW, weight_C, mean_C, inverse_C, count = ctx.saved_tensors
        sizes = (1, -1, 1, 1, 1)
        gradient = gradient_BCTHW.float()
        normal = (x_BCTHW.float() - mean_C.view(sizes)) * inverse_C.view(sizes)
        bias_gradient_C = gradient.sum((0, 2, 3, 4))
        weight_gradient_C = (gradient * normal).sum((0, 2, 3, 4))
        sums = torch.stack([bias_gradient_C, weight_gradient_C])
        ctx.ranks.sum([sums])
        first_C, second_C = (sums / count).unbind()
        x_gradient = (gradient - first_C.view(sizes) - normal * second_C.view(sizes)) * (weight_C * inverse_C).view(
            sizes
        )
        return x_gradient.to(x_BCTHW.dtype), weight_gradient_C, bias_gradient_C, None, None, None, None, None
