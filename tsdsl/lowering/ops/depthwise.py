"""Depthwise convolutions on the CPU: compiled kernels that take them, else gradients made of what oneDNN is fast at.

oneDNN's 3D backward pass takes 10 to 40 times as long as the forward pass. With compiled kernels a gradient takes about
as long as a forward pass. Without them, the gradient of the input is a forward pass with the flipped kernel, over a
gradient with zeros between its elements if the stride is 2. The gradient of the weight is one 2D gradient for each of
the kernel's frames, and for each 3 of its columns, because oneDNN's fast ones have at most 3. A kernel of one frame is
simply a 2D convolution. Only the order of summation differs from torch's. Own design; measured in
tests/benchmarks/depthwise_cpu.py.

Shapes: B clips, C channels, T frames, H rows, W columns; D, R, S the kernel's sizes in time, rows and
columns; N the batch of a 2D convolution; E that of a kernel's filters, 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from tsdsl.lowering.kernels.choice import takes_depthwise
from tsdsl.lowering.kernels.operators import OPERATORS
from tsdsl.lowering.ops.function import Function

FAST_COLUMNS = 3


def depthwise_convolution(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int]) -> Tensor:
    """The convolution with odd kernel sizes, padding size // 2 and a stride in rows and columns."""
    is_compiled = takes_depthwise(x_BCTHW, weight_CEDRS, (1, *stride))
    y_BCTHW: Tensor = _Depthwise.apply(channels_last(x_BCTHW), weight_CEDRS, stride, is_compiled)
    return y_BCTHW


def channels_last(x_BCTHW: Tensor) -> Tensor:
    """`x_BCTHW` in that layout, without a copy if possible. torch's own conversion does not work under vmap."""
    return x_BCTHW.permute(0, 2, 3, 4, 1).contiguous().permute(0, 4, 1, 2, 3)


