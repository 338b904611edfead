"""A sliced step is a dense one on what was used, and no step at all on the rest."""

from __future__ import annotations

import pytest
import torch

from tsdsl.lowering import Supernet, WeightedGradients, dense_step, sliced_sgd, sliced_step
from tsdsl.lowering.accumulator import Part
from tsdsl.lowering.kernels import choice
from tsdsl.lowering.slices import add, compact_sizes, covering, pieces, take, within
from tsdsl.network.layout import Blueprint


@pytest.fixture
def supernet(small_space):
    return Supernet(Blueprint(small_space), seed=0).double()


def sgd(supernet, momentum=0.9, nesterov=True, weight_decay=0.01, **more):
    return torch.optim.SGD(
        supernet.parameters(), lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, **more
    )


def gradients(supernet, draw, seeds):
    """Softmax-weighted gradients of random architectures."""
    found = WeightedGradients(supernet)
    for seed in seeds:
        leaves = supernet.leaves(draw(supernet.blueprint.space, seed))
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(2, 3, leaves.layout.network.frames, 8, 8, generator=generator, dtype=torch.float64)
        supernet.run(x, leaves).square().mean().backward()
        found.add(leaves, float(seed) / 10)
    return found


@pytest.mark.parametrize(
    ("momentum", "nesterov", "weight_decay"), [(0.9, True, 0.01), (0.9, False, 0.0), (0.0, False, 0.01)]
)
def test_what_is_used_moves_as_by_a_dense_step(supernet, draw, momentum, nesterov, weight_decay):
    twin = Supernet(supernet.blueprint, seed=0).double()
    sliced, dense = (sgd(net, momentum, nesterov, weight_decay) for net in (supernet, twin))
    for _ in range(3):
        # The same architectures each time, as a dense step also moves what earlier ones used.
        _, parts = gradients(supernet, draw, (0, 1, 2)).finish_parts()
        regions = {name: part.region for name, part in parts.items()}
        sliced_step(sliced, supernet.placed, parts)
        gradients(twin, draw, (0, 1, 2)).finish()
        dense.step()
        dense.zero_grad(set_to_none=True)
    for name, region in regions.items():
        torch.testing.assert_close(
            take(supernet.placed[name], region), take(twin.placed[name], region), rtol=1e-10, atol=1e-12
        )


def test_what_is_not_used_stays_to_the_bit(supernet, draw):
    before = {name: tensor.detach().clone() for name, tensor in supernet.placed.items()}
    _, parts = gradients(supernet, draw, (0,)).finish_parts()
    regions = {name: part.region for name, part in parts.items()}
    sliced_step(sgd(supernet), supernet.placed, parts)
    num_moved = 0
    for name, tensor in supernet.placed.items():
        moved = tensor != before[name]
        if name in regions:
            used = torch.zeros_like(moved)
            take_view(used, regions[name]).fill_(True)
            num_moved += int((moved & used).sum())
            moved &= ~used
        assert not moved.any(), name
    assert num_moved > 1000


def take_view(tensor, region):
    """The region as a view; one range an axis."""
    for axis, ((start, length),) in enumerate(region):
        tensor = tensor.narrow(axis, start, length)
    return tensor


def test_the_foreach_way_of_devices_gives_the_same(supernet, draw, monkeypatch):

    twin = Supernet(supernet.blueprint, seed=0).double()
    for net in (supernet, twin):
        optimiser = sgd(net)
        for seed in (0, 1):
            _, parts = gradients(net, draw, (seed,)).finish_parts()
            sliced_step(optimiser, net.placed, parts)
        monkeypatch.setattr(
            sliced_sgd,
            "_update",
            lambda group, w, g, m: sliced_sgd._update_together(group, w, g, [x for x in m if x is not None]),
        )
    for name, tensor in supernet.placed.items():
        torch.testing.assert_close(tensor, twin.placed[name], rtol=1e-12, atol=1e-14)


def test_an_optimiser_that_is_no_plain_sgd_is_refused(supernet, draw):
    _, parts = gradients(supernet, draw, (0,)).finish_parts()
    with pytest.raises(ValueError, match="expected an SGD optimiser"):
        sliced_step(sgd(supernet, nesterov=False, dampening=0.5), supernet.placed, parts)


def test_a_covering_region_holds_both_and_says_where_they_lie():
    one, other = (((0, 2), (6, 1)), ((0, 3),)), (((1, 3),), ((2, 2),))
    box = covering(one, other)
    assert box == (((0, 4), (6, 1)), ((0, 4),))
    assert compact_sizes(box) == (5, 4)
    assert within(one, box) == (((0, 2), (4, 1)), ((0, 3),))
    shared = torch.arange(7 * 4).reshape(7, 4)
    assert torch.equal(take(take(shared, box), within(other, box)), take(shared, other))


