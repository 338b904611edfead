"""The Triton kernels, run by Triton's interpreter on the CPU, against torch's convolution in float64."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.lowering.kernels import choice, operators
from tsdsl.lowering.ops import convolution as convolutions

SIZES = ((5, 3, 7, 6), (70, 1, 1, 2), (8, 4, 9, 9))  # C, T, H, W: ragged, more channels than a block, odd
STRIDES = ((1, 1, 1), (1, 2, 2), (2, 2, 2))
# Of each kernel one case for the gate, with strides and sizes in turn; the interpreter takes a second for each.
CASES = [
    pytest.param(kernel, STRIDES[nth], SIZES[(turn + nth) % 3], marks=[] if nth == turn % 3 else pytest.mark.nightly)
    for turn, kernel in enumerate(product((1, 3, 5), (3, 5)))
    for nth in range(3)
]
CASES += [pytest.param((3, 3), (1, 2, 2), sizes, marks=pytest.mark.nightly) for sizes in SIZES]
needs_triton = pytest.mark.skipif(
    find_spec("triton") is None,
    reason='waits for triton: pip install --no-deps triton==3.6.0, or the group "triton" of pyproject.toml',
)


def inputs(channels=5, frames=3, rows=7, columns=6, kernel=(3, 3), dtype=torch.float64, batch=2):
    """A ragged clip with its channels last, and a depthwise weight."""
    generator = torch.Generator().manual_seed(channels + rows)
    x_BTHWC = torch.randn(batch, frames, rows, columns, channels, generator=generator, dtype=torch.float64)
    weight = torch.randn(channels, 1, kernel[0], kernel[1], kernel[1], generator=generator, dtype=torch.float64)
    return x_BTHWC.permute(0, 4, 1, 2, 3).to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()


def reference(x, weight, stride):
    padding = tuple(size // 2 for size in weight.shape[2:])
    return F.conv3d(x, weight, None, stride, padding, groups=x.shape[1])


if os.environ.get("TRITON_INTERPRET") == "1" and find_spec("triton") is not None:

    @pytest.mark.parametrize(("kernel", "stride", "sizes"), CASES)
    def test_values_and_gradients_are_those_of_float64(kernel, stride, sizes):
        x, weight = inputs(*sizes, kernel=kernel)
        expected = reference(x, weight, stride)
        dy = torch.randn(expected.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        gradients = torch.autograd.grad(expected, (x, weight), dy)
        for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-4)):
            narrow = [tensor.detach().to(dtype).requires_grad_() for tensor in (x, weight)]
            found = operators.depthwise_convolution(*narrow, stride)
            torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
            for mine, theirs in zip(torch.autograd.grad(found, narrow, dy.to(dtype)), gradients, strict=True):
                torch.testing.assert_close(mine.double(), theirs, rtol=tolerance, atol=tolerance)

    def test_half_precision_is_summed_in_single():
        x, weight = inputs(kernel=(5, 5), dtype=torch.bfloat16)
        found = operators.depthwise_convolution(x, weight, (1, 1, 1)).detach()
        exact = reference(x.double(), weight.double(), (1, 1, 1)).detach()
        assert found.dtype == torch.bfloat16
        assert float((found.double() - exact).abs().max() / exact.abs().max()) < 2**-7

    def test_the_result_has_its_channels_last():
        x, weight = inputs()
        found = operators.depthwise_convolution(x.contiguous(), weight, (1, 2, 2))
        assert found.permute(0, 2, 3, 4, 1).is_contiguous()

    def test_autocast_makes_it_half_precision():
        x, weight = inputs(dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = operators.depthwise_convolution(x, weight, (1, 1, 1))
        assert found.dtype == torch.bfloat16
        found.sum().backward()
        assert (x.grad.dtype, weight.grad.dtype) == (torch.float32, torch.float32)

    @pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2)])
    def test_operations_are_counted_as_those_of_the_convolution_and_as_many_for_each_gradient(stride):
        x, weight = inputs(dtype=torch.float32)
        with FlopCounterMode(display=False) as torchs:
            reference(x, weight, stride)
        with FlopCounterMode(display=False) as forward:
            y = operators.depthwise_convolution(x, weight, stride)
        with FlopCounterMode(display=False) as backward:
            y.sum().backward()
        assert forward.get_total_flops() == torchs.get_total_flops() > 0
        assert backward.get_total_flops() == 2 * forward.get_total_flops()

    def test_the_operator_is_consistent_with_its_registrations():
        x, weight = inputs(channels=2, frames=2, rows=3, columns=3, dtype=torch.float64)
        checks = ("test_schema", "test_autograd_registration", "test_faketensor")
        torch.library.opcheck(torch.ops.tsdsl.depthwise_conv3d.default, (x, weight, [1, 2, 2]), test_utils=checks)
        assert torch.autograd.gradcheck(
            lambda a, b: operators.depthwise_convolution(a, b, (1, 2, 2)), (x, weight), fast_mode=True
        )

else:

    @needs_triton
    @pytest.mark.parametrize("marked", ["not nightly", pytest.param("nightly", marks=pytest.mark.nightly)])
    def test_kernels_in_the_interpreter(marked):
        """The tests above, in a process whose Triton interprets: it must know before it is imported."""
        environment = os.environ | {"TRITON_INTERPRET": "1"}
        named = f"{__file__}::test_values_and_gradients_are_those_of_float64" if marked == "nightly" else __file__
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", marked, named]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_shapes_without_data_are_those_of_the_convolution(stride):
    x, weight = (tensor.detach().to("meta").requires_grad_() for tensor in inputs())
    found = operators.depthwise_convolution(x, weight, stride)
    assert found.shape == reference(x, weight, stride).shape
    found.sum().backward()
    assert (x.grad.shape, weight.grad.shape) == (x.shape, weight.shape)


def test_the_operator_can_be_exported():
    class Layer(torch.nn.Module):
        def forward(self, x, weight):
            return operators.depthwise_convolution(x, weight, (1, 2, 2))

    x, weight = (tensor.detach() for tensor in inputs(dtype=torch.float32))
    program = torch.export.export(Layer(), (x, weight))
    assert "tsdsl.depthwise_conv3d" in str(program.graph)


def test_what_is_exported_of_a_model_is_torchs_convolution():
    class Layer(torch.nn.Module):
        def forward(self, x, weight):
            return convolutions.convolution(x, weight, None, (1, 2, 2), depthwise=True)

    with patch.object(convolutions, "kernels_of", lambda device_type: choice.TRITON):
        program = torch.export.export(Layer(), tuple(t.detach() for t in inputs(dtype=torch.float32)))
    assert "tsdsl" not in str(program.graph)
    assert "conv3d" in str(program.graph)


def test_a_machine_without_triton_or_numba_says_why_it_uses_torchs_kernels():
    choice.kernels_of.cache_clear()
    with patch.object(choice.importlib.util, "find_spec", lambda name: None):
        assert choice.kernels_of("cuda") == "torch (triton is not installed)"
        assert choice.kernels_of("cpu") == "torch (numba is not installed)"
    choice.kernels_of.cache_clear()
    assert choice.kernels_of("meta") == "torch"
