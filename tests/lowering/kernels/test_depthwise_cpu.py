"""Convolutions in the channels-last ways against torch's own: values, gradients, layout, and when they apply."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.lowering import Model
from tsdsl.lowering import run as interpreter
from tsdsl.lowering.ops import convolution as module
from tsdsl.lowering.ops.convolution import convolution, linear, plain_convolution
from tsdsl.lowering.ops.depthwise import depthwise_convolution
from tsdsl.lowering.ops.planar import planar_convolution

SIZES = [(2, 18, 4, 8, 8), (1, 5, 3, 7, 9), (3, 16, 2, 6, 5), (2, 4, 1, 3, 1), (2, 1, 5, 4, 6)]
DEPTHWISE = list(itertools.product((1, 3, 5), (3, 5, 7), (1, 2)))
FULL = [
    ((1, 1, 1), (1, 1, 1)),
    ((1, 1, 1), (1, 2, 2)),
    ((1, 1, 1), (2, 1, 3)),
    ((1, 3, 3), (1, 1, 1)),
    ((1, 3, 5), (1, 2, 2)),
    ((1, 3, 3), (2, 2, 1)),
    ((3, 1, 1), (1, 1, 1)),
    ((5, 1, 1), (4, 1, 1)),
    ((3, 1, 1), (2, 2, 2)),
    ((3, 3, 3), (1, 2, 2)),
]
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-10}


def drawn(*sizes, dtype=torch.float64, seed=0):
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def results(function, x, weight, stride, depthwise, bias=None):
    """Values and gradients under an uneven gradient of the output."""
    leaves = [a.detach().clone().requires_grad_() for a in (x, weight, *(() if bias is None else (bias,)))]
    y = function(leaves[0], leaves[1], leaves[2] if bias is not None else None, stride, depthwise)
    y.backward(drawn(*y.shape, dtype=y.dtype, seed=9))
    return [y, *(leaf.grad for leaf in leaves)]


def check(x, weight, stride, depthwise, bias=None):
    found = results(convolution, x, weight, stride, depthwise, bias)
    expected = results(plain_convolution, x, weight, stride, depthwise, bias)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        scale = max(1.0, b.abs().max().item())
        torch.testing.assert_close(a, b, atol=TOLERANCES[x.dtype] * scale, rtol=0)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("frames", "size", "stride"), DEPTHWISE)
def test_depthwise_values_and_gradients_are_torchs(dtype, frames, size, stride):
    for sizes in SIZES:
        x, weight = drawn(*sizes, dtype=dtype), drawn(sizes[1], 1, frames, size, size, dtype=dtype, seed=1)
        check(x, weight, (1, stride, stride), True)


def test_depthwise_kernels_and_strides_need_not_be_square():
    for kernel, stride in itertools.product([(3, 3, 5), (1, 5, 1), (5, 1, 1)], [(1, 1, 2), (1, 3, 1), (2, 1, 1)]):
        check(drawn(2, 4, 4, 7, 8), drawn(4, 1, *kernel, seed=1), stride, True, drawn(4, seed=2))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("kernel", "stride"), FULL)
def test_full_values_and_gradients_are_torchs(dtype, kernel, stride):
    for sizes, outputs in itertools.product(SIZES, (3, 20)):
        x, weight = drawn(*sizes, dtype=dtype), drawn(outputs, sizes[1], *kernel, dtype=dtype, seed=1)
        check(x, weight, stride, False, drawn(outputs, dtype=dtype, seed=2))


@pytest.mark.parametrize("sizes", [(1, 2, 4, 8), (3, 1, 7, 9), (1, 1, 13, 37), (5, 4, 5, 3)])
def test_point_wise_values_and_gradients_are_torchs_for_any_number_of_positions(sizes):
    for inputs, outputs in ((6, 3), (6, 24), (70, 66)):
        x = drawn(sizes[0], inputs, *sizes[1:], dtype=torch.float32)
        check(x, drawn(outputs, inputs, 1, 1, 1, dtype=torch.float32, seed=1), (1, 1, 1), False)


def test_point_wise_gradients_of_a_weight_larger_than_the_activations_are_torchs():
    x = drawn(2, 200, 2, 6, 6, dtype=torch.float32)
    check(x, drawn(1000, 200, 1, 1, 1, dtype=torch.float32, seed=1), (1, 1, 1), False)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("positions", "inputs", "outputs"), [((2, 80), 20, 30), ((2, 80), 300, 400), ((3, 7), 5, 6)])
def test_a_linear_map_and_its_gradients_are_torchs(positions, inputs, outputs, dtype):
    given = [drawn(inputs, *positions, dtype=dtype).movedim(0, -1), drawn(outputs, inputs, dtype=dtype, seed=1)]
    given.append(drawn(outputs, dtype=dtype, seed=2))
    found = []
    for function in (linear, torch.nn.functional.linear):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        y = function(*leaves)
        y.backward(drawn(*y.shape, dtype=dtype, seed=3))
        found.append([y, *(leaf.grad for leaf in leaves)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=TOLERANCES[dtype] * max(1.0, b.abs().max().item()), rtol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_results_are_in_channels_last_layout_whatever_the_input_is_in(layout):
    x = drawn(2, 4, 4, 6, 6, dtype=torch.float32).contiguous(memory_format=layout)
    for kernel, depthwise in itertools.product([(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)], (False, True)):
        weight = drawn(4 if depthwise else 8, 1 if depthwise else 4, *kernel, dtype=torch.float32)
        y = convolution(x, weight, depthwise=depthwise)
        assert y.is_contiguous(memory_format=torch.channels_last_3d), (kernel, depthwise)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("kernel", [(1, 3, 3), (3, 3, 3), (1, 3, 5)])
def test_depthwise_has_first_and_second_derivatives(kernel, stride):
    x, weight = drawn(2, 2, 2, 3, 4).requires_grad_(), drawn(2, 1, *kernel).requires_grad_()
    arguments = (lambda x, weight: depthwise_convolution(x, weight, stride), (x, weight))
    assert torch.autograd.gradcheck(*arguments)
    assert torch.autograd.gradgradcheck(*arguments)


@pytest.mark.parametrize(("kernel", "stride"), [((3, 1, 1), (1, 1, 1)), ((3, 1, 1), (2, 1, 1)), ((1, 3, 3), (1, 2, 2))])
def test_planar_has_first_and_second_derivatives(kernel, stride):
    x, weight = drawn(2, 2, 3, 3, 2).requires_grad_(), drawn(3, 2, *kernel).requires_grad_()
    arguments = (lambda x, weight: planar_convolution(x, weight, stride), (x, weight))
    assert torch.autograd.gradcheck(*arguments)
    assert torch.autograd.gradgradcheck(*arguments)


def test_gradients_of_each_sample_by_vmap_are_those_of_single_clips():
    x, weight = drawn(3, 4, 2, 5, 5), drawn(4, 1, 3, 3, 3)

    def loss(weight, clip):
        return convolution(clip[None], weight, stride=(1, 2, 2), depthwise=True).square().sum()

    together = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weight, x)
    alone = torch.stack([torch.func.grad(loss)(weight, clip) for clip in x])
    torch.testing.assert_close(together, alone)


def test_only_the_gradients_asked_for_are_computed():
    x, weight = drawn(2, 4, 3, 5, 5), drawn(4, 1, 3, 5, 5)
    for kernel, depthwise in ((weight, True), (drawn(4, 4, 3, 1, 1), False)):
        frozen = kernel.clone().requires_grad_(False)
        moving = x.clone().requires_grad_()
        convolution(moving, frozen, depthwise=depthwise).sum().backward()
        assert moving.grad is not None
        assert frozen.grad is None


@pytest.mark.parametrize(
    ("kernel", "depthwise"), [((3, 5, 5), True), ((1, 3, 3), True), ((1, 1, 1), False), ((3, 1, 1), False)]
)
def test_a_forward_pass_costs_what_torchs_own_does(kernel, depthwise):
    x, weight = drawn(2, 4, 4, 7, 7), drawn(4, 1 if depthwise else 4, *kernel).requires_grad_()
    counts = []
    for function in (convolution, plain_convolution):
        with FlopCounterMode(display=False) as counter:
            function(x, weight, None, (1, 1, 1), depthwise)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("case", ["meta", "bfloat16", "autocast", "even kernel"])
def test_what_was_not_measured_keeps_torchs_convolution(case, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("taken")

    for name in ("depthwise_convolution", "planar_convolution"):
        monkeypatch.setattr(module, name, refuse)
    size = 2 if case == "even kernel" else 3
    dtype = torch.bfloat16 if case == "bfloat16" else torch.float32
    device = "meta" if case == "meta" else "cpu"
    x, weight = (
        torch.ones(1, 2, 2, 4, 4, dtype=dtype, device=device),
        torch.ones(2, 1, 1, size, size, dtype=dtype, device=device),
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        convolution(x, weight, depthwise=True)
    if case == "meta":
        with pytest.raises(AssertionError, match="taken"):
            convolution(torch.ones(1, 2, 2, 4, 4), torch.ones(2, 1, 1, 3, 3), depthwise=True)


def test_a_models_scores_and_gradients_are_those_of_torchs_convolutions(small_blueprint, draw, monkeypatch):
    for seed in range(4):
        model = Model(small_blueprint.network(draw(small_blueprint.space, seed)), seed=0).double()
        clip = drawn(3, 3, model.network.frames, 15, 17, seed=seed)
        found = []
        for function in (convolution, plain_convolution):
            monkeypatch.setattr(interpreter, "convolution", function)
            model.zero_grad()
            scores = model(clip)
            scores.square().sum().backward()
            found.append([scores, *(p.grad.clone() for p in model.parameters())])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, atol=1e-10 * max(1.0, b.abs().max().item()), rtol=0)


def test_a_models_gradients_in_float32_are_those_of_torchs_convolutions_in_float64(small_blueprint, draw, monkeypatch):
    """With BN at fixed statistics: those of a small batch amplify any rounding, torch's own as well."""
    for seed in range(4):
        model = Model(small_blueprint.network(draw(small_blueprint.space, seed)), seed=0).eval()
        clip = drawn(3, 3, model.network.frames, 32, 32, dtype=torch.float32, seed=seed)
        found = []
        for function, dtype in ((convolution, torch.float32), (plain_convolution, torch.float64)):
            monkeypatch.setattr(interpreter, "convolution", function)
            model.to(dtype).zero_grad()
            model(clip.to(dtype)).square().sum().backward()
            found.append(torch.cat([p.grad.double().flatten() for p in model.parameters()]))
        assert (found[0] - found[1]).norm() < 1e-4 * found[1].norm()
