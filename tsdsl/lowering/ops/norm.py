"""Batch normalisation with the statistics of the batch, with the activation after it, and the constants for it.

On the CPU, in float32 and training mode, compiled kernels compute it together with a ReLU: torch goes over the
activations three times forward and five times backward, the kernels read them once or twice from memory. Elsewhere
torch's normalisation and the activation follow one another; second derivatives are torch's too.

Shapes: B clips, C channels, T frames, H rows, W columns; N positions of all clips.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsdsl.lowering.kernels.choice import takes_norm
from tsdsl.lowering.kernels.operators import OPERATORS
from tsdsl.lowering.ops.function import Function
from tsdsl.operators.layers import ActivationKind

EPSILON = 1e-5
MOMENTUM = 0.1


def batch_statistics(
    name: str, x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor, then: ActivationKind = "none"
) -> tuple[Tensor, bool]:
    """Normalised by the mean and variance of this batch, also in evaluation; and whether the activation was applied.

    A supernet uses this, because running statistics of different architectures must not be mixed.
    """
    if takes_norm(x_BCTHW, weight_C):
        rectifies = then == "relu"
        return _compiled(x_BCTHW, weight_C, bias_C, EPSILON, rectifies)[0], rectifies
    return F.batch_norm(x_BCTHW, None, None, weight_C, bias_C, training=True, eps=EPSILON), False


class BatchNorm(nn.BatchNorm3d):
    """A BatchNorm3d that can also compute the ReLU after it."""

    def rectifies(self, x_BCTHW: Tensor) -> bool:
        """Whether it can compute the ReLU for this input: not if torch's own operators normalise it."""
        return self.training and takes_norm(x_BCTHW, self.weight)

    def forward(self, x_BCTHW: Tensor, rectified: bool = False) -> Tensor:
        """Normalised, and also rectified if `rectified`; running statistics are updated in training mode."""
        if not self.rectifies(x_BCTHW):
            y_BCTHW = super().forward(x_BCTHW)
            return F.relu(y_BCTHW) if rectified else y_BCTHW
        y_BCTHW, statistics_2C = _compiled(x_BCTHW, self.weight, self.bias, self.eps, rectified)
        self._move(statistics_2C, x_BCTHW.numel() // x_BCTHW.shape[1])
        return y_BCTHW

    @torch.no_grad()
    def _move(self, statistics_2C: Tensor, positions: int) -> None:
        """Update the running statistics, to their plain average if there is no momentum."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        mean_C, inverse_C = statistics_2C
        variance_C = (inverse_C.pow(-2) - self.eps).clamp(min=0) * (positions / (positions - 1))
        self.running_mean.lerp_(mean_C, share)
        self.running_var.lerp_(variance_C, share)


def _compiled(
    x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor, epsilon: float, rectifies: bool
) -> tuple[Tensor, Tensor]:
    x_BTHWC = x_BCTHW.permute(0, 2, 3, 4, 1).contiguous()
    y_NC, statistics_2C = _Normalised.apply(x_BTHWC.flatten(0, 3), weight_C, bias_C, epsilon, rectifies)
    return y_NC.view(x_BTHWC.shape).permute(0, 4, 1, 2, 3), statistics_2C


class _Normalised(Function):
    """The normalised positions and, without a gradient, the statistics."""

    @staticmethod
    def forward(
        x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, epsilon: float, rectifies: bool
    ) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = OPERATORS.batch_norm(x_NC, weight_C, bias_C, epsilon, rectifies)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x_NC, weight_C, bias_C, ctx.epsilon, ctx.rectifies = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x_NC, weight_C, bias_C, output[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x_NC, weight_C, bias_C, statistics_2C = ctx.saved_tensors
        if torch.is_grad_enabled():
            y_NC = F.batch_norm(x_NC, None, None, weight_C, bias_C, training=True, eps=ctx.epsilon)
            if ctx.rectifies:
                y_NC = F.relu(y_NC)
            wanted = [
                t for t, is_wanted in zip((x_NC, weight_C, bias_C), ctx.needs_input_grad, strict=False) if is_wanted
            ]
            found = iter(torch.autograd.grad(y_NC, wanted, gradients[0], create_graph=True))
            return (*(next(found) if is_wanted else None for is_wanted in ctx.needs_input_grad[:3]), None, None)
        dx_NC, found_2C = OPERATORS.batch_norm_gradient(
            gradients[0].contiguous(), x_NC, weight_C, bias_C, statistics_2C, ctx.rectifies
        )
        return dx_NC, found_2C[0], found_2C[1], None, None
