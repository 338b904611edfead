"""The operators of torch that compiled kernels make: `tsdsl::depthwise_conv3d`, `matrix_product`, `batch_norm`.

They know vmap, shapes without data and how many operations they are; depthwise convolution also knows autograd and
autocast (bfloat16). The gradients of the others, and second derivatives, are made in `tsdsl.lowering.ops`. On CUDA the
kernels are Triton's, on the CPU numba's, or Triton's in its interpreter where TRITON_INTERPRET is 1. Ask `choice`
first: no operator falls back to torch's.

Shapes: B clips, C channels, T frames, H rows, W columns; D, R, S a kernel's sizes in time, rows and columns; E = 1;
K = D * R * S; M rows, N columns and K terms of a product; N positions.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from itertools import repeat
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

LIBRARY = torch.library.Library("tsdsl", "DEF")
OPERATORS = torch.ops.tsdsl


def depthwise_convolution(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """The convolution with odd kernel sizes and padding size // 2; the result has its channels last in memory."""
    y_BCTHW: Tensor = OPERATORS.depthwise_conv3d(x_BCTHW, weight_CEDRS, stride)
    return y_BCTHW


def _kernels(tensor: Tensor) -> ModuleType:
    """The module that computes on a tensor's device."""
    if tensor.device.type == "cpu" and os.environ.get("TRITON_INTERPRET", "0") != "1":
        from tsdsl.lowering.kernels.cpu import depthwise as depthwise_numba

        return depthwise_numba
    from tsdsl.lowering.kernels.cuda import depthwise as depthwise_triton

    return depthwise_triton


def _compute(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: list[int]) -> Tensor:
    y_BTHWC = _kernels(x_BCTHW).forward(
        _channels_last(x_BCTHW), _taps(weight_CEDRS), tuple(weight_CEDRS.shape[2:]), tuple(stride)
    )
    return _channels_first(y_BTHWC)


def _compute_input_gradient(dy_BCTHW: Tensor, weight_CEDRS: Tensor, sizes: list[int], stride: list[int]) -> Tensor:
    dx_BTHWC = _kernels(dy_BCTHW).input_gradient(
        _channels_last(dy_BCTHW), _taps(weight_CEDRS), tuple(sizes), tuple(weight_CEDRS.shape[2:]), tuple(stride)
    )
    return _channels_first(dx_BTHWC)


def _compute_weight_gradient(dy_BCTHW: Tensor, x_BCTHW: Tensor, kernel: list[int], stride: list[int]) -> Tensor:
    dweight_KC: Tensor = _kernels(x_BCTHW).weight_gradient(
        _channels_last(dy_BCTHW), _channels_last(x_BCTHW), tuple(kernel), tuple(stride)
    )
    return dweight_KC.t().reshape(-1, 1, *kernel).contiguous()


