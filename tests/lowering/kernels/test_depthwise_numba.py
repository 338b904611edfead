"""The kernels that numba compiles for the CPU, against torch's convolution in float64."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.lowering.kernels import choice
from tsdsl.lowering.kernels.cpu import compiled
from tsdsl.lowering.kernels.cpu import depthwise as depthwise_numba
from tsdsl.lowering.ops.convolution import convolution, plain_convolution

pytestmark = pytest.mark.skipif(
    choice.kernels_of("cpu") != choice.NUMBA,
    reason="waits for numba and a processor with AVX2 or AVX-512",
)
KERNELS = [(depth, size, size) for depth, size in itertools.product((1, 3, 5), (3, 5))]
# C, T, H, W: ragged, more channels than a vector has, smaller than any kernel, wider than a block of columns.
SIZES = ((5, 3, 7, 6), (70, 1, 1, 2), (16, 4, 9, 19), (24, 2, 3, 3), (1, 6, 2, 1))
TOLERANCE = 1e-5


@pytest.fixture(params=[2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def inputs(sizes, kernel, batch=2):
    generator = torch.Generator().manual_seed(sum(sizes))
    x_BTHWC = torch.randn(batch, *sizes[1:], sizes[0], generator=generator, dtype=torch.float64)
    return x_BTHWC.permute(0, 4, 1, 2, 3), torch.randn(sizes[0], 1, *kernel, generator=generator, dtype=torch.float64)


def found_and_expected(x, weight, stride):
    """Values and gradients of our kernels in float32 and of torch's convolution in float64."""
    found = []
    for dtype, function in ((torch.float32, convolution), (torch.float64, plain_convolution)):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in (x, weight)]
        y = function(*leaves, None, (1, *stride), True)
        dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
        found.append([y, *torch.autograd.grad(y, leaves, dy)])
    return found


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_and_gradients_are_those_of_float64(kernel, stride):
    for sizes in SIZES:
        for mine, theirs in zip(*found_and_expected(*inputs(sizes, kernel), stride), strict=True):
            assert mine.shape == theirs.shape
            scale = max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_several_threads_give_what_one_gives(stride, threads):
    found = {}
    for number in (1, threads):
        torch.set_num_threads(number)
        found[number] = [found_and_expected(*inputs(sizes, (3, 5, 5)), stride)[0] for sizes in SIZES[:3]]
    for one, several in zip(found[1], found[threads], strict=True):
        # Values and the gradient of the input are each summed by one thread.
        assert torch.equal(one[0], several[0])
        assert torch.equal(one[1], several[1])
        torch.testing.assert_close(one[2], several[2], rtol=0, atol=TOLERANCE * one[2].abs().max().item())


@pytest.mark.parametrize("case", ["channels first", "transposed", "every other row", "expanded", "flipped weight"])
def test_inputs_may_lie_in_memory_in_any_way(case):
    x, weight = inputs((20, 3, 8, 8), (3, 3, 3))
    x = {
        "channels first": lambda: x.contiguous(),
        "transposed": lambda: x.transpose(3, 4),
        "every other row": lambda: x[:, :, :, ::2],
        "expanded": lambda: x[:, :, :1].expand_as(x),
    }.get(case, lambda: x)()
    weight = weight.flip(2) if case == "flipped weight" else weight
    for mine, theirs in zip(*found_and_expected(x, weight, (2, 2)), strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=1e-4)


