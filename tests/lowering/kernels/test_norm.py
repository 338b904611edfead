"""Batch normalisation and the ReLU after it by numba's kernels, against torch's in float64."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tsdsl.lowering.kernels import choice
from tsdsl.lowering.kernels.cpu import norm as norm_numba
from tsdsl.lowering.ops import norm
from tsdsl.lowering.ops.activation import activation
from tsdsl.lowering.ops.norm import BatchNorm, batch_statistics

needs_numba = pytest.mark.skipif(
    choice.kernels_of("cpu") != choice.NUMBA,
    reason="waits for numba and a processor with AVX2 or AVX-512",
)
# B, C, T, H, W: few positions, ragged channels, more than go through registers together, more positions than a sum has.
SIZES = [
    (2, 5, 1, 1, 1),
    (2, 20, 3, 5, 7),
    (1, 70, 2, 3, 3),
    (2, 200, 1, 3, 4),
    (3, 17, 5, 11, 13),
    (2, 150, 4, 30, 31),
]


def drawn(*sizes, seed=0):
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def given(sizes):
    """A clip whose channels have other means and deviations than 0 and 1, weights of either sign, and biases."""
    channels = sizes[1]
    spread = drawn(channels, seed=1).exp()[:, None, None, None]
    return drawn(*sizes) * spread + 3 * spread, drawn(channels, seed=2), drawn(channels, seed=3)


def activated(x, weight, bias, then="none"):
    y, is_activated = batch_statistics("name", x, weight, bias, then)
    return y if is_activated else activation(y, then)


def reference(x, weight, bias, then):
    y = F.batch_norm(x, None, None, weight, bias, training=True, eps=norm.EPSILON)
    return {"relu": F.relu, "swish": F.silu, "none": lambda value: value}[then](y)


def found_and_expected(tensors, then):
    """Values and gradients of ours in float32 and of torch's in float64; the ReLU's kinks are not near any value."""
    found = []
    for dtype, function in (
        (torch.float32, lambda *leaves: activated(*leaves, then)),
        (torch.float64, lambda *leaves: reference(*leaves, then)),
    ):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in tensors]
        y = function(*leaves)
        dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
        away = (reference(*tensors, "none").abs() > 1e-3) if then == "relu" else torch.ones_like(dy)
        found.append([y, *torch.autograd.grad(y, leaves, (dy * away).to(dtype))])
    return found


@needs_numba
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("then", ["none", "relu", "swish"])
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients_are_those_of_float64(sizes, then, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    for mine, theirs in zip(*found_and_expected(given(sizes), then), strict=True):
        scale = max(1.0, theirs.abs().max().item())
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=2e-5 * scale)
    torch.set_num_threads(before)


@needs_numba
def test_inputs_may_lie_in_memory_in_any_way_and_results_have_their_channels_last():
    x, weight, bias = given((2, 20, 3, 6, 7))
    for layout in (x.contiguous(), x.transpose(3, 4), x[:, :, ::2], x[:, :, :1].expand_as(x)):
        for mine, theirs in zip(*found_and_expected((layout, weight, bias), "relu"), strict=True):
            scale = max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=2e-5 * scale)
        y = activated(layout.float(), weight.float(), bias.float(), "relu")
        assert y.permute(0, 2, 3, 4, 1).is_contiguous()


@needs_numba
def test_a_value_that_is_no_number_stays_one():
    x, weight, bias = (tensor.float() for tensor in given((2, 5, 1, 2, 2)))
    x[0, 3] = float("nan")
    y = activated(x, weight, bias, "relu")
    assert y[:, 3].isnan().all()
    assert not y[:, :3].isnan().any()


@needs_numba
def test_second_derivatives_are_torchs():
    tensors = given((2, 5, 2, 3, 3))
    found = []
    for dtype, function in (
        (torch.float32, lambda *leaves: activated(*leaves, "relu")),
        (torch.float64, lambda *leaves: reference(*leaves, "relu")),
    ):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in tensors]
        first = torch.autograd.grad(function(*leaves).pow(3).sum(), leaves, create_graph=True)
        found.append(torch.autograd.grad(first[0].square().sum() + first[1].sum(), leaves[:2]))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=1e-3 * theirs.abs().max().item())


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("then", ["none", "relu"])
def test_a_module_has_torchs_values_gradients_and_running_statistics_in_both_modes(momentum, then):
    ours, theirs = BatchNorm(20, momentum=momentum), nn.BatchNorm3d(20, momentum=momentum)
    for seed, training in itertools.product(range(2), (True, False)):
        x = drawn(2, 20, 2, 4, 5, seed=seed).float() + 1
        expected = theirs.train(training)(x)
        y = ours.train(training)(x, rectified=then == "relu")
        torch.testing.assert_close(y, F.relu(expected) if then == "relu" else expected, rtol=1e-4, atol=1e-5)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(dict(ours.named_buffers())[name], buffer, rtol=1e-5, atol=1e-6)
    ours.eval().load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("case", ["float64", "bfloat16", "autocast", "one position", "few channels for the threads"])
def test_what_the_kernels_are_not_made_for_keeps_torchs_normalisation(case, monkeypatch):
    monkeypatch.setattr(norm_numba, "forward", None)
    dtype = {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(case, torch.float32)
    x = drawn(2, 20, 1, 1 if case == "one position" else 2, 1).to(dtype)
    x = x[:1] if case == "one position" else x
    weight, bias = torch.ones(20, dtype=dtype), torch.zeros(20, dtype=dtype)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4 if case == "few channels for the threads" else 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        if case == "one position":
            with pytest.raises(ValueError, match="more than 1 value per channel"):
                activated(x, weight, bias)
        else:
            activated(x, weight, bias)


@needs_numba
@pytest.mark.parametrize("operator", ["batch_norm", "batch_norm_gradient"])
def test_an_operator_knows_its_shapes_without_data(operator):
    x, weight, bias = drawn(7, 5).float(), torch.ones(5), torch.zeros(5)
    forward = operator == "batch_norm"
    arguments = (x, weight, bias, 1e-5, True) if forward else (x, x, weight, bias, torch.ones(2, 5), True)
    torch.library.opcheck(getattr(torch.ops.tsdsl, operator), arguments, test_utils=("test_faketensor", "test_schema"))


@needs_numba
def test_gradients_of_each_sample_by_vmap_are_those_of_single_clips():
    x, weight, bias = (tensor.float() for tensor in given((3, 5, 2, 3, 3)))

    def loss(weight, clip):
        return activated(clip[None], weight, bias, "relu").square().sum()

    together = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weight, x)
    alone = torch.stack([torch.func.grad(loss)(weight, clip) for clip in x])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)