def _shape(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: list[int]) -> Tensor:
    batch, channels, *sizes = x_BCTHW.shape
    shrunk = [-(-size // step) for size, step in zip(sizes, stride, strict=True)]
    return _channels_first(x_BCTHW.new_empty((batch, *shrunk, channels)))


def _input_gradient_shape(dy_BCTHW: Tensor, weight_CEDRS: Tensor, sizes: list[int], stride: list[int]) -> Tensor:
    return _channels_first(dy_BCTHW.new_empty((dy_BCTHW.shape[0], *sizes, dy_BCTHW.shape[1])))


def _weight_gradient_shape(dy_BCTHW: Tensor, x_BCTHW: Tensor, kernel: list[int], stride: list[int]) -> Tensor:
    return x_BCTHW.new_empty((x_BCTHW.shape[1], 1, *kernel))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x_BCTHW, weight_CEDRS, ctx.stride = inputs
    ctx.save_for_backward(x_BCTHW, weight_CEDRS)


def _backward(ctx: Any, dy_BCTHW: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x_BCTHW, weight_CEDRS = ctx.saved_tensors
    dx, dweight = None, None
    if ctx.needs_input_grad[0]:
        dx = OPERATORS.depthwise_conv3d_input_gradient(dy_BCTHW, weight_CEDRS, x_BCTHW.shape[2:], ctx.stride)
    if ctx.needs_input_grad[1]:
        dweight = OPERATORS.depthwise_conv3d_weight_gradient(dy_BCTHW, x_BCTHW, weight_CEDRS.shape[2:], ctx.stride)
    return dx, dweight, None


def _channels_last(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.permute(0, 2, 3, 4, 1).contiguous()


def _channels_first(x_BTHWC: Tensor) -> Tensor:
    return x_BTHWC.permute(0, 4, 1, 2, 3)


def _taps(weight_CEDRS: Tensor) -> Tensor:
    return weight_CEDRS.flatten(1).t().contiguous()


def _product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    from tsdsl.lowering.kernels.cpu import product as kernels

    if b_KN.t().is_contiguous():
        return kernels.product(a_MK, kernels.transposed(b_KN.t()))
    return kernels.product(a_MK, b_KN.contiguous())


def _norm(x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, epsilon: float, rectifies: bool) -> tuple[Tensor, Tensor]:
    from tsdsl.lowering.kernels.cpu import norm as kernels

    return kernels.forward(x_NC.contiguous(), weight_C.contiguous(), bias_C.contiguous(), epsilon, rectifies)


def _norm_gradient(
    dy_NC: Tensor, x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, statistics_2C: Tensor, rectifies: bool
) -> tuple[Tensor, Tensor]:
    from tsdsl.lowering.kernels.cpu import norm as kernels

    return kernels.backward(
        dy_NC.contiguous(), x_NC.contiguous(), weight_C.contiguous(), bias_C.contiguous(), statistics_2C, rectifies
    )


def _norm_shapes(x_NC: Tensor, weight_C: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x_NC), x_NC.new_empty((2, math.prod(weight_C.shape)))


def _define(
    schema: str,
    compute: Callable[..., Any],
    shapes: Callable[..., Any],
    operations: Callable[..., int] | None = None,
    devices: str = "CPU",
) -> None:
    """An operator: what computes it, the shapes of its results, and for torch's counter its operations from shapes."""
    name = schema.partition("(")[0]
    LIBRARY.define(schema)
    LIBRARY.impl(name, compute, devices)
    operator = getattr(OPERATORS, name)
    torch.library.register_fake(f"tsdsl::{name}", shapes, lib=LIBRARY)
    torch.library.register_vmap(f"tsdsl::{name}", _one_by_one(operator), lib=LIBRARY)
    if operations is not None:
        register_flop_formula(operator)(operations)


def _one_by_one(operator: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """An operator under vmap: for each element of the mapped axis by itself."""

    def mapped(info: Any, axes: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        def element(argument: Any, axis: Any, index: int) -> Any:
            return argument.select(axis, index) if isinstance(axis, int) else argument

        found = [operator(*map(element, arguments, axes, repeat(index))) for index in range(info.batch_size)]
        if isinstance(found[0], Tensor):
            return torch.stack(found), 0
        return tuple(map(torch.stack, zip(*found, strict=True))), (0,) * len(found[0])

    return mapped


EVERY = "CompositeExplicitAutograd"
_define(
    "depthwise_conv3d(Tensor x, Tensor weight, int[3] stride) -> Tensor",
    _compute,
    _shape,
    lambda x, weight, stride, *, out_shape, **_: 2 * math.prod(out_shape) * math.prod(weight[2:]),
    EVERY,
)
_define(
    "depthwise_conv3d_input_gradient(Tensor dy, Tensor weight, int[3] sizes, int[3] stride) -> Tensor",
    _compute_input_gradient,
    _input_gradient_shape,
    lambda dy, weight, *_, **__: 2 * math.prod(dy) * math.prod(weight[2:]),
    EVERY,
)
_define(
    "depthwise_conv3d_weight_gradient(Tensor dy, Tensor x, int[3] kernel, int[3] stride) -> Tensor",
    _compute_weight_gradient,
    _weight_gradient_shape,
    lambda dy, x, kernel, *_, **__: 2 * math.prod(dy) * math.prod(kernel),
    EVERY,
)
torch.library.register_autograd("tsdsl::depthwise_conv3d", _backward, setup_context=_remember, lib=LIBRARY)
for _device_type in ("cuda", "cpu"):
    torch.library.register_autocast("tsdsl::depthwise_conv3d", _device_type, torch.bfloat16, lib=LIBRARY)
_define(
    "matrix_product(Tensor a, Tensor b) -> Tensor",
    _product,
    lambda a_MK, b_KN: a_MK.new_empty((a_MK.shape[0], b_KN.shape[1])),
    lambda a, b, **_: 2 * math.prod(a) * b[1],
)
_define(
    "batch_norm(Tensor x, Tensor weight, Tensor bias, float epsilon, bool rectifies) -> (Tensor, Tensor)",
    _norm,
    _norm_shapes,
)
_define(
    "batch_norm_gradient(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor statistics, bool rectifies)"
    " -> (Tensor, Tensor)",
    _norm_gradient,
    lambda dy_NC, x_NC, weight_C, *others: _norm_shapes(x_NC, weight_C),
)
