"""Matrix products by numba's kernel, and the point-wise maps made of them, against torch's in float64."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.lowering.kernels import choice
from tsdsl.lowering.kernels.cpu import product as product_numba
from tsdsl.lowering.ops.convolution import convolution, plain_convolution
from tsdsl.lowering.ops.products import batched_product, pointwise

pytestmark = pytest.mark.skipif(
    choice.kernels_of("cpu") != choice.NUMBA,
    reason="waits for numba and a processor with AVX2 or AVX-512",
)
# Rows, terms, columns: single ones, less than a block, ragged, more terms than are summed at a time, many columns.
SIZES = [(1, 1, 1), (3, 5, 7), (8, 16, 48), (23, 40, 50), (41, 1100, 19), (5, 2500, 33), (70, 9, 200), (300, 600, 130)]


def drawn(*sizes, seed=0):
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(mine, theirs):
    assert mine.shape == theirs.shape
    scale = max(1.0, theirs.abs().max().item())
    torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize(("rows", "terms", "columns"), SIZES)
def test_a_product_is_torchs(rows, terms, columns, is_transposed, threads):
    a = drawn(terms, rows).t() if is_transposed else drawn(rows, terms)
    b = drawn(terms, columns, seed=1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found = [product_numba.product(a.float(), b.float()) for _ in range(2)]
    torch.set_num_threads(before)
    close(found[0], a @ b)
    assert torch.equal(*found)


@pytest.mark.parametrize("layout", ["contiguous", "part of the columns", "part of the rows", "transposed"])
def test_matrices_may_be_parts_of_others(layout):
    a, b = drawn(30, 40), drawn(40, 50, seed=1)
    if layout == "part of the columns":
        a, b = a[:, 3:20], b[:17, 5:40]
    elif layout == "part of the rows":
        a, b = a[::3], b[:, :17]
    elif layout == "transposed":
        a, b = drawn(40, 30).t(), drawn(50, 40).t()
    found = torch.ops.tsdsl.matrix_product(a.float(), b.float())
    close(found, a @ b)


@pytest.mark.parametrize(("positions", "inputs", "outputs"), [(50, 9, 3), (50, 3, 40), (9, 70, 33), (1, 1, 1)])
def test_a_point_wise_map_has_torchs_values_and_first_and_second_derivatives(positions, inputs, outputs):
    given = drawn(positions, inputs), drawn(outputs, inputs, seed=1)
    found = []
    for dtype, function in ((torch.float32, pointwise), (torch.float64, torch.nn.functional.linear)):
        x, weight = (tensor.to(dtype).requires_grad_() for tensor in given)
        y = function(x, weight)
        first = torch.autograd.grad(y.square().sum(), (x, weight))
        (again,) = torch.autograd.grad(function(x, weight).pow(3).sum(), x, create_graph=True)
        found.append([y, *first, *torch.autograd.grad(again.sum(), (x, weight))])
    for mine, theirs in zip(*found, strict=True):
        close(mine, theirs)


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2)])
def test_a_point_wise_convolution_has_torchs_values_gradients_and_operations(stride):
    x, weight = drawn(2, 20, 3, 7, 6), drawn(33, 20, 1, 1, 1, seed=1)
    found, operations = [], []
    for dtype, function in ((torch.float32, convolution), (torch.float64, plain_convolution)):
        leaves = [tensor.to(dtype).requires_grad_() for tensor in (x, weight)]
        with FlopCounterMode(display=False) as counter:
            y = function(*leaves, None, stride)
        operations.append(counter.get_total_flops())
        found.append([y, *torch.autograd.grad(y.square().sum(), leaves)])
    for mine, theirs in zip(*found, strict=True):
        close(mine, theirs)
    assert operations[0] == operations[1] > 0


def test_gradients_of_each_sample_by_vmap_are_those_of_single_clips():
    x, weight = drawn(3, 4, 2, 3, 3).float(), drawn(5, 4, 1, 1, 1, seed=1).float()

    def loss(weight, clip):
        return convolution(clip[None], weight).square().sum()

    together = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weight, x)
    alone = torch.stack([torch.func.grad(loss)(weight, clip) for clip in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_an_operator_knows_its_shape_without_data():
    arguments = (drawn(3, 4).float(), drawn(4, 5).float())
    torch.library.opcheck(torch.ops.tsdsl.matrix_product, arguments, test_utils=("test_faketensor", "test_schema"))


@pytest.mark.parametrize("is_transposed", [False, True])
def test_products_of_each_sample_have_torchs_values_and_first_and_second_derivatives(is_transposed):
    given = drawn(3, 50, 20) if is_transposed else drawn(3, 20, 50), drawn(3, 50, 33, seed=1)
    found = []
    for dtype, function in ((torch.float32, batched_product), (torch.float64, torch.matmul)):
        a, b = (tensor.to(dtype).requires_grad_() for tensor in given)
        seen = a.transpose(1, 2) if is_transposed else a
        y = function(seen, b)
        first = torch.autograd.grad(y.square().sum(), (a, b))
        (again,) = torch.autograd.grad(function(seen, b).pow(3).sum(), a, create_graph=True)
        found.append([y, *first, *torch.autograd.grad(again.sum(), (a, b))])
    for mine, theirs in zip(*found, strict=True):
        close(mine, theirs)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (16, 16), (16, 5), (33, 70), (100, 48)])
def test_a_matrix_is_transposed(rows, columns, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a = drawn(rows, columns).float()
    assert torch.equal(product_numba.transposed(a), a.t())
    torch.set_num_threads(before)
