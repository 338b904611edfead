"""Products of matrices and linear maps of positions on the CPU, by a compiled kernel in half the time of torch's.

Their gradients are such products too; second derivatives use torch's.

Sizes: M rows, N columns, K terms of a sum; P positions, O outputs, I inputs.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.lowering.kernels.choice import takes_product
from tsdsl.lowering.kernels.operators import OPERATORS
from tsdsl.lowering.ops.function import Function

FEW_COLUMNS = 8


def pointwise(x: Tensor, weight_OI: Tensor) -> Tensor:
    """The linear map of the last axis of `x`, all others being positions."""
    if not takes_product(x):
        return F.linear(x, weight_OI)
    y_PO: Tensor = _Pointwise.apply(x.reshape(-1, x.shape[-1]), weight_OI)
    return y_PO.reshape(*x.shape[:-1], -1)


class _Pointwise(Function):
    """A linear map of positions."""

    @staticmethod
    def forward(x_PI: Tensor, weight_OI: Tensor) -> Tensor:
        return _product(x_PI, weight_OI.t())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x_PI, weight_OI = ctx.saved_tensors
        needs_x, needs_weight = ctx.needs_input_grad
        dy_PO = gradients[0].contiguous()
        product = torch.matmul if torch.is_grad_enabled() else _product
        dx = product(dy_PO, weight_OI) if needs_x else None
        if not needs_weight:
            return dx, None
        # Columns of the result become vectors, which would be half empty with few columns.
        outputs, inputs = weight_OI.shape
        is_turned = inputs <= FEW_COLUMNS < outputs
        return dx, product(x_PI.t(), dy_PO).t() if is_turned else product(dy_PO.t(), x_PI)


def batched_product(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
    """B x M x N: the product of each sample's matrices, with gradients."""
    c_BMN: Tensor = _Batched.apply(a_BMK, b_BKN)
    return c_BMN


class _Batched(Function):
    """Products of each sample's matrices."""

    @staticmethod
    def forward(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
        return _products(a_BMK, b_BKN)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a_BMK, b_BKN = ctx.saved_tensors
        needs_a, needs_b = ctx.needs_input_grad
        products = torch.matmul if torch.is_grad_enabled() else _products
        da = products(gradients[0], b_BKN.transpose(1, 2)) if needs_a else None
        return da, products(a_BMK.transpose(1, 2), gradients[0]) if needs_b else None


def _products(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
    return torch.stack([_product(a_MK, b_KN) for a_MK, b_KN in zip(a_BMK, b_BKN, strict=True)])


def _product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    c_MN: Tensor = OPERATORS.matrix_product(a_MK, b_KN)
    return c_MN