def test_results_do_not_change_from_one_call_to_the_next(threads):
    x, weight = inputs((40, 4, 9, 9), (5, 5, 5), batch=3)
    first, second = (found_and_expected(x, weight, (1, 1))[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_the_kernels_are_not_made_for_never_reaches_them(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("taken")

    for name in ("forward", "input_gradient", "weight_gradient"):
        monkeypatch.setattr(depthwise_numba, name, refuse)
    x, weight = inputs((4, 3, 6, 6), (3, 3, 3))
    single = x.float(), weight.float()
    convolution(x, weight, depthwise=True)
    convolution(single[0], single[1][..., :1], depthwise=True)
    convolution(single[0], torch.ones(4, 1, 1, 7, 7), depthwise=True)
    for stride in ((1, 2, 1), (1, 3, 3), (2, 1, 1)):
        convolution(*single, stride=stride, depthwise=True)
    convolution(single[0][:0], single[1], depthwise=True)
    with pytest.raises(AssertionError, match="taken"):
        convolution(*single, depthwise=True)


def test_second_derivatives_are_torchs():
    x, weight = (tensor.float().requires_grad_() for tensor in inputs((4, 2, 4, 4), (3, 3, 3), batch=1))
    found = []
    for function in (convolution, plain_convolution):
        (dx,) = torch.autograd.grad(function(x, weight, depthwise=True).pow(3).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), (x, weight)))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


def test_gradients_of_each_sample_by_vmap_are_those_of_single_clips():
    x, weight = (tensor.float() for tensor in inputs((4, 2, 5, 5), (3, 3, 3), batch=3))

    def loss(weight, clip):
        return convolution(clip[None], weight, stride=(1, 2, 2), depthwise=True).square().sum()

    together = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weight, x)
    alone = torch.stack([torch.func.grad(loss)(weight, clip) for clip in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_operations_are_counted():
    x, weight = (tensor.float() for tensor in inputs((4, 4, 7, 7), (3, 5, 5)))
    counts = []
    for function in (convolution, plain_convolution):
        with FlopCounterMode(display=False) as counter:
            function(x, weight, None, (1, 2, 2), True)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", ["depthwise_conv3d_input_gradient", "depthwise_conv3d_weight_gradient"])
def test_a_gradient_knows_its_shape_without_data(name):
    x, weight = (tensor.float() for tensor in inputs((4, 3, 7, 6), (3, 5, 5)))
    dy = plain_convolution(x, weight, None, (1, 2, 2), True)
    arguments = (dy, weight, x.shape[2:]) if "input" in name else (dy, x, weight.shape[2:])
    torch.library.opcheck(getattr(torch.ops.tsdsl, name), (*arguments, (1, 2, 2)), test_utils=("test_faketensor",))


def test_a_process_without_numba_uses_torchs_convolutions(monkeypatch):
    x, weight = inputs((6, 3, 6, 6), (3, 3, 3))
    monkeypatch.setattr(choice, "kernels_of", lambda device_type: "torch (numba is not installed)")
    monkeypatch.setattr(compiled, "run_kernel", None)
    for mine, theirs in zip(*found_and_expected(x, weight, (1, 1)), strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=1e-4)


COMPILES = """
import sys
import torch
import tsdsl.lowering.kernels.cpu.compiled as compiled
from tsdsl.lowering.ops.convolution import convolution
x, weight = torch.ones(1, 2, 1, 4, 4), torch.ones(2, 1, 1, 3, 3)
print(convolution(x, weight, depthwise=True).sum().item())
"""


def test_kernels_are_compiled_where_no_disk_takes_them(tmp_path):
    read_only = tmp_path / "nothing"
    read_only.write_text("a file, in which no folder can be made")
    # numba takes no other place where this one is named.
    environment = os.environ | {"NUMBA_CACHE_DIR": str(read_only / "cache"), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", COMPILES], env=environment, capture_output=True, text=True, check=True)
    assert (
        float(run.stdout)
        == float(F.conv3d(torch.ones(1, 1, 1, 4, 4), torch.ones(1, 1, 1, 3, 3), padding=(0, 1, 1)).sum()) * 2
    )


def test_several_processes_may_compile_at_once(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen([sys.executable, "-c", COMPILES], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert len({run.communicate()[0] for run in runs}) == 1
    assert all(run.returncode == 0 for run in runs)
    assert list(Path(tmp_path).rglob("*.nbi"))
