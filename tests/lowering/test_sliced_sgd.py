"""A sliced step is a dense one on what was used, and no step at all on the rest."""

from __future__ import annotations

import pytest
import torch

from tsdsl.analysis.network import Blueprint
from tsdsl.lowering import Supernet, WeightedGradients, sliced_step
from tsdsl.lowering.slices import compact_sizes, covering, take, within


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
    from tsdsl.lowering import sliced_sgd

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
    with pytest.raises(ValueError, match="plain SGD"):
        sliced_step(sgd(supernet, nesterov=False, dampening=0.5), supernet.placed, parts)


def test_a_covering_region_holds_both_and_says_where_they_lie():
    one, other = (((0, 2), (6, 1)), ((0, 3),)), (((1, 3),), ((2, 2),))
    box = covering(one, other)
    assert box == (((0, 4), (6, 1)), ((0, 4),))
    assert compact_sizes(box) == (5, 4)
    assert within(one, box) == (((0, 2), (4, 1)), ((0, 3),))
    shared = torch.arange(7 * 4).reshape(7, 4)
    assert torch.equal(take(take(shared, box), within(other, box)), take(shared, other))
