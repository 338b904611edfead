"""Depthwise convolution as operators of torch, made of Triton's or numba's kernels, and whether they can be used.

The operators `tsdsl::depthwise_conv3d` and its two gradients know autograd, autocast (bfloat16), vmap, shapes without
data and their number of operations. On CUDA they are Triton's kernels, on the CPU numba's, which take float32 and what
`fits` alone; or Triton's in its interpreter where TRITON_INTERPRET is 1. Compiling and exporting see torch's own
convolution instead, so that what is exported needs no tsdsl; see `convolution`.

Shapes: B clips, C channels, T frames, H rows, W columns; D, R, S the kernel's sizes in time, rows and columns;
E that of a kernel's filters, 1; K = D * R * S.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import os
from collections.abc import Callable
from itertools import repeat
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

TORCH = "torch"
TRITON = "triton"
NUMBA = "numba"
COMPILED_TAPS = (3, 5)
"""Rows and columns of the kernels that numba's are made and measured for; a stride is 1 or 2."""
MOST_TAPS = 125
"""5 x 5 x 5: taps are unrolled, and more of them compile slowly."""

LIBRARY = torch.library.Library("tsdsl", "DEF")
LIBRARY.define("depthwise_conv3d(Tensor x, Tensor weight, int[3] stride) -> Tensor")
LIBRARY.define("depthwise_conv3d_input_gradient(Tensor dy, Tensor weight, int[3] sizes, int[3] stride) -> Tensor")
LIBRARY.define("depthwise_conv3d_weight_gradient(Tensor dy, Tensor x, int[3] kernel, int[3] stride) -> Tensor")


@functools.cache
def depthwise_kernels(device_type: str) -> str:
    """Whose depthwise kernels a kind of device uses, chosen once a process; a run's record holds it.

    `triton` or `numba`, or `torch` with the reason: `torch (triton is not installed)`.
    """
    if device_type == "cpu":
        return _kernels_of_the_host()
    if device_type != "cuda":
        return TORCH
    if importlib.util.find_spec("triton") is None:
        return f"{TORCH} (triton is not installed)"
    if torch.cuda.get_device_capability() < (7, 0):
        return f"{TORCH} (triton needs a newer GPU)"
    return TRITON


def _kernels_of_the_host() -> str:
    if importlib.util.find_spec("numba") is None:
        return f"{TORCH} (numba is not installed)"
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return f"{TORCH} (NUMBA_DISABLE_JIT is set)"
    from tsdsl.lowering.kernels.cpu.vectors import HAS_VECTORS

    return NUMBA if HAS_VECTORS else f"{TORCH} (the processor has neither AVX-512 nor AVX2)"


def fits(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int]) -> bool:
    """Whether numba's kernels take it."""
    depth, rows, columns = weight_CEDRS.shape[2:]
    return (
        x_BCTHW.dtype == torch.float32
        and x_BCTHW.numel() > 0
        and depth % 2 == 1
        and rows == columns
        and rows in COMPILED_TAPS
        and stride in ((1, 1), (2, 2))
    )


def depthwise_convolution(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """The convolution with odd kernel sizes and padding size // 2; the result has its channels last in memory."""
    y_BCTHW: Tensor = torch.ops.tsdsl.depthwise_conv3d(x_BCTHW, weight_CEDRS, stride)
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
    operators = torch.ops.tsdsl
    dx, dweight = None, None
    if ctx.needs_input_grad[0]:
        dx = operators.depthwise_conv3d_input_gradient(dy_BCTHW, weight_CEDRS, x_BCTHW.shape[2:], ctx.stride)
    if ctx.needs_input_grad[1]:
        dweight = operators.depthwise_conv3d_weight_gradient(dy_BCTHW, x_BCTHW, weight_CEDRS.shape[2:], ctx.stride)
    return dx, dweight, None


def one_by_one(operator: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """An operator under vmap: for each element of the mapped axis by itself."""

    def mapped(info: Any, axes: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        def element(argument: Any, axis: Any, index: int) -> Any:
            return argument.select(axis, index) if isinstance(axis, int) else argument

        found = [operator(*map(element, arguments, axes, repeat(index))) for index in range(info.batch_size)]
        if isinstance(found[0], Tensor):
            return torch.stack(found), 0
        return tuple(map(torch.stack, zip(*found, strict=True))), (0,) * len(found[0])

    return mapped


def _channels_last(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.permute(0, 2, 3, 4, 1).contiguous()


def _channels_first(x_BTHWC: Tensor) -> Tensor:
    return x_BTHWC.permute(0, 4, 1, 2, 3)


def _taps(weight_CEDRS: Tensor) -> Tensor:
    return weight_CEDRS.flatten(1).t().contiguous()


LIBRARY.impl("depthwise_conv3d", _compute, "CompositeExplicitAutograd")
LIBRARY.impl("depthwise_conv3d_input_gradient", _compute_input_gradient, "CompositeExplicitAutograd")
LIBRARY.impl("depthwise_conv3d_weight_gradient", _compute_weight_gradient, "CompositeExplicitAutograd")
torch.library.register_fake("tsdsl::depthwise_conv3d", _shape, lib=LIBRARY)
torch.library.register_fake("tsdsl::depthwise_conv3d_input_gradient", _input_gradient_shape, lib=LIBRARY)
torch.library.register_fake("tsdsl::depthwise_conv3d_weight_gradient", _weight_gradient_shape, lib=LIBRARY)
torch.library.register_autograd("tsdsl::depthwise_conv3d", _backward, setup_context=_remember, lib=LIBRARY)
for _name in ("depthwise_conv3d", "depthwise_conv3d_input_gradient", "depthwise_conv3d_weight_gradient"):
    torch.library.register_vmap(f"tsdsl::{_name}", one_by_one(getattr(torch.ops.tsdsl, _name)), lib=LIBRARY)
for _device_type in ("cuda", "cpu"):
    torch.library.register_autocast("tsdsl::depthwise_conv3d", _device_type, torch.bfloat16, lib=LIBRARY)


@register_flop_formula(torch.ops.tsdsl.depthwise_conv3d)
def _operations(x: Any, weight: Any, stride: Any, *, out_shape: Any, **_: Any) -> int:
    return int(2 * math.prod(out_shape) * math.prod(weight[2:]))


@register_flop_formula(torch.ops.tsdsl.depthwise_conv3d_input_gradient)
def _input_gradient_operations(dy: Any, weight: Any, sizes: Any, stride: Any, **_: Any) -> int:
    return int(2 * math.prod(dy) * math.prod(weight[2:]))


@register_flop_formula(torch.ops.tsdsl.depthwise_conv3d_weight_gradient)
def _weight_gradient_operations(dy: Any, x: Any, kernel: Any, stride: Any, **_: Any) -> int:
    return int(2 * math.prod(dy) * math.prod(kernel))