class _Depthwise(Function):
    """Depthwise convolution in channels-last layout."""

    @staticmethod
    def forward(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int], is_compiled: bool) -> Tensor:
        if is_compiled:
            y_BCTHW: Tensor = OPERATORS.depthwise_conv3d(x_BCTHW, weight_CEDRS, (1, *stride))
            return y_BCTHW
        return _forward(x_BCTHW, weight_CEDRS, stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x_BCTHW, weight_CEDRS, ctx.stride, ctx.is_compiled = inputs
        ctx.save_for_backward(x_BCTHW, weight_CEDRS)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x_BCTHW, weight_CEDRS = ctx.saved_tensors
        needs_x, needs_weight, *_ = ctx.needs_input_grad
        dy_BCTHW = channels_last(gradients[0])
        dx: Tensor | None = None
        dweight: Tensor | None = None
        if ctx.is_compiled and not torch.is_grad_enabled():  # compiled gradients have no gradient of their own
            stride, kernel = (1, *ctx.stride), weight_CEDRS.shape[2:]
            if needs_x:
                dx = OPERATORS.depthwise_conv3d_input_gradient(dy_BCTHW, weight_CEDRS, x_BCTHW.shape[2:], stride)
            if needs_weight:
                dweight = OPERATORS.depthwise_conv3d_weight_gradient(dy_BCTHW, x_BCTHW, kernel, stride)
            return dx, dweight, None, None
        if needs_x:
            dx = _input_gradient(dy_BCTHW, x_BCTHW, weight_CEDRS, ctx.stride)
        if needs_weight:
            dweight = _weight_gradient(dy_BCTHW, x_BCTHW, weight_CEDRS, ctx.stride)
        return dx, dweight, None, None


def _forward(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int]) -> Tensor:
    channels, _, frames, rows, columns = weight_CEDRS.shape
    padding = (rows // 2, columns // 2)
    if frames > 1:
        all_padding = (frames // 2, *padding)
        return channels_last(F.conv3d(x_BCTHW, weight_CEDRS, None, (1, *stride), all_padding, groups=channels))
    y_NCHW = F.conv2d(_frames(x_BCTHW), weight_CEDRS[:, :, 0], None, stride, padding, groups=channels)
    return _clips(y_NCHW, x_BCTHW.shape[0])


def _input_gradient(dy_BCTHW: Tensor, x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int]) -> Tensor:
    channels, _, frames, rows, columns = weight_CEDRS.shape
    if stride == (1, 1):
        return _forward(dy_BCTHW, weight_CEDRS.flip(2, 3, 4), stride)
    if frames > 1:
        batch, _, _, height, width = x_BCTHW.shape
        spread_BTHWC = dy_BCTHW.new_zeros((batch, dy_BCTHW.shape[2], height, width, channels))
        spread_BCTHW = spread_BTHWC.permute(0, 4, 1, 2, 3)
        spread_BCTHW[:, :, :, :: stride[0], :: stride[1]] = dy_BCTHW
        return _forward(spread_BCTHW, weight_CEDRS.flip(2, 3, 4), (1, 1))
    dx_NCHW: Tensor = torch.ops.aten.convolution_backward(
        _frames(dy_BCTHW),
        _frames(x_BCTHW),
        weight_CEDRS[:, :, 0],
        None,
        stride,
        (rows // 2, columns // 2),
        [1, 1],
        False,
        [0, 0],
        channels,
        [True, False, False],
    )[0]
    return _clips(dx_NCHW, x_BCTHW.shape[0])


def _weight_gradient(dy_BCTHW: Tensor, x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int]) -> Tensor:
    """Time comes first in memory, so that the frames for a tap of the kernel are contiguous."""
    kernel_frames, rows, columns = weight_CEDRS.shape[2:]
    dy_TBHWC = dy_BCTHW.permute(2, 0, 3, 4, 1)
    x_TBHWC = x_BCTHW.permute(2, 0, 3, 4, 1)
    if kernel_frames == 1:
        # The order of frames does not matter: take the one in memory, as a single clip of B * T frames.
        dy_TBHWC, x_TBHWC = (a.transpose(0, 1).flatten(0, 1)[:, None] for a in (dy_TBHWC, x_TBHWC))
    dy_TBHWC = dy_TBHWC.contiguous()
    parts = []
    for first in range(0, columns, FAST_COLUMNS):
        count = min(FAST_COLUMNS, columns - first)
        if columns <= FAST_COLUMNS:
            met_TBHWC, padding = x_TBHWC.contiguous(), (rows // 2, columns // 2)
        else:
            width = (dy_TBHWC.shape[3] - 1) * stride[1] + count
            met_TBHWC, padding = _columns(x_TBHWC, first - columns // 2, width), (rows // 2, 0)
        taps = [
            _tap_gradient(dy_TBHWC, met_TBHWC, tap - kernel_frames // 2, (rows, count), stride, padding)
            for tap in range(kernel_frames)
        ]
        parts.append(torch.stack(taps, 2))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 4)


def _tap_gradient(
    dy_TBHWC: Tensor,
    x_TBHWC: Tensor,
    shift: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """The gradient C x 1 x R x S of the part of the kernel that reads `shift` frames ahead."""
    frames, _, _, _, channels = x_TBHWC.shape
    first, last = max(0, -shift), min(frames, frames - shift)
    sizes = (channels, 1, *kernel)
    if first >= last:
        return x_TBHWC.new_zeros(sizes)
    dy_NCHW = dy_TBHWC[first:last].flatten(0, 1).permute(0, 3, 1, 2)
    x_NCHW = x_TBHWC[first + shift : last + shift].flatten(0, 1).permute(0, 3, 1, 2)
    dweight_CERS: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        x_NCHW, sizes, dy_NCHW, stride, padding, groups=channels
    )
    return dweight_CERS


def _columns(x_TBHWC: Tensor, first: int, width: int) -> Tensor:
    """A copy of the columns first .. first + width - 1, zero outside of the tensor."""
    frames, batch, rows, columns, channels = x_TBHWC.shape
    left, right = max(0, -first), min(width, columns - first)
    copy_TBHWC = x_TBHWC.new_empty((frames, batch, rows, width, channels))
    copy_TBHWC[:, :, :, :left] = 0
    copy_TBHWC[:, :, :, right:] = 0
    copy_TBHWC[:, :, :, left:right] = x_TBHWC[:, :, :, first + left : first + right]
    return copy_TBHWC


def _frames(x_BCTHW: Tensor) -> Tensor:
    """The frames of all clips as a batch of images; a view."""
    return x_BCTHW.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)


def _clips(y_NCHW: Tensor, batch: int) -> Tensor:
    """The inverse of `_frames`."""
    y_NHWC = y_NCHW.permute(0, 2, 3, 1)
    return y_NHWC.reshape(batch, -1, *y_NHWC.shape[1:]).permute(0, 4, 1, 2, 3)
