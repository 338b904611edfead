"""Whether a compiled kernel can be used: by device, precision, shape, and whether a program is being recorded.

Compiling and exporting always see torch's own operators, so that what is exported needs no tsdsl.

Shapes: B clips, C channels, T frames, H rows, W columns; D, R, S a kernel's sizes in time, rows and columns; E = 1.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import os

import torch
from torch import Tensor

TORCH = "torch"
TRITON = "triton"
NUMBA = "numba"
COMPILED_TAPS = (3, 5)
"""Rows and columns of the depthwise kernels that numba's are made and measured for."""
MAX_TAPS = 125
"""5 x 5 x 5: Triton's kernels unroll taps, and more of them compile slowly."""
CHANNELS_PER_THREAD = 16
"""The channels of a vector, which normalisation needs for each thread but one."""


@functools.cache
def kernels_of(device_type: str) -> str:
    """Whose kernels a kind of device uses, chosen once in a process; a run's record holds it.

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


def is_recorded() -> bool:
    """Whether a program is being compiled, traced or exported, which needs torch's own operators."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def channels_last_pays(x: Tensor, weight: Tensor) -> bool:
    """Whether the CPU's own ways, in channels-last memory, may be taken: where they were measured."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and weight.dtype == x.dtype
        and not torch.is_autocast_enabled("cpu")
        and not is_recorded()
    )


def takes_depthwise(x_BCTHW: Tensor, weight_CEDRS: Tensor, stride: tuple[int, int, int]) -> bool:
    """Whether a compiled depthwise convolution takes these, on the device where they are."""
    kernel = depth, rows, columns = tuple(weight_CEDRS.shape[2:])
    if x_BCTHW.device.type == "cuda":
        return kernels_of("cuda") == TRITON and math.prod(kernel) <= MAX_TAPS and all(size % 2 for size in kernel)
    return (
        _takes_floats(x_BCTHW)
        and depth % 2 == 1
        and rows == columns
        and rows in COMPILED_TAPS
        and stride in ((1, 1, 1), (1, 2, 2))
    )


def takes_product(x: Tensor) -> bool:
    """Whether compiled products of matrices take `x` on the CPU."""
    return _takes_floats(x)


def takes_norm(x_BCTHW: Tensor, weight_C: Tensor) -> bool:
    """Whether compiled batch normalisation takes it: more than one position, and channels for all threads."""
    return (
        _takes_floats(x_BCTHW)
        and x_BCTHW.numel() > x_BCTHW.shape[1]
        and channels_last_pays(x_BCTHW, weight_C)
        and x_BCTHW.shape[1] >= CHANNELS_PER_THREAD * (torch.get_num_threads() - 1)
    )


def takes_update(weight: Tensor) -> bool:
    """Whether the compiled step of SGD takes a weight."""
    return weight.is_cpu and _takes_floats(weight) and weight.is_contiguous()


def _takes_floats(x: Tensor) -> bool:
    return x.dtype == torch.float32 and x.numel() > 0 and kernels_of("cpu") == NUMBA
