"""The product of matrices on the CPU as an operator of torch, made of numba's kernel, and point-wise maps made of it.

`tsdsl::matrix_product` takes float32. It knows vmap, shapes without data and its number of operations, and has no
gradient; `pointwise_product` has one, and where that is to have a gradient itself, torch's products make it.

Sizes: M rows, N columns, K terms of a sum; P positions, O outputs, I inputs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from tsdsl.lowering.kernels.operators import NUMBA, depthwise_kernels, one_by_one

FEW_COLUMNS = 8
LIBRARY = torch.library.Library("tsdsl", "FRAGMENT")
LIBRARY.define("matrix_product(Tensor a, Tensor b) -> Tensor")


def has_products(x: Tensor) -> bool:
    """Whether products with `x` may be computed so."""
    return x.dtype == torch.float32 and x.numel() > 0 and depthwise_kernels("cpu") == NUMBA


def pointwise_product(x_PI: Tensor, weight_OI: Tensor) -> Tensor:
    """P x O: the linear map of each position, with gradients."""
    y_PO: Tensor = _Pointwise.apply(x_PI, weight_OI)
    return y_PO


class _Pointwise(torch.autograd.Function):
    """A linear map of positions."""

    generate_vmap_rule = True

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
        # Columns of the result become vectors, which few would leave half empty.
        outputs, inputs = weight_OI.shape
        is_turned = inputs <= FEW_COLUMNS < outputs
        return dx, product(x_PI.t(), dy_PO).t() if is_turned else product(dy_PO.t(), x_PI)


def batched_product(a_BMK: Tensor, b_BKN: Tensor) -> Tensor:
    """B x M x N: the product of each sample's matrices, with gradients."""
    c_BMN: Tensor = _Batched.apply(a_BMK, b_BKN)
    return c_BMN


class _Batched(torch.autograd.Function):
    """Products of each sample's matrices."""

    generate_vmap_rule = True

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
    c_MN: Tensor = torch.ops.tsdsl.matrix_product(a_MK, b_KN)
    return c_MN


def _compute(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    from tsdsl.lowering.kernels.cpu import product as product_numba

    if b_KN.t().is_contiguous():
        return product_numba.product(a_MK, product_numba.transposed(b_KN.t()))
    return product_numba.product(a_MK, b_KN.contiguous())


def _shape(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    return a_MK.new_empty((a_MK.shape[0], b_KN.shape[1]))


LIBRARY.impl("matrix_product", _compute, "CPU")
torch.library.register_fake("tsdsl::matrix_product", _shape, lib=LIBRARY)
torch.library.register_vmap("tsdsl::matrix_product", one_by_one(torch.ops.tsdsl.matrix_product), lib=LIBRARY)


@register_flop_formula(torch.ops.tsdsl.matrix_product)
def _operations(a: Any, b: Any, **_: Any) -> int:
    return int(2 * math.prod(a) * b[1])