MOMENTA = [(0.9, True, 0.01), (0.9, False, 0.0)]
REGIONS = {
    "all of it": ((40, 7, 1, 3, 3), (((0, 40),), ((0, 7),), ((0, 1),), ((0, 3),), ((0, 3),))),
    "a prefix": ((40, 70, 1, 1, 1), (((0, 23),), ((0, 37),), ((0, 1),), ((0, 1),), ((0, 1),))),
    "a kernel's centre": ((40, 1, 5, 5, 5), (((0, 23),), ((0, 1),), ((1, 3),), ((0, 5),), ((1, 3),))),
    "several ranges": ((9, 40, 1, 1, 1), (((0, 5),), ((0, 11), (20, 18)), ((0, 1),), ((0, 1),), ((0, 1),))),
    "a vector": ((37,), (((0, 21),),)),
    "a range within": ((37, 50), (((3, 20),), ((5, 33),))),
}


def three_steps(step, threads, momentum, nesterov, weight_decay, dtype=torch.float32):
    """Weights and momenta after some steps with gradients of parts of weights."""
    generator = torch.Generator().manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    placed = {
        name: torch.randn(sizes, generator=generator, dtype=dtype).requires_grad_()
        for name, (sizes, _) in REGIONS.items()
    }
    optimiser = torch.optim.SGD(
        placed.values(), lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True
    )
    for weight in placed.values():
        optimiser.state[weight]["momentum_buffer"] = torch.randn(weight.shape, generator=generator, dtype=dtype)
    for _ in range(3):
        parts = {
            name: Part(region, torch.randn(compact_sizes(region), generator=generator, dtype=dtype))
            for name, (_, region) in REGIONS.items()
        }
        step(optimiser, placed, parts)
    torch.set_num_threads(before)
    return placed, {name: optimiser.state[weight]["momentum_buffer"] for name, weight in placed.items()}


def step_of_torch(optimiser, placed, parts):
    for name, part in parts.items():
        placed[name].grad = torch.zeros_like(placed[name])
        add(placed[name].grad, part.region, part.gradient)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("momentum", "nesterov", "weight_decay"), [*MOMENTA, (0.0, False, 0.01)])
def test_a_dense_step_is_torchs(momentum, nesterov, weight_decay, dtype, threads):
    found = three_steps(dense_step, threads, momentum, nesterov, weight_decay, dtype)
    expected = three_steps(step_of_torch, threads, momentum, nesterov, weight_decay, dtype)
    for mine, theirs in zip(found, expected, strict=True):
        for name, tensor in mine.items():
            # In float32 torch rounds the last few elements in another way.
            torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=0 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize(("momentum", "nesterov", "weight_decay"), MOMENTA)
def test_a_sliced_step_moves_the_parts_as_a_dense_one_and_nothing_else(momentum, nesterov, weight_decay):
    def nothing(optimiser, placed, parts):
        pass

    sliced, dense, start = (
        three_steps(step, 1, momentum, nesterov, weight_decay) for step in (sliced_step, dense_step, nothing)
    )
    for mine, all_moved, unmoved in zip(sliced, dense, start, strict=True):
        for name, (_, region) in REGIONS.items():
            expected = unmoved[name].detach().clone()
            with torch.no_grad():
                for target, source in pieces(expected, region, take(all_moved[name], region)):
                    target.copy_(source)
            torch.testing.assert_close(mine[name].detach(), expected, rtol=0, atol=1e-6)
            used = torch.zeros_like(expected)
            add(used, region, torch.ones(compact_sizes(region)))
            assert torch.equal(mine[name][used == 0], unmoved[name][used == 0])


def test_a_dense_step_leaves_weights_without_a_part():
    placed = {name: torch.ones(5, requires_grad=True) for name in ("used", "other")}
    optimiser = torch.optim.SGD(placed.values(), lr=0.1, momentum=0.9, weight_decay=0.1, fused=True)
    for weight in placed.values():
        optimiser.state[weight]["momentum_buffer"] = torch.ones(5)
    dense_step(optimiser, placed, {"used": Part((((0, 2),),), torch.ones(2))})
    assert torch.equal(placed["other"], torch.ones(5))
    assert (placed["used"] != 1).all()


def test_steps_without_numba_give_the_same(monkeypatch):
    expected = three_steps(dense_step, 1, *MOMENTA[0])
    monkeypatch.setattr(choice, "kernels_of", lambda device_type: "torch (numba is not installed)")
    found = three_steps(dense_step, 1, *MOMENTA[0])
    for name, tensor in expected[0].items():
        torch.testing.assert_close(tensor, found[0][name], rtol=0, atol=1e-6)
