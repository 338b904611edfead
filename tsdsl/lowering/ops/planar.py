"""Full convolutions that are flat in time or in space, as 2D convolutions; point-wise ones are both.

A 1 x k x k kernel treats frames separately, so the frames are folded into the batch. A t x 1 x 1 kernel treats
positions separately, so rows and columns are folded into one axis. Both are views in channels-last layout. With
stride 1 the gradients are forward passes, or have the wider side as output, which is fast in oneDNN: 3D convolutions
took 3 to 14 times as long forward and backward for t x 1 x 1 (own measurements, tests/benchmarks/depthwise_cpu.py).
Point-wise ones, 1 x 1 x 1, are products of matrices (`products`).

Shapes: B clips, C channels, T frames, H rows, W columns; O output channels, I input channels, D, R, S the
kernel's sizes in time, rows and columns. N, X, Y are the batch, rows and columns of the 2D convolution.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from tsdsl.lowering.ops.function import Function
from tsdsl.lowering.ops.products import pointwise

WIDEST_SWAPPED = 64
"""With more outputs than this, exchanging input and output gains nothing."""


def is_planar(kernel: tuple[int, ...]) -> bool:
    """Whether D x R x S is 1 x R x S or D x 1 x 1."""
    return kernel[0] == 1 or kernel[1:] == (1, 1)


def planar_convolution(x_BITHW: Tensor, weight_OIDRS: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """The convolution with odd kernel sizes and padding size // 2, in channels-last layout."""
    kernel = tuple(weight_OIDRS.shape[2:])
    x_BITHW, stride = _without_skipped(x_BITHW, kernel, stride)
    x_BTHWI = x_BITHW.permute(0, 2, 3, 4, 1).contiguous()
    batch, frames, rows, columns, _ = x_BTHWI.shape
    if kernel == (1, 1, 1):
        y_BTHWO = pointwise(x_BTHWI, weight_OIDRS.flatten(1))
    elif kernel[0] == 1:
        y_NXYO = _convolve(x_BTHWI.flatten(0, 1), weight_OIDRS.squeeze(2), stride[1:])
        y_BTHWO = y_NXYO.reshape(batch, frames, *y_NXYO.shape[1:])
    else:
        y_NXYO = _convolve(x_BTHWI.flatten(2, 3), weight_OIDRS.squeeze(4), (stride[0], 1))
        y_BTHWO = y_NXYO.reshape(batch, y_NXYO.shape[1], rows, columns, -1)
    return y_BTHWO.permute(0, 4, 1, 2, 3)


def _without_skipped(
    x_BITHW: Tensor, kernel: tuple[int, ...], stride: tuple[int, int, int]
) -> tuple[Tensor, tuple[int, int, int]]:
    """The positions that axes of kernel size 1 read, and the strides of the others."""
    frame, row, column = (step if size == 1 else 1 for step, size in zip(stride, kernel, strict=True))
    remaining = (stride[0] // frame, stride[1] // row, stride[2] // column)
    return x_BITHW[:, :, ::frame, ::row, ::column], remaining


def _convolve(x_NXYI: Tensor, weight_OIRS: Tensor, stride: tuple[int, int]) -> Tensor:
    y_NOXY: Tensor = _Planar.apply(x_NXYI.permute(0, 3, 1, 2), weight_OIRS, stride)
    return y_NOXY.permute(0, 2, 3, 1)


class _Planar(Function):
    """2D convolution in channels-last layout."""

    @staticmethod
    def forward(x_NIXY: Tensor, weight_OIRS: Tensor, stride: tuple[int, int]) -> Tensor:
        return F.conv2d(x_NIXY, weight_OIRS, None, stride, _padding(weight_OIRS))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x_NIXY, weight_OIRS, ctx.stride = inputs
        ctx.save_for_backward(x_NIXY, weight_OIRS)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x_NIXY, weight_OIRS = ctx.saved_tensors
        needs_x, needs_weight, _ = ctx.needs_input_grad
        dy_NOXY = gradients[0].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        if ctx.stride != (1, 1):
            return (*_strided_gradients(dy_NOXY, x_NIXY, weight_OIRS, ctx.stride, needs_x, needs_weight), None)
        padding = _padding(weight_OIRS)
        dx = F.conv2d(dy_NOXY, _flipped(weight_OIRS).transpose(0, 1), None, 1, padding) if needs_x else None
        return dx, _weight_gradient(dy_NOXY, x_NIXY, weight_OIRS) if needs_weight else None, None


def _weight_gradient(dy_NOXY: Tensor, x_NIXY: Tensor, weight_OIRS: Tensor) -> Tensor:
    """With stride 1 input and output can be exchanged; oneDNN is slower if the output is narrow."""
    outputs, inputs, rows, columns = weight_OIRS.shape
    is_swapped = outputs <= inputs and outputs <= WIDEST_SWAPPED
    sizes = (inputs, outputs, rows, columns) if is_swapped else (outputs, inputs, rows, columns)
    seen, produced = (dy_NOXY, x_NIXY) if is_swapped else (x_NIXY, dy_NOXY)
    found: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        seen, sizes, produced, 1, _padding(weight_OIRS)
    )
    return _flipped(found.transpose(0, 1)) if is_swapped else found


def _flipped(weight_OIRS: Tensor) -> Tensor:
    """The kernel with its rows and columns in reverse."""
    return weight_OIRS.flip(2, 3)


def _strided_gradients(
    dy_NOXY: Tensor,
    x_NIXY: Tensor,
    weight_OIRS: Tensor,
    stride: tuple[int, int],
    needs_x: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    dx, dweight, _ = torch.ops.aten.convolution_backward(
        dy_NOXY,
        x_NIXY,
        weight_OIRS,
        None,
        stride,
        _padding(weight_OIRS),
        [1, 1],
        False,
        [0, 0],
        1,
        [needs_x, needs_weight, False],
    )
    return dx, dweight


def _padding(weight_OIRS: Tensor) -> tuple[int, int]:
    return weight_OIRS.shape[2] // 2, weight_OIRS.shape[3] // 2
